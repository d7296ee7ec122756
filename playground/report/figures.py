"""Figures as text, each by its metric's unit. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from playground.analysis.metric import Metric, OfLane, Unit
from playground.analysis.metrics import METRICS, lane_figure
from playground.analysis.stats import Estimate
from playground.formatting import UNKNOWN, between, duration, rate, request_rate, share, significant, size
from playground.timeline.state import LaneState, RunState

NEVER = "none"
"""In place of the number of the first token that differs, where none does."""

FORMATS: Mapping[Unit, Callable[[float], str]] = {
    "s": duration,
    "tok/s": rate,
    "tok/step": significant,
    "req/s": request_rate,
    "B": size,
    "×": lambda value: f"{significant(value)}×",
    "token": lambda value: f"{value:,.0f}",
    "share": share,
}


def figure_text(metric: Metric, value: float | None) -> str:
    """With its unit: `26.8 ms`, `110 MB`, `–` where it is unknown."""
    if value is None:
        return UNKNOWN
    if math.isinf(value):
        return NEVER
    form = FORMATS[metric.unit]
    if isinstance(metric.of, OfLane) and value < metric.of.least:
        return f"< {form(metric.of.least).replace('.00', '')}"
    return form(value)


def interval_words(found: Estimate) -> str:
    """`(95 %: 0.67–0.71)`; empty without an interval."""
    return f"(95 %: {between(*map(significant, found.ends))})" if found.ends else ""


def parts_words(view: RunState, lane: LaneState, parts: Sequence[str]) -> str:
    """What a figure is made of: `weights 269 MB, KV cache 1.36 MB`; empty while fewer than two parts are known."""
    found = [(METRICS[key], lane_figure(view, lane, key).value) for key in parts]
    known = [f"{metric.spoken} {figure_text(metric, value)}" for metric, value in found if value is not None]
    return ", ".join(known) if len(known) > 1 else ""
