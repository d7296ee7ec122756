"""The process that downloads a model from the Hub: JSON lines about its progress on its output, until its input ends.

Each line is {"done": bytes, "total": bytes}, and the last one {"folder": path} or {"error": sentence}.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import HfApi, constants, try_to_load_from_cache
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

from playground.formatting import size
from playground.models.hub import REPORT_EVERY_S, UNWANTED, WANTED, HubError, HubModel, not_in_reach, reachable, snapshot

_CHUNK_BYTES = 128 * 1024
"""The library's own, 10 MiB, would let a slow line's progress stand still for a minute."""


def fetch(model: HubModel, report: Callable[[dict[str, Any]], None]) -> Path:
    """Downloads in this process and reports how far it is. Raises HubError, and whatever the library raises (see `sentence_for`)."""
    if not reachable():
        raise HubError(not_in_reach(model))
    api = HfApi()
    listed = {entry.path: entry.size for entry in api.list_repo_tree(model.repo, revision=model.revision) if isinstance(entry, RepoFile)}
    sizes = {name: listed[name] for name in filter_repo_objects(listed, allow_patterns=WANTED, ignore_patterns=UNWANTED)}
    _refuse_without_weights(model, listed, sizes)
    here = sum(sizes[name] for name in sizes if _is_here(model, name))
    _refuse_without_room(model, sum(sizes.values()) - here)
    bars: list[_Counting] = []
    kind = _counting(bars)
    over = threading.Event()

    def report_often() -> None:
        while not over.wait(REPORT_EVERY_S):
            report({"done": here + max((bar.counted for bar in bars), default=0), "total": sum(sizes.values())})

    report({"done": here, "total": sum(sizes.values())})
    reporter = threading.Thread(target=report_often, daemon=True)
    reporter.start()
    try:
        return snapshot(model, tqdm_class=kind)
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
    """What the process does: downloads, and reports in JSON lines."""
    [model_id] = arguments
    model = HubModel.of(model_id)
    threading.Thread(target=_end_with_input, daemon=True).start()
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
    try:
        _write({"folder": str(fetch(model, _write))})
    except HubError as error:
        _write({"error": str(error)})
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        _write({"error": sentence_for(error, model)})


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _write(note: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(note) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
