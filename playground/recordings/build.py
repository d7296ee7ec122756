"""A run's state → its recording."""

from __future__ import annotations

from dataclasses import fields

from playground.analysis.comparison import comparison
from playground.analysis.metrics import measure
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import LaneRecord, Recording, Repeat, Trace


def build_recording(view: RunState) -> Recording:
    """The run as it is kept. Lanes of a stopped run hold what they finished."""
    return Recording(
        id=view.run_id,
        created_at=view.created_at,
        status="cancelled" if view.status == "cancelled" else "done",
        environment=view.environment,
        request=view.request,
        lanes=tuple(_lane_record(view, lane) for lane in view.lanes),
    )


def _lane_record(view: RunState, lane: LaneState) -> LaneRecord:
    return LaneRecord(
        index=lane.index,
        label=lane.label,
        lane=lane.lane,
        error=lane.error,
        load_s=lane.load_s,
        load_kind=lane.load_kind,
        memory_bytes=lane.memory_bytes,
        memory=lane.memory,
        loads=tuple(lane.loads),
        agreement=lane.agreement,
        comparison=comparison(view, lane),
        facts=lane.facts,
        repeats=tuple(_repeat(trace) for trace in lane.repeats),
    )


def _repeat(trace: Trace) -> Repeat:
    return Repeat(**{field.name: getattr(trace, field.name) for field in fields(Trace)}, metrics=measure(trace))
