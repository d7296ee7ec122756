"""Models from the Hub: those that are on this machine already, and bringing others. Torch-free.

A download is a process of its own (`python -m playground.models.hub`), ended at once when it is no longer wanted, whatever it
waits for: a name server, a silent host, a library's own threads. It ends by itself when its input does.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock, Timeout
from huggingface_hub import HfApi, constants, get_session, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import filter_repo_objects, tqdm  # type: ignore[attr-defined]

from playground.formatting import amount, size
from playground.settings import child_environment

# Weights in safetensors, and what a tokenizer and a config may consist of; never pickled weights or code, nothing twice.
_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt"]
_UNWANTED = ["*/*", "consolidated*"]

_CHUNK_BYTES = 128 * 1024
"""The library's own, 10 MiB, would let a slow line's progress stand still for a minute."""
_TELL_EVERY_S = 0.25
_SHOW_EVERY_S = 0.5
_PACE_OVER_S = 3.0
_POLL_S = 0.1


class HubError(Exception):
    """The model cannot be had from the Hub; the text is one sentence for the reader, with how to get access."""


class Cancelled(Exception):
    """The download was ended because it was no longer wanted."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository of the Hub, at a branch, tag or commit ("org/name@revision"; None: its main branch), and where its files are kept."""

    repo: str
    revision: str | None
    endpoint: str
    cache_dir: Path

    @classmethod
    def of(cls, model_id: str) -> HubModel:
        repo, _, revision = model_id.partition("@")
        return cls(repo, revision or None, constants.ENDPOINT, Path(constants.HF_HUB_CACHE))

    @property
    def id(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def address(self) -> str:
        """Where a person reads about it."""
        return f"{self.endpoint.removeprefix('https://')}/{self.repo}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. `bytes_per_s`: over the last seconds; None until it is known."""

    done_bytes: int
    total_bytes: int
    bytes_per_s: float | None

    @property
    def fraction(self) -> float:
        return self.done_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def words(self) -> str:
        pace = f", {size(self.bytes_per_s)}/s" if self.bytes_per_s else ", waiting for the Hub" if self.bytes_per_s == 0 else ""
        return f"downloading, {amount(self.done_bytes, self.total_bytes)}{pace}"


class Pace:
    """Bytes that have come, seen from time to time → `Progress`."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def take(self, now_s: float, done_bytes: int, total_bytes: int) -> Progress:
        while len(self._seen) > 1 and now_s - self._seen[1][0] >= _PACE_OVER_S:
            self._seen.popleft()
        self._seen.append((now_s, done_bytes))
        began_s, before_bytes = self._seen[0]
        elapsed_s = now_s - began_s
        # A file that has to be begun again takes bytes back: no pace below zero.
        pace = max(0, done_bytes - before_bytes) / elapsed_s if elapsed_s >= _TELL_EVERY_S else None
        return Progress(min(done_bytes, total_bytes), total_bytes, pace)


Show = Callable[[Progress], None]


def reachable(timeout_s: float = 3.0) -> bool:
    """Whether the Hub answers; False when the environment says offline."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return True


def _snapshot(model: HubModel, **how: Any) -> Path:
    """The model's folder, with what is wanted of it and nothing else."""
    wanted: dict[str, Any] = {"allow_patterns": _WANTED, "ignore_patterns": _UNWANTED}
    return Path(snapshot_download(model.repo, revision=model.revision, cache_dir=model.cache_dir, **wanted, **how))


def find(model: HubModel) -> Path | None:
    """The folder of a model that is wholly on this machine already. No network."""
    try:
        folder = _snapshot(model, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError):
        return None
    return folder if (folder / "config.json").is_file() and _has_all_weights(folder) else None


def _has_all_weights(folder: Path) -> bool:
    indexes = [json.loads(index.read_text(encoding="utf-8")) for index in folder.glob("*.safetensors.index.json")]
    parts = {name for index in indexes for name in index.get("weight_map", {}).values()}
    return all((folder / name).is_file() for name in parts) and any(folder.glob("*.safetensors"))


def download(model: HubModel, show: Show, cancelled: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> Path:
    """The folder, brought from the Hub. `show` is called about twice a second. Raises HubError, Cancelled.

    Files that were complete when a download was ended are kept for the next; of others nothing is left.
    """
    if constants.HF_HUB_OFFLINE:
        raise HubError(f"{not_in_reach(model)}: HF_HUB_OFFLINE is set")
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, model.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment() | {"HF_ENDPOINT": model.endpoint, "HF_HUB_CACHE": str(model.cache_dir)},
        start_new_session=True,
    )
    try:
        return _followed(model, process, show, cancelled, clock)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        remove_leftovers(model)


def _followed(
    model: HubModel, process: subprocess.Popen[bytes], show: Show, cancelled: Callable[[], bool], clock: Callable[[], float]
) -> Path:
    pace, due_s, shown = Pace(), 0.0, ""
    for note in _notes(process):
        if cancelled():
            raise Cancelled
        match note:
            case {"folder": folder}:
                return Path(folder)
            case {"error": sentence}:
                raise HubError(sentence)
            case {"done": done, "total": total}:
                now_s = clock()
                progress = pace.take(now_s, done, total)
                if now_s >= due_s and progress.words != shown:
                    due_s, shown = now_s + _SHOW_EVERY_S, progress.words
                    show(progress)
            case _:
                continue
    raise HubError(f"the download of {model.id!r} ended with code {process.wait()}; run again to go on with it")


def _notes(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What the process tells; an empty note when it has said nothing for a moment. Ends with it."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.put(line)
        except ValueError:  # the pipe was closed: nobody listens any more
            return
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            yield {}
            continue
        if line is None:
            return
        note: dict[str, Any] = json.loads(line)
        yield note


def not_in_reach(model: HubModel) -> str:
    return f"model {model.id!r} is not on this machine and the Hub is not in reach ({model.endpoint})"


def remove_leftovers(model: HubModel) -> None:
    """Parts of files that nobody is writing any more: no later download goes on with them, they only fill the disk."""
    folder = f"models--{model.repo.replace('/', '--')}"
    for part in (model.cache_dir / folder / "blobs").glob("*.incomplete"):
        lock = model.cache_dir / ".locks" / folder / f"{part.name.partition('.')[0]}.lock"
        try:
            with FileLock(lock, timeout=0):
                part.unlink(missing_ok=True)
        except (Timeout, OSError):  # another process is at it, or it is not ours to remove
            continue


# The process.


def fetch(model: HubModel, tell: Callable[[dict[str, Any]], None]) -> Path:
    """Downloads in this process and tells how far it is. Raises HubError, and whatever the library raises (see `sentence_for`)."""
    if not reachable():
        raise HubError(not_in_reach(model))
    api = HfApi()
    listed = {entry.path: entry.size for entry in api.list_repo_tree(model.repo, revision=model.revision) if isinstance(entry, RepoFile)}
    sizes = {name: listed[name] for name in filter_repo_objects(listed, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)}
    _refuse_without_weights(model, listed, sizes)
    here = sum(sizes[name] for name in sizes if _is_here(model, name))
    _refuse_without_room(model, sum(sizes.values()) - here)
    bars: list[_Counting] = []
    kind = _counting(bars)
    over = threading.Event()

    def report() -> None:
        while not over.wait(_TELL_EVERY_S):
            tell({"done": here + max((bar.counted for bar in bars), default=0), "total": sum(sizes.values())})

    tell({"done": here, "total": sum(sizes.values())})
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        return _snapshot(model, tqdm_class=kind)
    finally:
        over.set()
        reporter.join()


def _is_here(model: HubModel, name: str) -> bool:
    return isinstance(try_to_load_from_cache(model.repo, name, cache_dir=model.cache_dir, revision=model.revision), str)


def _refuse_without_weights(model: HubModel, listed: dict[str, int], wanted: dict[str, int]) -> None:
    if "config.json" not in listed:
        raise HubError(f"model {model.id!r} has no config.json on the Hub ({model.address}): it is not a model for transformers")
    if not any(name.endswith(".safetensors") for name in wanted):
        others = sorted({Path(name).suffix for name in listed} & {".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"})
        found = f", only {', '.join(others)}" if others else ""
        raise HubError(f"model {model.id!r} has no safetensors weights on the Hub ({model.address}){found}; others are not loaded")


def _refuse_without_room(model: HubModel, need_bytes: int) -> None:
    there = next(folder for folder in (model.cache_dir, *model.cache_dir.parents) if folder.is_dir())
    free_bytes = shutil.disk_usage(there).free
    if need_bytes > free_bytes:
        have = f"{size(free_bytes)} is free in {str(there)!r}"
        raise HubError(f"model {model.id!r} needs {size(need_bytes)} of disk, {have}; free some or set HF_HOME to a larger disk")


class _Counting(tqdm):
    """A progress bar that is not drawn but counted: bars of bytes only."""

    counted: int


def _counting(bars: list[_Counting]) -> type[_Counting]:
    """The class that the library makes its bars of; those that count bytes land in `bars`.

    It has one of bytes received and one of bytes written; whichever is further tells how far the download is.
    """

    class Bar(_Counting):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more | {"disable": True})  # type: ignore[no-untyped-call]
            self.counted = int(more.get("initial") or 0)
            if more.get("unit") == "B":
                bars.append(self)

        def update(self, n: float | None = 1) -> bool | None:
            self.counted += int(n or 0)
            return None

    return Bar


def sentence_for(error: Exception, model: HubModel) -> str:
    """Why a download failed, in one sentence, and how to get access."""
    login = "log in with `hf auth login` or set HF_TOKEN on the server"
    match error:
        case GatedRepoError():
            return f"model {model.id!r} is gated: accept its licence at {model.address}, then {login}"
        case RepositoryNotFoundError():
            return f"model {model.id!r} is not on the Hub, or it is private: check the id at {model.address}; for a private one {login}"
        case RevisionNotFoundError():
            return f"model {model.repo!r} has no revision {model.revision or 'main'!r}; see {model.address}/tree/main for those it has"
        case HFValidationError():
            return f"model {model.id!r} is neither a folder nor an id of the Hub (allowed: organisation/name)"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"the disk is full in {str(model.cache_dir)!r} while downloading {model.id!r}; free some or set HF_HOME to a larger disk"
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS | errno.ENOTDIR):
            return f"{str(model.cache_dir)!r} cannot be written to download {model.id!r}; set HF_HOME to a folder that can be"
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return f"the Hub refuses access to model {model.id!r}: check HF_TOKEN on the server, or {login}"
        case HfHubHTTPError():
            return f"model {model.id!r} could not be downloaded: the Hub answered {error.response.status_code}; run again to go on with it"
        case httpx.HTTPError() | LocalEntryNotFoundError():
            return f"the download of {model.id!r} broke off: {model.endpoint} is not in reach; run again to go on with it"
        case _:
            return f"model {model.id!r} could not be downloaded: {' '.join(str(error).split())[:300] or type(error).__name__}"


def main(arguments: list[str]) -> None:
    """What the process does: downloads, and tells of it in JSON lines."""
    [model_id] = arguments
    model = HubModel.of(model_id)
    threading.Thread(target=_end_with_input, daemon=True).start()
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
    try:
        _tell({"folder": str(fetch(model, _tell))})
    except HubError as error:
        _tell({"error": str(error)})
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        _tell({"error": sentence_for(error, model)})


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _tell(note: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(note) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
