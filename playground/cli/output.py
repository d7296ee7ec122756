"""Where documents go: standard output, or a file that is whole or not there."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from playground.errors import InputError

Write = Callable[[str], None]


@contextmanager
def outputs(targets: Mapping[str, str | None]) -> Iterator[dict[str, Write]]:
    """Gives what takes the document of each option (`--json`) that has a target, once.

    Raises InputError at once, before anything has run, if one could not be written or two would go to the same place.
    """
    given = {option: target for option, target in targets.items() if target is not None}
    _apart(given)
    with ExitStack() as stack:
        yield {option: stack.enter_context(_output(option, target)) for option, target in given.items()}


def _apart(targets: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for option, target in targets.items():
        place = target if target == "-" else str(_path(target))
        if place in taken:
            raise InputError(option, f"{target!r} is where {taken[place]} goes; allowed: a place of its own, - for one of them only")
        taken[place] = option


@contextmanager
def _output(option: str, target: str) -> Iterator[Write]:
    if target == "-":
        yield _to_stdout
    elif (path := _no_folder(option, target)).exists() and not path.is_file():
        with _opened(option, target, path, "w") as file:  # a pipe or a device: there is nothing to replace
            yield lambda text: _put(file, text)
    else:
        yield from _replacing(option, target, path)


def _path(target: str) -> Path:
    return Path(target).expanduser().resolve()


def _no_folder(option: str, target: str) -> Path:
    if _path(target).is_dir():
        raise InputError(option, f"{target!r} is a folder; allowed: a file, or - for standard output")
    return _path(target)


def _to_stdout(text: str) -> None:
    """As UTF-8 whatever the terminal's encoding: JSON is."""
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.flush()


def _opened(option: str, target: str, path: Path, mode: str) -> TextIO:
    """Line ends are the document's own: CSV has two characters."""
    try:
        return path.open(mode, encoding="utf-8", newline="")  # type: ignore[return-value]
    except OSError as error:
        raise InputError(option, f"{target!r} cannot be written: {error.strerror}") from None


def _put(file: TextIO, text: str) -> None:
    file.write(text)
    file.flush()


def _replacing(option: str, target: str, path: Path) -> Iterator[Write]:
    """Writes beside the file and renames, so a reader never sees half a document and a failed run leaves the old one."""
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(option, f"{target!r} cannot be written: it is read-only")
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    file = _opened(option, target, beside, "x")

    def write(text: str) -> None:
        with file:
            _put(file, text)
        beside.replace(path)

    try:
        yield write
    finally:
        file.close()
        beside.unlink(missing_ok=True)
