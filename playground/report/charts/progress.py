"""Tokens over each lane's own time: a line a lane, and a mark where each of several repeats wrote its last token."""

from __future__ import annotations

from playground.analysis.measuring import measure
from playground.report.charts.chart import Chart, Figure, Grows, TargetLine, register
from playground.report.charts.layout import axis_end, lane_line, layout, marked_lanes, repeat_marks
from playground.report.charts.palette import LIGHT
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

GROWS = Grows("own_s", "tokens", keep="last", axis="x", room=1.05)


def _make(view: RunState) -> Figure:
    most = max(lane.lane.batch for lane in view.lanes) * view.request.measure.max_new_tokens
    rows = ", all rows," if any(lane.lane.batch > 1 for lane in view.lanes) else ""
    lasts = [_last_s(repeat) for lane in marked_lanes(view) for repeat in lane.counted]
    drawn = layout(f"Tokens{rows} over each lane’s own time", "s, own clock", axis_end(1, lasts, GROWS.room))
    drawn["yaxis"]["range"] = [0, most * 1.04]
    lines = [lane_line(lane, "%{y} tokens at %{x:.3s} s") for lane in view.lanes]
    return {"data": [*lines, *map(_marks, marked_lanes(view))], "layout": drawn}


def _marks(lane: LaneState) -> Figure:
    lasts = [_last_s(repeat) for repeat in lane.counted]
    tokens = [sum(map(len, repeat.output_ids)) for repeat in lane.counted]
    hover = "one repeat{odd}: last token at %{{x:.3s}} s"
    return repeat_marks(lasts, tokens, lasts, "line-ns-open", LIGHT.lane(lane.index), hover)


def _last_s(repeat: Trace) -> float | None:
    """When its last token came."""
    metrics = measure(repeat)
    return None if metrics.e2e_s is None or metrics.post_s is None else round(metrics.e2e_s - metrics.post_s, 6)


register(
    Chart(
        key="progress",
        title="Tokens over time",
        alt="tokens over each lane’s own time",
        make=_make,
        place=20,
        grows=GROWS,
        target=TargetLine("x", "e2e"),
    )
)
