"""Time to first token: a bar a lane, and a mark for each of several repeats."""

from __future__ import annotations

from playground.analysis.measuring import measure, measure_running
from playground.analysis.metrics import figure
from playground.formatting import duration, milliseconds
from playground.report.charts.chart import Chart, Figure, TargetLine, register
from playground.report.charts.layout import axis_end, lane_bars, lane_name, lane_rows, layout, marked_lanes, repeat_marks
from playground.report.charts.palette import LIGHT
from playground.timeline.state import LaneState, RunState


def ttft_s(lane: LaneState) -> float | None:
    """The median of the counted repeats, or what is known of the first one in progress."""
    seconds = figure(lane, "ttft_s")
    if seconds is None and lane.first is not None and not lane.lane.decoding.revises:
        seconds = measure_running(lane.first).ttft_s
    return seconds


def _make(view: RunState) -> Figure:
    known_s = [ttft_s(lane) for lane in view.lanes]
    bars_ms = [milliseconds(one) for one in known_s]
    texts = ["" if one is None else duration(one) for one in known_s]
    marks_ms = [[milliseconds(measure(repeat).ttft_s) for repeat in lane.counted] for lane in marked_lanes(view)]
    drawn = layout("Time to first token", "ms", axis_end(300, [*bars_ms, *(one for lane in marks_ms for one in lane)], 1.3))
    drawn["yaxis"] |= lane_rows(view) | {"tickmode": "linear", "dtick": 1}
    bars = lane_bars(view, bars_ms, "%{y}<br>TTFT %{x:.3s} ms", text=texts)
    marks = [_marks(lane, values) for lane, values in zip(view.lanes, marks_ms, strict=False)]
    return {"data": [bars, *marks], "layout": drawn | {"bargap": 0.3}}


def _marks(lane: LaneState, values: list[float | None]) -> Figure:
    rows = [lane_name(lane.index, lane.lane)] * len(values)
    return repeat_marks(values, rows, values, "line-ns-open", LIGHT.ink, "one repeat{odd}: %{{x:.3s}} ms")


register(
    Chart(
        key="ttft",
        title="Time to first token",
        alt="time to first token, by lane",
        make=_make,
        place=10,
        target=TargetLine("x", "ttft"),
    )
)
