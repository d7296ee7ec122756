"""A recording gives back what was shown of its run: the same tables, sentences and records for the browser, whatever happened in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engines.scripted import Script, ScriptedEngine, script_of
from playground.recordings.build import build_recording
from playground.recordings.reading import parse_recording
from playground.recordings.replay import state_of
from playground.recordings.writing import dump_recording
from playground.report.csv import csv_text
from playground.report.markdown import markdown_text
from playground.report.sections import Choice, sections
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording.run import caption
from playground.spec.lane import Lane
from playground.spec.measure import SCHEDULES
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import (
    Event,
    LaneFailed,
    RepeatFinished,
    RepeatsAdded,
    RepeatStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepsTaken,
)
from playground.timeline.state import RunState
from playground.timeline.trace import RequestTimes, RowText, Step
from playground.ui.live.feed import Feed
from tests.timelines import request

LANES = ("bf16", "nf4", "int8", "bf16@3", "nf4+faq", "bf16/beam(num_beams=2)", "nf4/top_p(p=0.9)@2", "bf16+faq|none@2")


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a run. `end`: it is stopped, or its engine is gone, after so many events of its lanes, or neither."""

    lanes: Sequence[str]
    schedule: str
    warmup: int
    repeats: int
    script: Script
    fails: frozenset[int]
    added: int
    """Repeats after those asked for: the run grew, or it goes on from another."""
    goes_on: bool
    agreement: bool
    end: str
    after: int

    def request(self) -> RunRequest:
        measure = {
            "schedule": self.schedule,
            "warmup": self.warmup,
            "repeats": self.repeats,
            "max_new_tokens": 4,
            "agreement": self.agreement,
        }
        return request(*self.lanes, measure=measure)

    def script_of(self, lane: Lane) -> Script:
        usual = replace(script_of(lane), jitter=self.script.jitter)
        fails = any(Lane.parse(self.lanes[index]) == lane for index in self.fails if index < len(self.lanes))
        return replace(usual, fails_after=self.script.fails_after, fails_in=self.script.fails_in) if fails else usual


plans = st.builds(
    Plan,
    lanes=st.lists(st.sampled_from(LANES), min_size=1, max_size=4),
    schedule=st.sampled_from(SCHEDULES),
    warmup=st.integers(0, 1),
    repeats=st.integers(1, 3),
    script=st.builds(
        Script,
        fails_after=st.integers(0, 3),
        fails_in=st.integers(0, 3),
        jitter=st.lists(st.floats(0.5, 2), min_size=1, max_size=4).map(tuple),
    ),
    fails=st.frozensets(st.integers(0, 3), max_size=2),
    added=st.integers(0, 2),
    goes_on=st.booleans(),
    agreement=st.booleans(),
    end=st.sampled_from(("whole", "stopped", "gone")),
    after=st.integers(0, 60),
)


def events_in(plan: Plan) -> Iterator[Event]:
    engine = ScriptedEngine(plan.script_of, sleep=lambda _seconds: None, budget_bytes=600_000_000, host_budget_bytes=10**9)
    asked, cancel, left, seen = plan.request(), threading.Event(), list(range(len(plan.lanes))), 0
    yield RunQueued(2, 3.0)
    yield RunStarted(tuple(map(str, asked.lanes)), engine.environment())
    for first, wanted in ((0, asked), (plan.warmup + plan.repeats, asked.longer(plan.added)))[: 2 if plan.added else 1]:
        if first and not plan.goes_on:
            yield RepeatsAdded(plan.added)
        for event in engine.run(left, wanted, cancel, first):
            yield event
            seen += 1
            if isinstance(event, LaneFailed):
                left.remove(event.lane)
            if plan.end != "whole" and seen > plan.after:
                cancel.set()
            if plan.end == "gone" and cancel.is_set():
                break
    yield RunFinished("cancelled" if cancel.is_set() else "done")


def run(plan: Plan) -> RunState:
    asked = plan.request()
    state = RunState(asked.longer(plan.added) if plan.added and plan.goes_on else asked, "5c17ed", "2026-11-25T12:00:00+00:00")
    for event in events_in(plan):
        state.apply(event)
    return state


def shown(state: RunState) -> dict[str, object]:
    """All that a reader of the run's end sees, in whatever form."""
    feed = Feed(state, clock=lambda: 0.0)
    return {
        "tables": sections(state, Choice()),
        "sentences": [verdict(state), *lane_verdicts(state), caption(state)],
        "files": [csv_text(state), markdown_text(state, Choice())],
        "records": [feed.start(), feed.frame()],
    }


@settings(max_examples=40)
@given(plans)
def test_a_recording_shows_what_its_run_showed(plan: Plan) -> None:
    state = run(plan)
    recording = build_recording(state)
    read = parse_recording(dump_recording(recording).encode(), "x.json")
    assert read == recording
    assert shown(state_of(read)) == shown(state)
    assert build_recording(state_of(read)) == recording


def test_when_requests_came_and_went_is_given_back() -> None:
    state = RunState(request("bf16"), "5c17ed", "2026-11-25T12:00:00+00:00")
    times = RequestTimes(arrived_s=0.25, admitted_s=0.5, end_s=2.0)
    state.apply(RepeatStarted(0, 0, False, (5,), 0.0))
    state.apply(StepsTaken(0, 0, (Step(t_s=1.0, wall_s=1.0, token_ids={0: (7,)}),), (RowText(0, "so"),)))
    state.apply(RepeatFinished(0, 0, 2.0, 2.0, ((7,),), ("length",), ("so",), requests=(times,)))
    state.apply(RunFinished("done"))
    read = parse_recording(dump_recording(build_recording(state)).encode(), "x.json")
    assert state_of(read).lanes[0].repeats == state.lanes[0].repeats
    assert shown(state_of(read)) == shown(state)


def test_a_run_that_was_stopped_before_its_turn_is_given_back() -> None:
    state = RunState(request("bf16"), "5c17ed", "2026-11-25T12:00:00+00:00")
    state.apply(RunQueued(2))
    state.apply(RunFinished("cancelled"))
    assert state.environment == Environment()
    assert shown(state_of(build_recording(state))) == shown(state)
