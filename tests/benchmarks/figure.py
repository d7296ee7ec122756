"""A measured figure and its limit, and how a run of benchmarks is shown and kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise and what was measured of it."""

    benchmark: str
    name: str
    unit: str
    """Of values and limit: "×" for ratios, "%", "ms", "s"."""
    limit: float
    values: tuple[float, ...]
    """One a pair or trial."""
    judged: Literal["median", "max"] = "median"
    """What is held against the limit: a ratio's median; the worst of what is promised for every single time."""
    aim: float | None = None
    """What the median is to be near: then the limit is how far it may be away from it."""
    raw: dict[str, Any] = field(default_factory=dict)
    """Everything the values were computed from."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def ok(self) -> bool:
        value = self.median if self.judged == "median" else max(self.values)
        return (value if self.aim is None else abs(value - self.aim)) <= self.limit

    @property
    def allowed(self) -> str:
        limit = _number(self.limit, self.unit)
        return f"≤ {limit}" if self.aim is None else f"{self.aim:g} ± {limit}"


def table(figures: Sequence[Figure]) -> Table:
    """All figures of a run of benchmarks."""
    shown = Table(box=SIMPLE_HEAD)
    for column in ("benchmark", "figure"):
        shown.add_column(column)
    for column in ("limit", "median", "min – max", "n", ""):
        shown.add_column(column, justify="right")
    for one in figures:
        bold = [one.judged == "median", one.judged == "max"]
        median = Text(_number(one.median, one.unit), style="bold" if bold[0] else "")
        span = Text(f"{_number(min(one.values), one.unit)} – {_number(max(one.values), one.unit)}", style="bold" if bold[1] else "")
        verdict = Text("ok", style="green") if one.ok else Text("over", style="bold red")
        shown.add_row(one.benchmark, one.name, one.allowed, median, span, str(len(one.values)), verdict)
    return shown


def write(path: Path, figures: Sequence[Figure], methods: Mapping[str, str], environment: Mapping[str, Any]) -> None:
    """The whole run as JSON: raw values, methods, environment."""
    kept = [asdict(one) | {"median": one.median, "min": min(one.values), "max": max(one.values), "ok": one.ok} for one in figures]
    document = {"schema": 1, "environment": dict(environment), "methods": dict(methods), "figures": kept}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _number(value: float, unit: str) -> str:
    digits = {"×": 3, "s": 2, "ms": 0, "%": 1, "MB": 2, "shift": 4}[unit]
    return f"{value:.{digits}f} {unit}"
