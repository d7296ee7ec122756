"""A recording → the events of its run, so that the reducer of a live run gives back what was shown of it.

Not kept, and so not given back: how the run waited (places in the queue), what lanes were doing in words while they did it, how far a
download had come, repeats that were added later as such (the request has them all), in which of the lanes' loads something else was held,
and how the events of several lanes lay in time between one another: they come lane by lane.
"""

from __future__ import annotations

from collections.abc import Iterator

from playground.recordings.schema import LaneRecord, Recording
from playground.timeline.events import (
    Event,
    LaneCompared,
    LaneEvent,
    LaneFailed,
    LaneLoaded,
    RepeatFinished,
    RepeatStarted,
    RunFinished,
    RunStarted,
    StepsTaken,
)
from playground.timeline.state import RunState
from playground.timeline.trace import Trace, UnfinishedTrace


def state_of(recording: Recording) -> RunState:
    """The run's state at its end."""
    state = RunState(recording.request, recording.id, recording.created_at)
    for event in events_of(recording):
        state.apply(event)
    return state


def events_of(recording: Recording) -> Iterator[Event]:
    """What happened, for a state of the recording's request. Each repeat's steps come in one event."""
    yield RunStarted(tuple(lane.label for lane in recording.lanes), recording.environment)
    for index, lane in enumerate(recording.lanes):
        yield from _lane_events(index, lane)
    yield RunFinished(recording.status)


def _lane_events(index: int, lane: LaneRecord) -> Iterator[LaneEvent]:
    for load in lane.loads:
        yield LaneLoaded(index, load.load_s, load.load_kind, lane.weights_bytes or 0, lane.facts)
    for trace in lane.repeats:
        yield from _started(index, trace)
        yield _finished(index, trace)
    if lane.agreement is not None:
        yield LaneCompared(index, lane.agreement.top1, lane.agreement.places)
    if lane.unfinished is not None:
        yield from _started(index, lane.unfinished)
    if lane.failure is not None:
        yield LaneFailed(index, lane.failure.kind, lane.failure.message)


def _started(lane: int, trace: Trace | UnfinishedTrace) -> Iterator[RepeatStarted | StepsTaken]:
    yield RepeatStarted(lane, trace.number, trace.warmup, trace.prompt_tokens, trace.tokenize_s, cold=trace.cold, alone=trace.alone)
    if trace.steps:
        yield StepsTaken(lane, trace.number, trace.steps, trace.changes)


def _finished(lane: int, trace: Trace) -> RepeatFinished:
    return RepeatFinished(
        lane=lane,
        repeat=trace.number,
        end_s=trace.end_s,
        end_wall_s=trace.end_wall_s,
        output_ids=trace.output_ids,
        finish=trace.finish,
        texts=trace.texts,
        conditions=trace.conditions,
        memory=trace.memory,
        requests=trace.requests,
    )
