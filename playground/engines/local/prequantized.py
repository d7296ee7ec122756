"""Pre-quantized copies: what a first load quantized is kept, so that the next one only reads it.

A copy is keyed by the source's fingerprint, the quantization's configuration and the libraries' versions, written aside, then
renamed, so that a half-written one is never found.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from transformers import BitsAndBytesConfig

from playground.engines.local.sources import Say, move_into_place

_SMALL = (".json", ".jinja", ".model", ".txt")
_VERSIONS = ("bitsandbytes", "transformers", "torch")


class CopyError(Exception):
    """The copy could not be kept; one sentence. The loaded model itself is fine."""


class Savable(Protocol):
    save_pretrained: Callable[..., Any]


class Copies:
    """The copies below a cache folder. A source is known by its fingerprint."""

    def __init__(self, cache_dir: Path) -> None:
        self._folder = cache_dir / "prequantized"

    def find(self, fingerprint: str, quantization: BitsAndBytesConfig) -> Path | None:
        copy = self._path(fingerprint, quantization)
        return copy if (copy / "config.json").is_file() else None

    def keep(self, model: Savable, fingerprint: str, quantization: BitsAndBytesConfig) -> None:
        """Writes the copy; only before the model's first forward. Raises CopyError."""
        target = self._path(fingerprint, quantization)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=self._folder))
        except OSError as error:
            raise CopyError(f"no pre-quantized copy could be kept: {error}") from error
        try:
            model.save_pretrained(aside)
            move_into_place(aside, target)
        except (OSError, ValueError, RuntimeError, NotImplementedError, SafetensorError) as error:
            raise CopyError(f"no pre-quantized copy could be kept: {error}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def discard(self, copy: Path) -> None:
        shutil.rmtree(copy, ignore_errors=True)

    def _path(self, fingerprint: str, quantization: BitsAndBytesConfig) -> Path:
        what = {
            "source": fingerprint,
            "quantization": quantization.to_dict(),
            "versions": {name: version(name) for name in _VERSIONS},
        }
        return self._folder / hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]


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

    def of(self, folder: Path, say: Say) -> Identity:
        """Raises OSError when a file cannot be read."""
        digests = [self._weights(file, say) for file in sorted(folder.glob("*.safetensors"))]
        weights = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        small = {file.name: _sha256(file) for file in sorted(folder.iterdir()) if file.suffix in _SMALL and file.is_file()}
        everything = json.dumps([weights, small], sort_keys=True)
        return Identity(weights, small.get("tokenizer.json"), hashlib.sha256(everything.encode()).hexdigest())

    def _weights(self, file: Path, say: Say) -> str:
        stat, known = file.stat(), self._read()
        key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in known:
            say(f"reading the sha256 of {file.name}")
            known[key] = _sha256(file)
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


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
