"""Writes `playground/ui/live/feed.d.ts`: what the browser is fed and answered, as its scripts see it, from the types in Python.

`make types` runs it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, Unpack, get_args, get_origin, get_type_hints, is_typeddict

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playground.ui.live.records import First, Following, Frame, Left  # noqa: E402
from playground.ui.live.streams import Answer  # noqa: E402
from playground.ui.live.targets import TargetTable, WrongLimit  # noqa: E402

TARGET = ROOT / "playground" / "ui" / "live" / "feed.d.ts"
HEAD = "// What the browser is fed and answered. Written by `make types` from the types in Python; not edited by hand.\n"
ROOTS = (Following, Left, First, Frame, Answer, TargetTable, WrongLimit)
SCALARS: dict[Any, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
    Any: "any",
    object: "unknown",
}
UNIONS = (types.UnionType, Union)


def declarations() -> str:
    """The whole file: an interface for each TypedDict and dataclass that is reached from the roots."""
    return HEAD + "".join(f"\n{_interface(record)}" for record in _reached(ROOTS))


def _reached(roots: tuple[type, ...]) -> list[type]:
    found: list[type] = []
    waiting = list(roots)
    while waiting:
        record = waiting.pop(0)
        if record not in found:
            found.append(record)
            waiting += [one for hint in _fields(record).values() for one in _records(hint)]
    return found


def _fields(record: type) -> dict[str, Any]:
    return get_type_hints(record, include_extras=True)


def _records(hint: Any) -> Iterator[type]:
    if _is_record(hint):
        yield hint
    for part in get_args(hint):
        yield from _records(part)


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and (is_typeddict(hint) or is_dataclass(hint))


def _interface(record: type) -> str:
    words = f"/** {' '.join((getdoc(record) or '').split())} */\n" if is_typeddict(record) and record.__doc__ else ""
    lines = "".join(f"  {name}{_mark(record, name, hint)}: {typescript(hint)};\n" for name, hint in _fields(record).items())
    return f"{words}export interface {record.__name__} {{\n{lines}}}\n"


def _mark(record: type, name: str, hint: Any) -> str:
    optional = get_origin(hint) is NotRequired or name in getattr(record, "__optional_keys__", ())
    return "?" if optional else ""


def typescript(hint: Any) -> str:
    """One type in TypeScript. Raises TypeError for what the records have no use of."""
    if hint in SCALARS:
        return SCALARS[hint]
    if _is_record(hint):
        return str(hint.__name__)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(repr(part).replace("True", "true").replace("False", "false") for part in parts)
    if origin in UNIONS:
        return " | ".join(typescript(part) for part in parts)
    if origin is NotRequired:
        return typescript(parts[0])
    return _container(hint, origin, parts)


def _container(hint: Any, origin: Any, parts: tuple[Any, ...]) -> str:
    if origin is dict:
        return f"Record<string, {typescript(parts[1])}>"  # JSON has no other keys
    if origin is list or (origin is tuple and parts[-1] is ...):
        element = typescript(parts[0])
        return f"({element})[]" if get_origin(parts[0]) in UNIONS else f"{element}[]"
    if origin is tuple:
        return f"[{', '.join(map(_element, parts))}]"
    raise TypeError(f"{hint} has no counterpart here")


def _element(part: Any) -> str:
    if get_origin(part) is Unpack:
        return f"...{typescript(get_args(part)[0])}"
    return f"...{typescript(part)}" if getattr(part, "__unpacked__", False) else typescript(part)


if __name__ == "__main__":
    TARGET.write_text(declarations(), encoding="utf-8")
