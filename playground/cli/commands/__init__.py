"""The commands: one a file, which holds a function of the file's name. `COMMANDS` finds them; nothing else lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules


def _found() -> dict[str, Callable[..., int | None]]:
    names = [module.name for module in iter_modules(__path__)]
    return {name: getattr(import_module(f"{__name__}.{name}"), name) for name in names}


COMMANDS: Mapping[str, Callable[..., int | None]] = _found()
