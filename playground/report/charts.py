"""What is known of a run → six small Plotly figures; pure.

A figure here is a layout with empty traces: the browser draws it once and fills it from the lanes' steps. No template: it is 6.8 KB
a figure; colours come from `PALETTES`, chosen in the browser by its theme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playground.analysis.breakdown import PARTS
from playground.analysis.comparison import comparison
from playground.analysis.measuring import Metrics, measure, measure_running
from playground.analysis.metrics import METRICS, figure
from playground.analysis.stats import outliers
from playground.formatting import between, count, milliseconds, significant
from playground.spec.lane import Lane
from playground.timeline.state import LaneState, RunState

Figure = dict[str, Any]

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon", "triangle-down")
"""One marker shape a lane: colour is never the only difference."""
LONGEST_NAME = 18
_DECADES = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "100 s", "1,000 s", "10,000 s")


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
        ("#0072b2", "#c4501b", "#00845f", "#b0528a", "#996500", "#3a86b4", "#7d7400", "#5b6270", "#5f2d91"),
        "#ffffff",
        "#16191d",
        "#5c6470",
        "#e6e8eb",
    ),
    "dark": Palette(
        ("#4ba3e3", "#f07b3f", "#2bc795", "#de8dbb", "#e69f00", "#8fd0f7", "#e8dc4a", "#c4cad3", "#a07bf5"),
        "#16191d",
        "#eceef1",
        "#a0a8b4",
        "#2b3037",
    ),
}


def ttft_ms(lane: LaneState) -> float | None:
    """The lane's bar: the median of the counted repeats, or what is known of the first one in progress."""
    seconds = figure(lane, "ttft_s")
    if seconds is None and lane.first is not None and not lane.lane.decoding.revises:
        seconds = measure_running(lane.first).ttft_s
    return milliseconds(seconds)


def repeats_ms(view: RunState, lane: LaneState) -> list[list[float | bool | None]]:
    """TTFT, last token and TPOT of each counted repeat, in ms: a mark each; and of each of the three, whether it is an outlier.

    None for a single repeat, whose bar and line say it.
    """
    if view.request.measure.repeats < 2:
        return []
    figures = [[m.ttft_s, _last_s(m), m.tpot_s] for m in map(measure, lane.counted)]
    odd = zip(*(_outliers(list(column)) for column in zip(*figures, strict=True)), strict=True)
    return [[*map(milliseconds, known), *far] for known, far in zip(figures, odd, strict=True)]


def _outliers(values: list[float | None]) -> list[bool]:
    far = iter(outliers([value for value in values if value is not None]))
    return [value is not None and next(far) for value in values]


def against(view: RunState, lane: LaneState) -> list[Any]:
    """A lane's point beside the baseline's 1: the ratio of their times, the ends of its interval, in short, and in words. Empty: none."""
    if not lane.counted:
        return []
    if (said := comparison(view, lane)) is None:
        return [1, None, None, "baseline", "what the others are compared with"]
    if said.ratio is None:
        return []
    short, metric = f"{significant(said.ratio)}×", METRICS[said.metric].spoken
    ends = [] if said.low is None or said.high is None else [said.low, said.high]
    interval = f"<br>95 %: {between(*map(significant, ends))}" if ends else ""
    words = f"{metric} {short} that of lane {said.baseline + 1}, {count(said.pairs, 'repeat')}{interval}"
    places = [round(place, 5) for place in (said.ratio, *ends)] + [None] * (2 - len(ends))
    return [*places, short if said.metric == "tpot_s" else f"{short} {metric}", words]


def _last_s(metrics: Metrics) -> float | None:
    return None if metrics.e2e_s is None or metrics.post_s is None else metrics.e2e_s - metrics.post_s


def figures(view: RunState) -> dict[str, Figure]:
    """The six charts of a run: layouts and empty traces, one a lane (or one of bars), and one more for the marks of what came later."""
    return {
        "ttft": _ttft(view),
        "progress": _progress(view),
        "gaps": _gaps(view),
        "parts": _parts(view),
        "against": _against(view),
        "swaps": _swaps(view),
    }


def lane_name(index: int, lane: Lane) -> str:
    """A lane on an axis: its number and as much of its label as fits. Labels have no markup, by their grammar."""
    label = str(lane)
    return f"{index + 1} {label if len(label) <= LONGEST_NAME else label[: LONGEST_NAME - 1] + '…'}"


def _ttft(view: RunState) -> Figure:
    layout = _layout("Time to first token", "ms", 300)
    layout["yaxis"] |= {"tickmode": "linear", "dtick": 1}
    return _bars(view, layout, "%{y}<br>TTFT %{x:.3s} ms", "one repeat%{customdata}: %{x:.3s} ms")


def _swaps(view: RunState) -> Figure:
    """Kinds of loads differ a thousandfold, so the axis is logarithmic; it begins at 1 ms. Lanes are numbers, so that bars have room."""
    names = _names(view)
    layout = _layout("Swaps: from asked for to ready", "", 1)
    layout["xaxis"] |= {"type": "log", "range": [-3, 1.7], "tickvals": [10.0**power for power in range(-3, 5)], "ticktext": list(_DECADES)}
    layout["yaxis"] |= {"tickvals": names, "ticktext": [str(number) for number in range(1, len(names) + 1)]}
    return _bars(view, layout, "%{y}<br>ready in %{text}", "again, after making room: %{text}")


def _bars(view: RunState, layout: Figure, hover: str, hover_mark: str) -> Figure:
    """One bar a lane, from the top down."""
    layout["yaxis"] |= _rows(view)
    return {"data": [_bar(view, hover), _marks("line-ns-open", hover_mark)], "layout": layout | {"bargap": 0.3}}


def _bar(view: RunState, hover: str) -> Figure:
    names = _names(view)
    return {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": [None] * len(names),
        "width": 0.62,
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "textfont": {"size": 11},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _rows(view: RunState) -> Figure:
    """One a lane, from the top down."""
    return {"autorange": "reversed", "showgrid": False, "categoryorder": "array", "categoryarray": _names(view)}


def _names(view: RunState) -> list[str]:
    return [lane_name(lane.index, lane.lane) for lane in view.lanes]


def _parts(view: RunState) -> Figure:
    """Stacked: one trace a part. Hatched, solid and dotted, so that parts differ by more than their tint."""
    layout = _layout("Where the time goes", "ms: prefill hatched, decoding solid", 300)
    layout["yaxis"] |= _rows(view) | {"tickmode": "linear", "dtick": 1}
    bars = [_bar(view, "%{y}<br>%{customdata}") | {"name": part, "marker": _fill(part)} for part in PARTS]
    return {"data": bars, "layout": layout | {"bargap": 0.3, "barmode": "stack"}}


def _fill(part: str) -> Figure:
    shape = {"prefill": "/", "post": "."}.get(part, "")
    return {"pattern": {"shape": shape, "fillmode": "replace", "size": 5, "solidity": 0.5}, "line": {"width": 1}}


def _against(view: RunState) -> Figure:
    """A forest plot: a point and its interval a lane, on a logarithmic axis, for half the time and twice it are equally far from 1."""
    baseline, lanes = view.baseline.index + 1, len(view.lanes)
    layout = _layout(f"Against lane {baseline}: TPOT, 95 % interval", f"× lane {baseline}’s time, left is faster", 1)
    layout["xaxis"] |= {"type": "log", "range": [-0.302, 0.43], "tickvals": [], "ticktext": [], "tickangle": 0}
    layout["yaxis"] |= _rows(view) | {
        "type": "category",
        "tickmode": "linear",
        "dtick": 1,
        "autorange": False,
        "range": [lanes - 0.5, -0.5],
    }
    interval = {"symmetric": False, "thickness": 2, "width": 5}
    points = [{key: it for key, it in _line(lane, "%{customdata}").items() if key != "line"} | {"error_x": interval} for lane in view.lanes]
    figures = {
        "type": "scatter",
        "mode": "text",
        "x": [None] * lanes,
        "y": _names(view),
        "textposition": "middle left",
        "hoverinfo": "skip",
    }
    return {"data": [*points, figures | {"textfont": {"size": 11}, "cliponaxis": False}], "layout": layout}


def _progress(view: RunState) -> Figure:
    most = max(lane.lane.batch for lane in view.lanes) * view.request.measure.max_new_tokens
    lines = [_line(lane, "%{y} tokens at %{x:.3s} s") for lane in view.lanes]
    rows = ", all rows," if any(lane.lane.batch > 1 for lane in view.lanes) else ""
    layout = _layout(f"Tokens{rows} over each lane’s own time", "s, own clock", 1)
    layout["yaxis"]["range"] = [0, most * 1.04]
    return {"data": [*lines, _marks("line-ns-open", "one repeat%{customdata}: last token at %{x:.3s} s")], "layout": layout}


def _gaps(view: RunState) -> Figure:
    lines = [_line(lane, "%{y:.3s} ms before step %{x}") for lane in view.lanes]
    steps = view.request.measure.max_new_tokens
    layout = _layout("Time between tokens", "step", steps + 1)
    layout["yaxis"] |= {"ticksuffix": " ms", "range": [0, 50]}
    return {"data": [*lines, _marks("line-ew-open", "TPOT of one repeat%{customdata}: %{y:.3s} ms")], "layout": layout}


def _marks(symbol: str, hover: str) -> Figure:
    marker = {"symbol": symbol, "size": 11, "line": {"width": 1.5}}
    return {"type": "scatter", "mode": "markers", "x": [], "y": [], "marker": marker, "hovertemplate": f"{hover}<extra></extra>"}


def _line(lane: LaneState, hover: str) -> Figure:
    """Dotted for beam search: none of its tokens is certain before the end."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": lane_name(lane.index, lane.lane),
        "x": [],
        "y": [],
        "hovertemplate": f"{hover}<extra>%{{fullData.name}}</extra>",
        "line": {"width": 2, "dash": "dot" if lane.lane.decoding.revises else "solid"},
        "marker": {"symbol": SYMBOLS[lane.index % len(SYMBOLS)], "size": 7, "maxdisplayed": 7},
    }


def _layout(title: str, unit: str, widest: float) -> Figure:
    """`widest`: where the x axis ends before anything is known; the browser lets axes grow in steps."""
    axis = {"rangemode": "tozero", "zeroline": False, "automargin": True, "tickfont": {"size": 11}, "fixedrange": True, "nticks": 6}
    return {
        "template": None,
        "title": {"text": title, "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 12, "l": 14}},
        "margin": {"t": 36, "r": 14, "b": 32, "l": 14},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": axis | {"range": [0, widest], "title": {"text": unit, "font": {"size": 11}, "standoff": 4}},
        "yaxis": dict(axis),
    }
