"""`python -m tests.benchmarks [NAME…] [--json PATH] [--quick]`. Exit 0: all hold; 1: one is over its limit or was not measured."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from playground.engines.local.client import LocalFleet
from playground.settings import ROOT, Settings
from playground.spec.names import EMBEDDED_MODEL
from playground.worker.embedded import bring_model
from tests.benchmarks import app, attainment, clock, coverage, exchange, interleaved, memory, page, reload, same, startup, stop, swaps
from tests.benchmarks.figure import Figure, table, write
from tests.benchmarks.setup import BenchmarkError, Setup

OVER, BAD_INPUT = 1, 2


@dataclass(frozen=True, slots=True)
class Benchmark:
    run: Callable[[Setup], list[Figure]]
    method: str


BENCHMARKS = {
    module.__name__.rpartition(".")[2]: Benchmark(module.run, (module.__doc__ or "").strip())
    for module in (app, clock, interleaved, same, coverage, reload, exchange, swaps, memory, startup, stop, attainment, page)
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(BENCHMARKS)}; default: all.")] = None,
    json: Annotated[Path, typer.Option(help="Where everything measured is written.")] = ROOT / "bench.json",
    quick: Annotated[bool, typer.Option("--quick", help="Short and few: to see that they work. Its figures mean little.")] = False,
) -> None:
    """Measures what the project promises of its own speed."""
    chosen = names or list(BENCHMARKS)
    progress, out = Console(stderr=True), Console(width=None if sys.stdout.isatty() else 120)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        progress.print(f"benchmark {unknown[0]!r} is not known (allowed: {', '.join(BENCHMARKS)})", highlight=False)
        sys.exit(BAD_INPUT)
    settings = Settings.read()
    setup = Setup(settings, bring_model(EMBEDDED_MODEL, settings.cache_dir, progress.print), progress, quick)
    environment = _environment(settings, quick)
    figures, troubles = _measured(setup, chosen)
    environment |= {"load_average_after": os.getloadavg(), "troubles": troubles}
    write(json, figures, {name: BENCHMARKS[name].method for name in chosen}, environment)
    out.print(table(figures))
    out.print(f"{'--quick: too little to be believed. ' if quick else ''}Everything measured is in {json}", highlight=False)
    for trouble in troubles:
        out.print(f"[red]not measured:[/red] {trouble}", highlight=False)
    sys.exit(OVER if troubles or not all(figure.ok for figure in figures) else 0)


def _measured(setup: Setup, chosen: list[str]) -> tuple[list[Figure], list[str]]:
    """Figures, and what could not be measured: one benchmark's trouble takes nothing from the others."""
    figures: list[Figure] = []
    troubles: list[str] = []
    for name in chosen:
        began = time.perf_counter()
        try:
            figures += BENCHMARKS[name].run(setup)
        except BenchmarkError as error:
            troubles.append(f"{name}: {error}")
        setup.say(f"{name}: {time.perf_counter() - began:.0f} s")
    return figures, troubles


def _environment(settings: Settings, quick: bool) -> dict[str, Any]:
    """Of the machine, and how busy it was: figures from a machine that others use are marked by its load."""
    with LocalFleet(settings) as fleet:
        device = fleet.environment().model_dump(mode="json")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        **device,
    }


if __name__ == "__main__":
    typer.run(main)
