"""Pre-quantized copies: what a first load quantized is kept, so that the next one only reads it.

A copy is keyed by the source's fingerprint, the weights' recipe and the libraries' versions, written aside, then
renamed, so that a half-written one is never found. What it is stands beside it (see `kept`) and is checked before it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError

from playground.formatting import size
from playground.models.cache import (
    CopyNote,
    copies_folder,
    copy_key,
    installed_versions,
    move_into_place,
    note_files,
    sha256,
    size_of,
    system_reason,
    what_is_wrong,
    write_note,
)
from playground.models.folders import StatusCallback, title
from playground.spec.weights import Weights

_SMALL = (".json", ".jinja", ".model", ".txt")
_REMEDY = "the next load quantizes again; make room (python -m playground cache --prune) or give another folder with PLAYGROUND_CACHE_DIR"


class CopyError(Exception):
    """The copy could not be kept; one sentence. The loaded model itself is fine."""


class DamagedCopy(Exception):
    """The copy is not what was written; one clause."""


class Savable(Protocol):
    save_pretrained: Callable[..., Any]


class Copies:
    """The copies below a cache folder. A source is known by its fingerprint."""

    def __init__(self, cache_dir: Path) -> None:
        self._folder = copies_folder(cache_dir)

    @property
    def size_bytes(self) -> int:
        """On disk, all of them."""
        return size_of(self._folder)

    def find(self, fingerprint: str, weights: Weights) -> Path | None:
        """The copy, if there is one; whether it is whole, `check` says."""
        copy = self._folder / copy_key(fingerprint, asdict(weights.recipe()), installed_versions())
        return copy if copy.is_dir() else None

    def check(self, copy: Path) -> None:
        """Raises DamagedCopy. Files that did not change since they were written are not read for it."""
        if wrong := what_is_wrong(copy):
            raise DamagedCopy(wrong)

    def keep(self, model: Savable, size_bytes: int, folder: Path, fingerprint: str, weights: Weights, adapter: str = "") -> None:
        """Writes the copy of the model that was read from `folder`; only before its first forward. Raises CopyError.

        `adapter`: the name of the one that is merged into it.
        """
        variant = f"{weights.filled()}{f'+{adapter}.merged' if adapter else ''}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if (free := shutil.disk_usage(self._folder).free) < size_bytes:
                raise CopyError(
                    f"no {variant} copy is kept: it takes {size(size_bytes)}, {size(free)} are free in the cache folder; {_REMEDY}"
                )
            aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=self._folder))
        except OSError as error:
            raise _unwritten(variant, error) from error
        try:
            model.save_pretrained(aside)
            note = _note(aside, variant, folder, fingerprint, weights)
            write_note(aside, note)
            _flush(aside)
            move_into_place(aside, self._folder / note.key)
        except (OSError, SafetensorError) as error:
            raise _unwritten(variant, error) from error
        except (ValueError, RuntimeError, NotImplementedError) as error:
            raise CopyError(f"no {variant} copy could be kept: {error}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def discard(self, copy: Path) -> None:
        shutil.rmtree(copy, ignore_errors=True)


def _unwritten(variant: str, error: Exception) -> CopyError:
    """Visitors read it too, so the operator's folder is not in it; the command that is named says it."""
    return CopyError(f"no {variant} copy is kept: {system_reason(error)} while writing to the cache folder; {_REMEDY}")


def _note(copy: Path, variant: str, folder: Path, fingerprint: str, weights: Weights) -> CopyNote:
    return CopyNote(
        model=title(folder),
        variant=variant,
        source=fingerprint,
        quantization=asdict(weights.recipe()),
        versions=installed_versions(),
        created=datetime.now(UTC),
        files=note_files(copy),
    )


def _flush(folder: Path) -> None:
    """To the disk, before the rename says that all is there: an unchanged file is not read again to find out."""
    for file in folder.iterdir():
        with file.open("r+b") as stream:
            os.fsync(stream.fileno())


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model's folder holds. `fingerprint` also covers its configuration, tokenizer and chat template."""

    weights_sha256: str
    """Of the one safetensors file, or over the sha256 of several in name order."""
    tokenizer_sha256: str | None
    fingerprint: str


class Hashes:
    """sha256 of weights, remembered by path, size and modification time: hashing gigabytes at each load would be felt."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, folder: Path, report_status: StatusCallback) -> Identity:
        """Raises OSError when a file cannot be read."""
        digests = [self._weights(file, report_status) for file in sorted(folder.glob("*.safetensors"))]
        weights = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        small = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.suffix in _SMALL and file.is_file()}
        everything = json.dumps([weights, small], sort_keys=True)
        return Identity(weights, small.get("tokenizer.json"), hashlib.sha256(everything.encode()).hexdigest())

    def _weights(self, file: Path, report_status: StatusCallback) -> str:
        stat, known = file.stat(), self._read()
        key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in known:
            report_status(f"reading the sha256 of {file.name}")
            known[key] = sha256(file)
            self._write(known)
        return known[key]

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._file.read_text()))
        except (OSError, ValueError):
            return {}

    def _write(self, known: dict[str, str]) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._file.parent, delete=False) as aside:
                json.dump(known, aside)
            Path(aside.name).replace(self._file)
        except OSError:  # only a convenience: without it the files are hashed again
            return
