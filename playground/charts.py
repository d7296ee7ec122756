"""What is known of a run → three small Plotly figures; pure.

The browser draws these once and then only appends points (`Curve` makes them), so a figure here is a layout with empty traces,
or with the points so far. No template: it is 6.8 KB a figure; colours come from `PALETTES`, chosen in the browser by its theme.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from playground.spec import Beam, Lane
from playground.trace import Repeat, Step
from playground.view import LaneView, RunningRepeat, RunView

Figure = dict[str, Any]

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
"""One marker shape a lane: colour is never the only difference."""
LONGEST_NAME = 18


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme. Lane colours have a contrast of at least 3:1 on `surface`."""

    lanes: tuple[str, ...]
    surface: str
    ink: str
    muted: str
    grid: str


PALETTES = {
    # Okabe–Ito hues; yellow, orange, sky and pink are darkened for light surfaces, on which they fail as they are.
    "light": Palette(
        ("#0072b2", "#c4501b", "#00845f", "#b0528a", "#996500", "#3a86b4", "#7d7400", "#5b6270"), "#ffffff", "#16191d", "#5c6470", "#e6e8eb"
    ),
    "dark": Palette(
        ("#4ba3e3", "#f07b3f", "#2bc795", "#de8dbb", "#e69f00", "#8fd0f7", "#e8dc4a", "#c4cad3"), "#16191d", "#eceef1", "#a0a8b4", "#2b3037"
    ),
}


class Point(NamedTuple):
    """One step as the charts show it."""

    t_s: float
    """The lane's own clock."""
    tokens: int
    """Output tokens so far, all rows."""
    gap_ms: float | None
    """Since the step before; None for the first."""
    step: int
    """Counted from 1."""


class Curve:
    """Steps → points, one repeat after the other, without going over earlier ones again."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._last_s: float | None = None
        self._steps = 0

    def take(self, steps: Iterable[Step]) -> list[Point]:
        """The points of the next steps."""
        return [self._point(step) for step in steps]

    def _point(self, step: Step) -> Point:
        self._rows = self._rows or [0] * len(step.token_ids)
        for row, ids in enumerate(step.token_ids):
            standing = self._rows[row] if step.keep is None else step.keep[row]
            self._rows[row] = standing + len(ids)
        gap = None if self._last_s is None else round((step.t_s - self._last_s) * 1e3, 3)
        self._last_s, self._steps = step.t_s, self._steps + 1
        return Point(round(step.t_s, 4), sum(self._rows), gap, self._steps)


def charted(lane: LaneView) -> Repeat | RunningRepeat | None:
    """The repeat whose lines are drawn: the first that counts."""
    if lane.counted:
        return lane.counted[0]
    return lane.current if lane.current is not None and not lane.current.warmup else None


def ttft_ms(lane: LaneView) -> float | None:
    """The lane's bar: the median of the counted repeats, or what is known of the one in progress."""
    seconds = lane.figure("ttft_s")
    running = charted(lane)
    if seconds is None and running is not None and running.steps and not isinstance(lane.lane.decoding, Beam):
        seconds = running.steps[0].t_s
    return None if seconds is None else round(seconds * 1e3, 3)


def repeats_ttft_ms(lane: LaneView) -> list[float]:
    """One dot a counted repeat; none for a single one, whose bar already says it."""
    if len(lane.counted) < 2:
        return []
    return [round(repeat.metrics.ttft_s * 1e3, 3) for repeat in lane.counted if repeat.metrics.ttft_s is not None]


def figures(view: RunView) -> dict[str, Figure]:
    """The three charts of a run, with the points so far."""
    curves = [_points(lane) for lane in view.lanes]
    return {"ttft": _ttft(view), "progress": _progress(view, curves), "gaps": _gaps(view, curves)}


def lane_name(index: int, lane: Lane) -> str:
    """A lane on an axis: its number and as much of its label as fits. Labels have no markup, by their grammar."""
    label = str(lane)
    return f"{index + 1} {label if len(label) <= LONGEST_NAME else label[: LONGEST_NAME - 1] + '…'}"


def _points(lane: LaneView) -> list[Point]:
    repeat = charted(lane)
    return Curve().take(repeat.steps) if repeat is not None else []


def _ttft(view: RunView) -> Figure:
    names = [lane_name(lane.index, lane.lane) for lane in view.lanes]
    dots = [(ms, names[lane.index]) for lane in view.lanes for ms in repeats_ttft_ms(lane)]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": [ttft_ms(lane) for lane in view.lanes],
        "width": 0.62,
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "textfont": {"size": 11},
        "hovertemplate": "%{y}<br>TTFT %{x:.3s} ms<extra></extra>",
    }
    each = {
        "type": "scatter",
        "mode": "markers",
        "x": [ms for ms, _ in dots],
        "y": [name for _, name in dots],
        "marker": {"symbol": "line-ns-open", "size": 11, "line": {"width": 1.5}},
        "hovertemplate": "one repeat: %{x:.3s} ms<extra></extra>",
    }
    layout = _layout("Time to first token", "ms")
    layout["yaxis"] |= {
        "autorange": "reversed",
        "showgrid": False,
        "tickmode": "linear",
        "dtick": 1,
        "categoryorder": "array",
        "categoryarray": names,
    }
    return {"data": [bars, each], "layout": layout | {"bargap": 0.3}}


def _progress(view: RunView, curves: list[list[Point]]) -> Figure:
    most = max(lane.lane.batch for lane in view.lanes) * view.request.measure.max_new_tokens
    data = [_line(view.lanes[i], [p.t_s for p in points], [p.tokens for p in points]) for i, points in enumerate(curves)]
    for trace in data:
        trace["hovertemplate"] = "%{y} tokens at %{x:.3s} s<extra>%{fullData.name}</extra>"
    layout = _layout("Tokens over each lane’s own time", "s, own clock")
    layout["yaxis"]["range"] = [0, most * 1.04]
    return {"data": data, "layout": layout}


def _gaps(view: RunView, curves: list[list[Point]]) -> Figure:
    known = [[p for p in points if p.gap_ms is not None] for points in curves]
    data = [_line(view.lanes[i], [p.step for p in points], [p.gap_ms for p in points]) for i, points in enumerate(known)]
    for trace in data:
        trace["hovertemplate"] = "%{y:.3s} ms before step %{x}<extra>%{fullData.name}</extra>"
    layout = _layout("Time between tokens", "step")
    layout["yaxis"]["ticksuffix"] = " ms"
    layout["xaxis"]["range"] = [0, view.request.measure.max_new_tokens + 1]
    return {"data": data, "layout": layout}


def _line(lane: LaneView, x: list[Any], y: list[Any]) -> Figure:
    """Dotted for beam search: none of its tokens is certain before the end."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": lane_name(lane.index, lane.lane),
        "x": x,
        "y": y,
        "line": {"width": 2, "dash": "dot" if isinstance(lane.lane.decoding, Beam) else "solid"},
        "marker": {"symbol": SYMBOLS[lane.index % len(SYMBOLS)], "size": 7, "maxdisplayed": 7},
    }


def _layout(title: str, unit: str) -> Figure:
    axis = {"rangemode": "tozero", "zeroline": False, "automargin": True, "tickfont": {"size": 11}, "fixedrange": True, "nticks": 6}
    return {
        "template": None,
        "title": {"text": title, "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 12, "l": 14}},
        "margin": {"t": 36, "r": 14, "b": 32, "l": 14},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": axis | {"title": {"text": unit, "font": {"size": 11}, "standoff": 4}},
        "yaxis": dict(axis),
    }
