"""What is here: the default engine's environment and the models at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground.cli.render import console
from playground.cli.surroundings import FAILED, Surroundings
from playground.engines.registry import Fleet
from playground.errors import EngineError
from playground.formatting import UNKNOWN, size
from playground.settings import Settings
from playground.timeline.environment import Cuda, Environment

if TYPE_CHECKING:
    from playground.models.folders import ModelAtHand


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is here. `error`: why the engine did not start; then its environment is empty."""

    environment: Environment
    models: Sequence[ModelAtHand]
    cache_dir: Path
    error: str | None

    def document(self) -> dict[str, JsonValue]:
        """As JSON: the environment's keys, and the others beside them."""
        models: list[JsonValue] = [asdict(model) for model in self.models]
        return {**self.environment.model_dump(mode="json"), "models": models, "cache_dir": str(self.cache_dir), "error": self.error}


def doctor(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> int:
    """Says what is here: device, driver against CUDA build, versions, memory budget, models at hand."""
    around: Surroundings = context.obj
    found = diagnose(around.settings, around.open_fleet)
    if json:
        sys.stdout.write(dumps(found.document(), indent=2) + "\n")
    else:
        show(found, console(stderr=False))
    return FAILED if found.error else 0


def diagnose(settings: Settings, open_fleet: Callable[[Settings], Fleet]) -> Diagnosis:
    """Starts the default engine, and looks which of the settings' models are on this machine."""
    # Only here: looking for models needs the Hub's client, which nothing else in the command line does.
    from playground.models.folders import at_hand

    error, environment = None, Environment()
    try:
        with open_fleet(settings) as fleet:
            environment = fleet.environment()
    except EngineError as problem:
        error = str(problem)
    return Diagnosis(environment, at_hand(settings.models, settings.cache_dir), settings.cache_dir, error)


def show(found: Diagnosis, out: Console) -> None:
    """The findings as lines to read; facts that are not known here are shown as they are."""
    table = Table.grid(padding=(0, 2))
    for label, value in _lines(found):
        table.add_row(Text(label, style="bold"), Text(value))
    out.print(table)


def _lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    for key, value in found.environment.model_dump(mode="json").items():
        if key == "cuda":
            yield "CUDA", cuda_in_words(found.environment.cuda)
        else:
            yield key.removesuffix("_bytes").replace("_", " "), _value(key, value)
    yield from _models(found.models)
    yield "cache dir", str(found.cache_dir)
    if found.error:
        yield "error", found.error


def _models(models: Sequence[ModelAtHand]) -> Iterator[tuple[str, str]]:
    if not models:
        yield "models", "none at hand"
    for model in models:
        yield f"model {model.name}", f"{model.id} in {model.folder}"


def _value(key: str, value: JsonValue) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes") and isinstance(value, int):
        return size(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(name, part)}" for name, part in value.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return ", ".join(_value("", part) for part in value) or "none"
    return str(value)


def cuda_in_words(cuda: Cuda | None) -> str:
    """Whether the driver goes with the CUDA that torch was built for, and if not, what is missing."""
    if cuda is None:
        return UNKNOWN
    if not cuda.build:
        found = f"; the driver here is {cuda.driver}" if cuda.driver else ""
        return f"not used: this torch is built without CUDA{found}"
    if not cuda.available:
        why = f"the driver {cuda.driver} does not serve it: update the driver, or install a torch built for an older CUDA"
        return f"not available: torch is built for CUDA {cuda.build}, and {why if cuda.driver else 'no NVIDIA driver is found'}"
    devices = f", {', '.join(cuda.devices)}" if cuda.devices else ""
    return f"built for {cuda.build}, driver {cuda.driver or 'unknown'}{devices}"
