"""Time between tokens: a line a lane, and a mark at the end for the TPOT of each of several repeats."""

from __future__ import annotations

from playground.analysis.measuring import measure
from playground.formatting import milliseconds
from playground.report.charts.chart import Chart, Figure, Grows, TargetLine, register
from playground.report.charts.layout import axis_end, lane_line, layout, marked_lanes, repeat_marks
from playground.report.charts.palette import LIGHT
from playground.timeline.state import LaneState, RunState

GROWS = Grows("step", "gap_ms", keep="extremes", axis="y", room=1.1)


def _make(view: RunState) -> Figure:
    steps = view.request.measure.max_new_tokens
    drawn = layout("Time between tokens", "step", steps + 1)
    tpots_ms = [one for lane in marked_lanes(view) for one in _tpots_ms(lane)]
    drawn["yaxis"] |= {"ticksuffix": " ms", "range": [0, axis_end(50, tpots_ms, GROWS.room)]}
    lines = [lane_line(lane, "%{y:.3s} ms before step %{x}") for lane in view.lanes]
    return {"data": [*lines, *(_marks(lane, steps) for lane in marked_lanes(view))], "layout": drawn}


def _marks(lane: LaneState, steps: int) -> Figure:
    tpots_ms = _tpots_ms(lane)
    hover = "TPOT of one repeat{odd}: %{{y:.3s}} ms"
    return repeat_marks([steps] * len(tpots_ms), tpots_ms, tpots_ms, "line-ew-open", LIGHT.lane(lane.index), hover)


def _tpots_ms(lane: LaneState) -> list[float | None]:
    return [milliseconds(measure(repeat).tpot_s) for repeat in lane.counted]


register(
    Chart(
        key="gaps",
        title="Time between tokens",
        alt="time between tokens",
        make=_make,
        place=30,
        grows=GROWS,
        target=TargetLine("y", "tpot"),
    )
)
