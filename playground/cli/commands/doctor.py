"""What is here: the default engine's environment and the models at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from json import dumps
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground.cli.render import console
from playground.cli.surroundings import FAILED, Surroundings
from playground.engines.base import EngineError
from playground.engines.registry import Fleet
from playground.formatting import UNKNOWN, size
from playground.settings import Settings


def doctor(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> int:
    """Says what is here: device, driver against CUDA build, versions, memory budget, models at hand."""
    around: Surroundings = context.obj
    found = diagnose(around.settings, around.open_fleet)
    if json:
        sys.stdout.write(dumps(found, indent=2, default=str) + "\n")
    else:
        show(found, console(stderr=False))
    return FAILED if found["error"] else 0


def diagnose(settings: Settings, open_fleet: Callable[[Settings], Fleet]) -> dict[str, Any]:
    """The environment's keys, `models` at hand, and `error`: why the engine did not start, or None."""
    # Only here: looking for models needs the Hub's client, which nothing else in the command line does.
    from playground.models.folders import at_hand

    error, environment = None, {}
    try:
        with open_fleet(settings) as fleet:
            environment = fleet.environment()
    except EngineError as problem:
        error = str(problem)
    models = [asdict(model) for model in at_hand(settings.models, settings.cache_dir)]
    return {**environment, "models": models, "cache_dir": str(settings.cache_dir), "error": error}


def show(found: Mapping[str, Any], out: Console) -> None:
    """The findings as lines to read; keys that are not known here are shown as they are."""
    table = Table.grid(padding=(0, 2))
    for label, value in _lines(found):
        table.add_row(Text(label, style="bold"), Text(value))
    out.print(table)


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        if key == "cuda":
            yield "CUDA", cuda_in_words(value)
        elif key == "models":
            yield from _models(value)
        elif key == "error":
            if value:
                yield "error", value
        else:
            yield key.removesuffix("_bytes").replace("_", " "), _value(key, value)


def _models(models: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    if not models:
        yield "models", "none at hand"
    for model in models:
        yield f"model {model['name']}", f"{model['id']} in {model['folder']}"


def _value(key: str, value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes"):
        return size(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(name, part)}" for name, part in value.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return ", ".join(_value("", part) for part in value) or "none"
    return str(value)


def cuda_in_words(cuda: Any) -> str:
    """Whether the driver goes with the CUDA that torch was built for, and if not, what is missing."""
    if not isinstance(cuda, Mapping):
        return _value("", cuda)
    build, driver = cuda.get("build"), cuda.get("driver")
    if not build:
        found = f"; the driver here is {driver}" if driver else ""
        return f"not used: this torch is built without CUDA{found}"
    if not cuda.get("available"):
        why = f"the driver {driver} does not serve it: update the driver, or install a torch built for an older CUDA"
        return f"not available: torch is built for CUDA {build}, and {why if driver else 'no NVIDIA driver is found'}"
    devices = cuda.get("devices")
    return f"built for {build}, driver {driver or 'unknown'}{f', {_value(str(), devices)}' if devices else ''}"
