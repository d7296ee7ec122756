"""A run's state → its recording."""

from __future__ import annotations

from playground.recordings.schema import Failure, LaneRecord, Recording
from playground.timeline.state import LaneState, RunState


def build_recording(view: RunState) -> Recording:
    """The run as it is kept. Lanes of a stopped run hold what they finished."""
    return Recording(
        id=view.run_id,
        created_at=view.created_at,
        status="cancelled" if view.status == "cancelled" else "done",
        environment=view.environment,
        request=view.request,
        lanes=tuple(map(_lane_record, view.lanes)),
    )


def _lane_record(lane: LaneState) -> LaneRecord:
    return LaneRecord(
        lane=lane.lane,
        facts=lane.facts,
        weights_bytes=lane.weights_bytes,
        loads=tuple(lane.loads),
        failure=Failure(kind=lane.error_kind, message=lane.error) if lane.error is not None and lane.error_kind is not None else None,
        agreement=lane.agreement,
        repeats=tuple(lane.repeats),
        unfinished=lane.unfinished,
    )
