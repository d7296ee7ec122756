"""Models from the Hub: those that are on this machine already, and bringing others. Torch-free.

A download is a process of its own (`python -m playground.models.hub_download`), ended at once when it is no longer wanted, whatever it
waits for: a name server, a silent host, a library's own threads. It ends by itself when its input does.
"""

from __future__ import annotations

import json
import queue
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
from huggingface_hub import constants, get_session, snapshot_download
from huggingface_hub.errors import (
    LocalEntryNotFoundError,
)

from playground.formatting import amount, size
from playground.settings import child_environment

# Weights in safetensors, and what a tokenizer and a config may consist of; never pickled weights or code, nothing twice.
WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt"]
UNWANTED = ["*/*", "consolidated*"]

DOWNLOADER = "playground.models.hub_download"
REPORT_EVERY_S = 0.25
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
        pace = max(0, done_bytes - before_bytes) / elapsed_s if elapsed_s >= REPORT_EVERY_S else None
        return Progress(min(done_bytes, total_bytes), total_bytes, pace)


ProgressCallback = Callable[[Progress], None]


def reachable(timeout_s: float = 3.0) -> bool:
    """Whether the Hub answers; False when the environment says offline."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return True


def snapshot(model: HubModel, **how: Any) -> Path:
    """The model's folder, with what is wanted of it and nothing else."""
    wanted: dict[str, Any] = {"allow_patterns": WANTED, "ignore_patterns": UNWANTED}
    return Path(snapshot_download(model.repo, revision=model.revision, cache_dir=model.cache_dir, **wanted, **how))


def find(model: HubModel) -> Path | None:
    """The folder of a model that is wholly on this machine already. No network."""
    try:
        folder = snapshot(model, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError):
        return None
    return folder if (folder / "config.json").is_file() and _has_all_weights(folder) else None


def _has_all_weights(folder: Path) -> bool:
    indexes = [json.loads(index.read_text(encoding="utf-8")) for index in folder.glob("*.safetensors.index.json")]
    parts = {name for index in indexes for name in index.get("weight_map", {}).values()}
    return all((folder / name).is_file() for name in parts) and any(folder.glob("*.safetensors"))


def download(model: HubModel, show: ProgressCallback, cancelled: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> Path:
    """The folder, brought from the Hub. `show` is called about twice a second. Raises HubError, Cancelled.

    Files that were complete when a download was ended are kept for the next; of others nothing is left.
    """
    if constants.HF_HUB_OFFLINE:
        raise HubError(f"{not_in_reach(model)}: HF_HUB_OFFLINE is set")
    process = subprocess.Popen(
        [sys.executable, "-m", DOWNLOADER, model.id],
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
    model: HubModel, process: subprocess.Popen[bytes], show: ProgressCallback, cancelled: Callable[[], bool], clock: Callable[[], float]
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
