"""Pre-quantized copies: what a first load quantized is kept, so that the next one only reads it.

A copy is keyed by the source weights' and config's sha256, the quantization's configuration and the libraries' versions, written aside,
then renamed, so that a half-written one is never found.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from transformers import BitsAndBytesConfig

from playground.engines.local.sources import move_into_place

_VERSIONS = ("bitsandbytes", "transformers", "torch")


class CopyError(Exception):
    """The copy could not be kept; one sentence. The loaded model itself is fine."""


class Savable(Protocol):
    save_pretrained: Callable[..., Any]


class Copies:
    """The copies below a cache folder."""

    def __init__(self, cache_dir: Path) -> None:
        self._folder = cache_dir / "prequantized"
        self._hashes = Hashes(cache_dir / "hashes.json")

    def weights_sha256(self, folder: Path) -> str:
        """Of the model's safetensors files, in name order."""
        return self._hashes.of(folder)

    def find(self, source: Path, quantization: BitsAndBytesConfig) -> Path | None:
        copy = self._path(source, quantization)
        return copy if (copy / "config.json").is_file() else None

    def keep(self, model: Savable, source: Path, quantization: BitsAndBytesConfig) -> None:
        """Writes the copy; only before the model's first forward. Raises CopyError."""
        target = self._path(source, quantization)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=self._folder))
        except OSError as error:
            raise CopyError(f"no pre-quantized copy could be kept: {error}") from error
        try:
            model.save_pretrained(aside)
            move_into_place(aside, target)
        except (OSError, SafetensorError) as error:
            raise CopyError(f"no pre-quantized copy could be kept: {error}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def discard(self, copy: Path) -> None:
        shutil.rmtree(copy, ignore_errors=True)

    def _path(self, source: Path, quantization: BitsAndBytesConfig) -> Path:
        what = {
            "weights": self._hashes.of(source),
            "config": hashlib.sha256((source / "config.json").read_bytes()).hexdigest(),
            "quantization": quantization.to_dict(),
            "versions": {name: version(name) for name in _VERSIONS},
        }
        return self._folder / hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]


class Hashes:
    """sha256 of weights, remembered by path, size and modification time: hashing gigabytes at each load would be felt."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, folder: Path) -> str:
        files = sorted(folder.glob("*.safetensors"))
        known = self._read()
        total = hashlib.sha256()
        changed = False
        for file in files:
            stat = file.stat()
            key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
            if key not in known:
                with file.open("rb") as stream:
                    known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
                changed = True
            total.update(known[key].encode())
        if changed:
            self._write(known)
        return known[key] if len(files) == 1 else total.hexdigest()

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
