"""What the charts share: layouts, axes that grow in steps, and the traces of lanes, bars and repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from playground.analysis.stats import outliers
from playground.report.charts.chart import Figure
from playground.report.charts.palette import LIGHT, SYMBOLS
from playground.spec.lane import Lane
from playground.timeline.state import LaneState, RunState

LONGEST_NAME = 18
_CLEAR = "rgba(0,0,0,0)"


def layout(title: str, unit: str, x_end: float) -> Figure:
    """`x_end`: where the x axis ends."""
    axis = {
        "rangemode": "tozero",
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 11},
        "fixedrange": True,
        "nticks": 6,
        "gridcolor": LIGHT.grid,
    }
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 12, "l": 14}}
    return {
        "template": None,
        "title": {"text": title, "font": {"size": 13, "color": LIGHT.ink}, **place},
        "font": {"color": LIGHT.muted},
        "hoverlabel": {"bgcolor": LIGHT.surface, "bordercolor": LIGHT.grid, "font": {"color": LIGHT.ink}},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": {"t": 36, "r": 14, "b": 32, "l": 14},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": axis | {"range": [0, x_end], "title": {"text": unit, "font": {"size": 11}, "standoff": 4}},
        "yaxis": dict(axis),
    }


def axis_end(least: float, values: Sequence[float | None], room: float) -> float:
    """Where an axis ends that shows these: at `least`, or beyond the largest in steps of 1, 2, 3, 5 and 7, so that nothing creeps."""
    largest = max((value for value in values if value is not None), default=0.0) * room
    if largest <= least:
        return least
    power = 10.0 ** math.floor(math.log10(largest))
    return round(power * next(step for step in (1, 2, 3, 5, 7, 10) if step * power >= largest), 9)


def lane_name(index: int, lane: Lane) -> str:
    """A lane on an axis: its number and as much of its label as fits. Labels have no markup, by their grammar."""
    label = str(lane)
    return f"{index + 1} {label if len(label) <= LONGEST_NAME else label[: LONGEST_NAME - 1] + '…'}"


def lane_names(view: RunState) -> list[str]:
    return [lane_name(lane.index, lane.lane) for lane in view.lanes]


def lane_colours(view: RunState) -> list[str]:
    return [LIGHT.lane(lane.index) for lane in view.lanes]


def lane_rows(view: RunState) -> Figure:
    """A y axis with a row a lane, from the top down."""
    return {"autorange": "reversed", "showgrid": False, "categoryorder": "array", "categoryarray": lane_names(view)}


def lane_bars(view: RunState, lengths: Sequence[float | None], hover: str, **fields: Any) -> Figure:
    """A horizontal bar a lane; the texts of `fields` stand at their ends."""
    return {
        "type": "bar",
        "orientation": "h",
        "y": lane_names(view),
        "x": list(lengths),
        "width": 0.62,
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "textfont": {"size": 11, "color": LIGHT.ink},
        "marker": {"color": lane_colours(view)},
        "hovertemplate": f"{hover}<extra></extra>",
        **fields,
    }


def lane_line(lane: LaneState, hover: str) -> Figure:
    """A lane's line, without points. Dotted for beam search: none of its tokens is certain before the end."""
    colour = LIGHT.lane(lane.index)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": lane_name(lane.index, lane.lane),
        "x": [],
        "y": [],
        "hovertemplate": f"{hover}<extra>%{{fullData.name}}</extra>",
        "line": {"width": 2, "dash": "dot" if lane.lane.decoding.revises else "solid", "color": colour},
        "marker": {"symbol": SYMBOLS[lane.index % len(SYMBOLS)], "size": 7, "maxdisplayed": 7, "color": colour},
    }


def repeat_marks(
    x: Sequence[Any], y: Sequence[Any], values: Sequence[float | None], symbol: str, colour: str, hover: str, **fields: Any
) -> Figure:
    """A mark a repeat at (x, y). Those whose `values` are outliers are kept and have another symbol, a ring; `hover` holds `{odd}`."""
    odd = _outliers(values)
    some = any(odd)
    marker = {
        "symbol": ["circle-open" if one else symbol for one in odd] if some else symbol,
        "size": [8 if one else 11 for one in odd] if some else 11,
        "line": {"width": 1.5},
        "color": colour,
    }
    template = f"{hover.format(odd='%{customdata}' if some else '')}<extra></extra>"
    trace = {"type": "scatter", "mode": "markers", "x": list(x), "y": list(y), "marker": marker, "hovertemplate": template}
    return trace | ({"customdata": [", an outlier" if one else "" for one in odd]} if some else {}) | fields


def _outliers(values: Sequence[float | None]) -> list[bool]:
    far = iter(outliers([value for value in values if value is not None]))
    return [value is not None and next(far) for value in values]


def marked_lanes(view: RunState) -> list[LaneState]:
    """Whose repeats have a mark each: none in a run of one repeat, whose bars and lines show it."""
    return view.lanes if view.request.measure.repeats > 1 else []
