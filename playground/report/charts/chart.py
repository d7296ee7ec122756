"""What a chart is, and the registry of all of them. A new chart is one file beside this one that registers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from playground.timeline.state import RunState

Figure = dict[str, Any]
"""A Plotly figure as JSON: `data` and `layout`, without a template, which would be 6.8 KB."""

Series = Literal["own_s", "tokens", "step", "gap_ms"]
"""What the page knows of each step of a lane's first counted repeat: its end on the lane's own clock, the tokens that stand after it in
all rows, its number from 1, and the time since the step before (none of the first)."""


@dataclass(frozen=True, slots=True)
class Grows:
    """How a chart grows with every step: its figure's first traces, one a lane, have no points; the page draws them from its steps."""

    x: Series
    y: Series
    keep: Literal["last", "extremes"]
    """Where many steps share a point: the last of them, or the smallest and the largest."""
    axis: Literal["x", "y"]
    """The one that grows, in steps, with the points."""
    room: float
    """How far it reaches beyond the largest, as a multiple."""


@dataclass(frozen=True, slots=True)
class TargetLine:
    """Where a target's limit is drawn and can be dragged, in the limit's own unit (`analysis.slo.LIMITS`)."""

    axis: Literal["x", "y"]
    limit: str


@dataclass(frozen=True, slots=True)
class Chart:
    key: str
    title: str
    alt: str
    """What it shows, for those who do not see it."""
    make: Callable[[RunState], Figure]
    """The figure in the light palette's colours, of which the page finds those of its theme. Called again when a lane was loaded, wrote
    its first token, ended a repeat or failed, and at the run's end."""
    place: int = 100
    """Among the others on the page, ascending; equal ones stand in the order of their keys."""
    grows: Grows | None = None
    target: TargetLine | None = None


CHARTS: dict[str, Chart] = {}


def register(chart: Chart) -> None:
    CHARTS[chart.key] = chart


def charts() -> list[Chart]:
    """All of them, as they stand on the page."""
    return sorted(CHARTS.values(), key=lambda chart: (chart.place, chart.key))
