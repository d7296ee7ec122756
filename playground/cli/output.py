"""Where a recording goes: standard output, or a file that is whole or not there."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from playground.spec import SpecError

Write = Callable[[str], None]


@contextmanager
def json_output(target: str | None) -> Iterator[Write]:
    """Gives what takes the document, once. Raises SpecError at once, before anything has run, if it could not be written."""
    if target is None:
        yield lambda _text: None
    elif target == "-":
        yield _to_stdout
    elif (path := _resolved(target)).exists() and not path.is_file():
        with _opened(target, path, "w") as file:  # a pipe or a device: there is nothing to replace
            yield lambda text: _put(file, text)
    else:
        yield from _replacing(target, path)


def _resolved(target: str) -> Path:
    path = Path(target).expanduser().resolve()
    if path.is_dir():
        raise SpecError("--json", f"{target!r} is a folder; allowed: a file, or - for standard output")
    return path


def _to_stdout(text: str) -> None:
    """As UTF-8 whatever the terminal's encoding: JSON is."""
    sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    sys.stdout.flush()


def _opened(target: str, path: Path, mode: str) -> TextIO:
    try:
        return path.open(mode, encoding="utf-8")  # type: ignore[return-value]
    except OSError as error:
        raise SpecError("--json", f"{target!r} cannot be written: {error.strerror}") from None


def _put(file: TextIO, text: str) -> None:
    file.write(text + "\n")
    file.flush()


def _replacing(target: str, path: Path) -> Iterator[Write]:
    """Writes beside the file and renames, so a reader never sees half a document and a failed run leaves the old one."""
    if path.exists() and not os.access(path, os.W_OK):
        raise SpecError("--json", f"{target!r} cannot be written: it is read-only")
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    file = _opened(target, beside, "x")

    def write(text: str) -> None:
        with file:
            _put(file, text)
        beside.replace(path)

    try:
        yield write
    finally:
        file.close()
        beside.unlink(missing_ok=True)
