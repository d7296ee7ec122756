"""Swaps: from asked for to ready. A lane's first load is its bar; a mark for each time it had to make room and came back."""

from __future__ import annotations

import math

from playground.report.charts.chart import Chart, Figure, register
from playground.report.charts.layout import axis_end, lane_bars, lane_name, lane_names, lane_rows, layout, repeat_marks
from playground.report.charts.palette import LIGHT
from playground.report.loads import load_time
from playground.timeline.state import RunState
from playground.timeline.trace import Load

_DECADES = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "100 s", "1,000 s", "10,000 s")
_FIRST_S = 0.001
"""Where the axis begins."""
_FIRST_END_S = 50.0
_ROOM = 8
"""For the words beside the bar."""


def _make(view: RunState) -> Figure:
    """Kinds of loads differ a thousandfold, so the axis is logarithmic; it begins at 1 ms. Lanes are numbers, so that bars have room."""
    names, every = lane_names(view), [load.load_s for lane in view.lanes for load in lane.loads]
    end = axis_end(_FIRST_END_S, every, _ROOM)
    drawn = layout("Swaps: from asked for to ready", "", 1)
    decades = {"tickvals": [10.0**power for power in range(-3, 5)], "ticktext": list(_DECADES)}
    drawn["xaxis"] |= {"type": "log", "range": [-3, round(math.log10(end), 4)], **decades}
    drawn["yaxis"] |= lane_rows(view) | {"tickvals": names, "ticktext": [str(number) for number in range(1, len(names) + 1)]}
    firsts = [lane.loads[0] if lane.loads else None for lane in view.lanes]
    lengths, texts = [None if one is None else _shown_s(one) for one in firsts], ["" if one is None else _words(one) for one in firsts]
    bars = lane_bars(view, lengths, "%{y}<br>ready in %{text}", text=texts)
    return {"data": [bars, _later(view)], "layout": drawn | {"bargap": 0.3}}


def _later(view: RunState) -> Figure:
    later = [(lane_name(lane.index, lane.lane), load) for lane in view.lanes for load in lane.loads[1:]]
    rows, lengths = [name for name, _ in later], [_shown_s(load) for _, load in later]
    hover = "again, after making room: %{{text}}"
    return repeat_marks(lengths, rows, [None] * len(later), "line-ns-open", LIGHT.ink, hover, text=[_words(load) for _, load in later])


def _words(load: Load) -> str:
    return f"{load_time(load.load_s)}, {load.load_kind}"


def _shown_s(load: Load) -> float:
    return max(load.load_s, _FIRST_S)


register(
    Chart(
        key="swaps",
        title="Swaps",
        alt="swaps, from asked for to ready, by lane and where it came from, on a logarithmic axis",
        make=_make,
        place=60,
    )
)
