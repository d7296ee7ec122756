"""What the cache folder keeps, what each thing is, and throwing away what is of no use. Torch-free.

Every pre-quantized copy has a note beside it, `copy.json`, written when the copy was. A copy that is not what its note says, or has
none, is damaged: its weights would load and give wrong tokens.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from playground.formatting import size

NOTE = "copy.json"
_VERSIONS = ("bitsandbytes", "transformers", "torch")
_ASIDE = (".writing-", ".converting-", ".removing-")
_COPY = re.compile("[0-9a-f]{32}")
_QUIET_FOR_S = 600.0
"""A folder written aside in which nothing changed for so long is nobody's any more; who writes one does little else."""

State = Literal["current", "stale", "damaged", "being written", "left behind"]


class _Json(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileNote(_Json):
    size_bytes: int
    sha256: str
    mtime_ns: int
    """When the sha256 was last seen to be right. A file that has not changed since is not read again to find out."""


class CopyNote(_Json):
    """What a copy is."""

    model: str
    variant: str
    """As a lane text, its options said."""
    source: str
    """The fingerprint of the model it was made from, and the key of the adapter merged into it."""
    quantization: dict[str, Any]
    versions: dict[str, str]
    created: AwareDatetime
    files: dict[str, FileNote]

    @property
    def key(self) -> str:
        return copy_key(self.source, self.quantization, self.versions)


def copy_key(source: str, quantization: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """The name of a copy's folder."""
    what = {"source": source, "quantization": quantization, "versions": versions}
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]


def installed_versions() -> dict[str, str]:
    """Of the libraries that a copy's meaning depends on."""
    return {name: _version(name) for name in _VERSIONS}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def note_files(copy: Path) -> dict[str, FileNote]:
    """Of all files as they lie there now."""
    found = {name: copy / name for name in _names(copy)}
    return {
        name: FileNote(size_bytes=(stat := file.stat()).st_size, sha256=sha256(file), mtime_ns=stat.st_mtime_ns)
        for name, file in found.items()
    }


def write_note(copy: Path, note: CopyNote) -> None:
    """Written aside, then renamed. Raises OSError."""
    aside = copy / f".{NOTE}-{uuid.uuid4().hex}"
    aside.write_text(note.model_dump_json(indent=1), encoding="utf-8")
    aside.replace(copy / NOTE)


def read_note(copy: Path) -> CopyNote | None:
    try:
        return CopyNote.model_validate_json((copy / NOTE).read_bytes())
    except (OSError, ValidationError):
        return None


def what_is_wrong(copy: Path, thoroughly: bool = False) -> str | None:
    """With a copy, as a clause; None: it is what was written. Unless `thoroughly`, only files that changed since are read."""
    note = read_note(copy)
    if note is None:
        return f"has no {NOTE} that can be read"
    if note.key != copy.name:
        return f"has the {NOTE} of another copy"
    try:
        return _wrong_files(copy, note, thoroughly)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _wrong_files(copy: Path, note: CopyNote, thoroughly: bool) -> str | None:
    if different := _names(copy) ^ set(note.files):
        name = min(different)
        return f"{name} is missing" if name in note.files else f"{name} was not there when it was written"
    touched = {}
    for name, noted in note.files.items():
        stat = (copy / name).stat()
        if stat.st_size != noted.size_bytes:
            return f"{name} has {size(stat.st_size)}, {size(noted.size_bytes)} were written"
        if thoroughly or stat.st_mtime_ns != noted.mtime_ns:
            if sha256(copy / name) != noted.sha256:
                return f"{name} is not what was written"
            touched[name] = noted.model_copy(update={"mtime_ns": stat.st_mtime_ns})
    if any(touched[name] != note.files[name] for name in touched):
        with suppress(OSError):  # only a convenience: without it the file is read again at the next load
            write_note(copy, note.model_copy(update={"files": note.files | touched}))
    return None


def _names(copy: Path) -> set[str]:
    """Of a copy's files but its note, and not what is being written aside."""
    return {file.name for file in copy.iterdir() if file.name != NOTE and not file.name.startswith(".")}


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copies_folder(cache_dir: Path) -> Path:
    return cache_dir / "prequantized"


def models_folder(cache_dir: Path) -> Path:
    return cache_dir / "models"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what another process takes away meanwhile counts nothing."""
    total = 0
    for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with suppress(OSError):
            total += file.lstat().st_size if file.is_symlink() or file.is_file() else 0
    return total


@dataclass(frozen=True, slots=True)
class CacheItem:
    """One thing in the cache folder."""

    kind: Literal["model", "copy", "unfinished", "other"]
    what: str
    path: Path
    size_bytes: int
    since: datetime
    """When it was made; of what is unfinished, when it last changed."""
    state: State
    why: str = ""
    """Of a stale or damaged copy, a clause."""


def all_kept(cache_dir: Path, now_s: float, thoroughly: bool = False) -> list[CacheItem]:
    """Everything in the cache folder, by kind and name. Raises OSError when it cannot be read."""
    found: list[CacheItem] = []
    for path in sorted(cache_dir.iterdir()) if cache_dir.exists() else ():
        if path == copies_folder(cache_dir) and path.is_dir():
            found += [_copy(one, thoroughly) if _COPY.fullmatch(one.name) else _other(one) for one in _whole(path)]
            found += unfinished(path, now_s)
        elif path == models_folder(cache_dir) and path.is_dir():
            found += [CacheItem("model", one.name, one, size_of(one), _changed(one), "current") for one in _whole(path)]
            found += unfinished(path, now_s)
        else:
            found.append(_other(path))
    kinds = ("model", "copy", "unfinished", "other")
    return sorted(found, key=lambda one: (kinds.index(one.kind), one.what))


def _other(path: Path) -> CacheItem:
    return CacheItem("other", path.name, path, size_of(path), _changed(path), "current")


def _whole(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith(_ASIDE))


def unfinished(folder: Path, now_s: float, quiet_for_s: float = _QUIET_FOR_S) -> list[CacheItem]:
    """What is written or removed there now, and what a process that was ended in the middle of that left behind."""
    found = []
    for path in folder.iterdir():
        if path.name.startswith(_ASIDE):
            changed = max(_changed(file) for file in (path, *path.glob("*")))
            state: State = "left behind" if now_s - changed.timestamp() > quiet_for_s else "being written"
            found.append(CacheItem("unfinished", path.name, path, size_of(path), changed, state))
    return found


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:  # its writer has just renamed it to its place
        return datetime.fromtimestamp(0, UTC)


def _copy(copy: Path, thoroughly: bool) -> CacheItem:
    note, wrong = read_note(copy), what_is_wrong(copy, thoroughly)
    what = f"{note.model} {note.variant}" if note else copy.name
    since = note.created if note else _changed(copy)
    if wrong or note is None:
        return CacheItem("copy", what, copy, size_of(copy), since, "damaged", wrong or "")
    here = installed_versions()
    other = [f"{name} {made}, here is {here.get(name)}" for name, made in note.versions.items() if here.get(name) != made]
    state: State = "stale" if other else "current"
    return CacheItem("copy", what, copy, size_of(copy), since, state, f"made with {'; '.join(other)}" if other else "")


def useless(kept: CacheItem) -> bool:
    """Whether it would never be read again."""
    return kept.state in ("stale", "damaged", "left behind")


def remove(kept: CacheItem) -> None:
    """Renamed first, so that nobody finds half of it; who has its files open keeps them. Raises OSError."""
    aside = kept.path.with_name(f".removing-{uuid.uuid4().hex}")
    try:
        kept.path.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink()


def system_reason(error: Exception) -> str:
    """Why a file could not be written, in a few words; safetensors has the system's number in its text."""
    number = error.errno if isinstance(error, OSError) else next((int(n) for n in re.findall(r"os error (\d+)", str(error))), None)
    return os.strerror(number).lower() if number else str(error)


def move_into_place(aside: Path, target: Path) -> None:
    """Renames a finished folder to its place; a copy that another process finished first stands."""
    aside.chmod(0o755)
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def sweep(cache_dir: Path, quiet_for_s: float = 3600.0) -> None:
    """Removes what a process that was ended in mid-write left behind; what changed of late may still be written by another."""
    for folder in (copies_folder(cache_dir), models_folder(cache_dir)):
        if folder.is_dir():
            for one in unfinished(folder, time.time(), quiet_for_s):
                if one.state == "left behind":
                    shutil.rmtree(one.path, ignore_errors=True)
