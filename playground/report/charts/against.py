"""Every lane's time as a multiple of the baseline's: a forest plot, a point and its interval a lane.

The axis is logarithmic, for half the time and twice it are equally far from 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from playground.analysis.comparison import comparison
from playground.analysis.metrics import METRICS
from playground.formatting import between, count, significant
from playground.report.charts.chart import Chart, Figure, register
from playground.report.charts.layout import lane_line, lane_names, lane_rows, layout
from playground.report.charts.palette import LIGHT
from playground.timeline.state import LaneState, RunState

SPANS = (
    (2, (0.5, 0.7, 1, 1.4, 2)),
    (5, (0.2, 0.5, 1, 2, 5)),
    (20, (0.05, 0.2, 1, 5, 20)),
    (100, (0.01, 0.1, 1, 10, 100)),
    (10_000, (1e-4, 0.01, 1, 100, 1e4)),
)
"""How far the axis reaches to both sides of 1, with its ticks: it narrows with the intervals, and those of two repeats are very wide."""
BESIDE = 1.42
"""How far the axis goes on beyond its last tick, for the figures."""


@dataclass(frozen=True, slots=True)
class Point:
    """A lane beside the baseline's 1."""

    ratio: float
    ends: tuple[float, float] | None
    """Of its interval."""
    short: str
    words: str


def point(view: RunState, lane: LaneState) -> Point | None:
    """None before it can be compared, and of what cannot."""
    if not lane.counted:
        return None
    found = comparison(view, lane)
    if found is None:
        return Point(1, None, "baseline", "what the others are compared with")
    if found.ratio is None:
        return None
    short, metric = f"{significant(found.ratio)}×", METRICS[found.metric].spoken
    ends = None if found.low is None or found.high is None else (found.low, found.high)
    interval = f"<br>95 %: {between(*map(significant, ends))}" if ends else ""
    words = f"{metric} {short} that of lane {found.baseline + 1}, {count(found.pairs, 'repeat')}{interval}"
    return Point(found.ratio, ends, short if found.metric == "tpot_s" else f"{short} {metric}", words)


def _make(view: RunState) -> Figure:
    points = [point(view, lane) for lane in view.lanes]
    most, ticks = _span(points)
    end = math.log10(most)
    data = [*map(_trace, view.lanes, points), _figures(view, points, round(0.998 * 10 ** (BESIDE * end), 4))]
    return {"data": data, "layout": _layout(view, ticks, [-1.02 * end, BESIDE * end])}


def _span(points: list[Point | None]) -> tuple[float, tuple[float, ...]]:
    places = [place for point in points if point is not None for place in (point.ratio, *(point.ends or ()))]
    far = max((max(place, 1 / place) for place in places), default=1.0)
    return next((span for span in SPANS if far <= span[0]), SPANS[-1])


def _layout(view: RunState, ticks: tuple[float, ...], ends: list[float]) -> Figure:
    baseline, lanes = view.baseline.index + 1, len(view.lanes)
    drawn = layout(f"Against lane {baseline}: TPOT, 95 % interval", f"× lane {baseline}’s time, left is faster", 1)
    texts = [f"{tick:.4f}".rstrip("0").rstrip(".") + "×" for tick in ticks]
    drawn["xaxis"] |= {"type": "log", "range": ends, "tickvals": list(ticks), "ticktext": texts, "tickangle": 0}
    rows = {"type": "category", "tickmode": "linear", "dtick": 1, "autorange": False, "range": [lanes - 0.5, -0.5]}
    drawn["yaxis"] |= lane_rows(view) | rows
    one = {"type": "line", "layer": "between", "xref": "x", "yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1}
    return drawn | {"shapes": [one | {"line": {"color": LIGHT.muted, "width": 1.5}}]}


def _trace(lane: LaneState, point: Point | None) -> Figure:
    drawn = lane_line(lane, "%{customdata}")
    name, interval = drawn["name"], {"symmetric": False, "thickness": 2, "width": 5, "color": LIGHT.lane(lane.index)}
    del drawn["line"]
    if point is None:
        return drawn | {"error_x": interval}
    high, low = (point.ends[1] - point.ratio, point.ratio - point.ends[0]) if point.ends else (None, None)
    interval |= {"array": [high and round(high, 5)], "arrayminus": [low and round(low, 5)]}
    return drawn | {"x": [round(point.ratio, 5)], "y": [name], "customdata": [point.words], "error_x": interval}


def _figures(view: RunState, points: list[Point | None], at: float) -> Figure:
    """The ratios as text, at the end of their rows: what stands beyond the axis, be it by rounding, Plotly hides."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": [None if point is None else at for point in points],
        "y": lane_names(view),
        "text": ["" if point is None else point.short for point in points],
        "textposition": "middle left",
        "hoverinfo": "skip",
        "textfont": {"size": 11, "color": LIGHT.ink},
        "cliponaxis": False,
    }


register(
    Chart(
        key="against",
        title="Lanes against the baseline",
        alt="each lane’s time as a multiple of the baseline’s, with its 95 % interval, on a logarithmic axis",
        make=_make,
        place=50,
    )
)
