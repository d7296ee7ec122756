"""Runs that go on until they are sure: how many repeats they add, when they end, and who sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from playground.analysis.comparison import paired
from playground.analysis.metrics import figure
from playground.analysis.stopping import repeats_to_add, unsure, width
from playground.engines.scripted import Script, ScriptedEngine
from playground.recordings.build import build_recording
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.spec.request import RunRequest
from playground.timeline.events import Event, LaneEvent, RepeatsAdded, RepeatStarted
from playground.timeline.state import RunState
from tests.timelines import Ran, played, request

STEADY = Script(tpot_s=0.02)
SHAKY = Script(tpot_s=0.03, jitter=(1.0, 1.5, 0.8, 1.2, 0.7, 1.4, 0.9))
SETTLING = Script(tpot_s=0.03, jitter=(1.0, 1.02, 0.98, 1.01, 1.03, 0.97, 1.0, 1.01))


def asked(*lanes: str, **measure: object) -> RunRequest:
    until = measure.pop("until", {"width": 0.05})
    return request(*lanes or ("bf16", "nf4"), measure={"max_new_tokens": 3, "until": until} | measure)


def engine(nf4: Script, clock: Callable[[float], None] = lambda _seconds: None) -> ScriptedEngine:
    return ScriptedEngine(lambda lane: nf4 if lane.variant.weights.scheme == "nf4" else STEADY, sleep=clock)


def ran(wanted: RunRequest, nf4: Script) -> tuple[RunState, list[Event]]:
    once = engine(nf4)
    run = Runner(lambda _lane, _model_id: once).start(wanted)
    return run.reader().to_the_end(), run.events_since(0)


def added(events: list[Event]) -> list[int]:
    return [event.repeats for event in events if isinstance(event, RepeatsAdded)]


@pytest.mark.parametrize(("repeats", "steps"), [(1, [1, 2, 2]), (2, [2, 2]), (5, [1]), (6, []), (9, [])])
def test_six_pairs_are_the_fewest_and_an_even_number_comes_next(repeats: int, steps: list[int]) -> None:
    view, events = ran(asked(repeats=repeats), STEADY)
    assert added(events) == steps
    assert [len(lane.counted) for lane in view.lanes] == [max(6, repeats)] * 2
    assert view.request.measure.repeats == max(6, repeats)
    assert build_recording(view).request == view.request
    assert unsure(view) == []


def test_a_run_goes_on_only_as_long_as_it_must() -> None:
    view, events = ran(asked(repeats=4), SETTLING)
    looks = [paired(view, view.lanes[1], view.baseline, "tpot_s", but_last) for but_last in (4, 2, 0)]
    assert [(width(look) or 0) < 0.05 for look in looks if look is not None] == [False, True, True]
    assert added(events) == [2, 2, 2]


def test_the_most_repeats_end_it_unsure() -> None:
    view, events = ran(asked(repeats=3, until={"width": 0.01, "most": 9}), SHAKY)
    assert added(events) == [1, 2, 2, 1]
    assert [lane.label for lane in unsure(view)] == ["nf4"]


def test_the_time_limit_ends_it_unsure() -> None:
    now = [0.0]
    once = engine(SHAKY, lambda seconds: now.__setitem__(0, now[0] + seconds))
    run = Runner(lambda _lane, _model_id: once, clock=lambda: now[0]).start(asked(repeats=1, until={"width": 0.01, "limit_s": 1.0}))
    view = run.reader().to_the_end()
    (bf16, nf4), rounds = view.lanes, added(run.events_since(0))
    assert 1 < len(bf16.counted) == len(nf4.counted) < 100
    assert sum(rounds) + 1 == len(bf16.counted)
    assert now[0] > 1.0, "the last round began within the limit, and ended after it"
    assert [lane.label for lane in unsure(view)] == ["nf4"]


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved", "contended"])
def test_rounds_keep_the_order_and_the_numbers_that_one_longer_run_has(schedule: str) -> None:
    view, events = ran(asked(repeats=1, warmup=1, schedule=schedule), STEADY)
    once, told = ran(asked(repeats=6, warmup=1, schedule=schedule, until=None), STEADY)
    assert starts(events) == starts(told)
    assert [[repeat.number for repeat in lane.counted] for lane in view.lanes] == [[1, 2, 3, 4, 5, 6]] * 2
    assert [figure(lane, "tpot_s") for lane in view.lanes] == [figure(lane, "tpot_s") for lane in once.lanes]


def starts(events: list[Event]) -> list[tuple[int, int, bool, bool]]:
    return [(one.lane, one.repeat, one.warmup, one.alone) for one in events if isinstance(one, RepeatStarted)]


def test_variants_that_are_found_in_place_are_no_swaps() -> None:
    view, _events = ran(asked(repeats=1), STEADY)
    assert [len(lane.loads) for lane in view.lanes] == [1, 1]
    assert [lane.load_kind for lane in view.lanes] == ["cold", "cold"]


def test_outputs_are_compared_once() -> None:
    _view, events = ran(asked(repeats=1, agreement=True), STEADY)
    assert sum(type(event).__name__ == "LaneCompared" for event in events) == 2


def test_a_lane_that_fails_in_the_middle_is_left_out_of_what_follows() -> None:
    failing = Script(tpot_s=0.03, fails_after=1, fails_in=4)
    view, events = ran(asked("bf16", "nf4", "int8", repeats=2), failing)
    assert [lane.error for lane in view.lanes] == [None, "the script fails after 1 steps", None]
    assert [len(lane.counted) for lane in view.lanes] == [6, 3, 6]
    assert added(events) == [2, 2]


def test_without_a_baseline_there_is_nothing_to_wait_for() -> None:
    view, events = ran(asked("nf4", "bf16", repeats=2), Script(fails_after=1))
    assert (added(events), len(view.lanes[1].counted)) == ([], 2)
    one, alone = ran(asked("bf16", repeats=1), STEADY)
    assert (added(alone), len(one.lanes[0].counted)) == ([], 1)


class Gated:
    """A scripted engine that waits before each of its runs but the first."""

    def __init__(self, inner: ScriptedEngine) -> None:
        self.inner, self.gate, self.waits, self.runs = inner, threading.Event(), threading.Event(), 0
        self.environment, self.close = inner.environment, inner.close

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        self.runs += 1
        if self.runs > 1:
            self.waits.set()
            self.gate.wait(10.0)
        yield from self.inner.run(lanes, request, cancel, first)


def gated(wanted: RunRequest) -> tuple[Gated, Runner, Run]:
    once = Gated(engine(SHAKY))
    runner = Runner(lambda _lane, _model_id: once)
    run = runner.start(wanted)
    assert once.waits.wait(10.0)
    return once, runner, run


def test_a_late_reader_sees_what_an_early_one_has_seen() -> None:
    wanted = asked(repeats=1, until={"width": 0.05, "most": 8})
    once, _runner, run = gated(wanted)
    early = run.reader()
    early.catch_up(1.0)
    late = run.reader()
    assert (early.view.request.measure.repeats, late.view.request) == (2, wanted)
    once.gate.set()
    assert build_recording(late.to_the_end()) == build_recording(early.to_the_end()) == build_recording(run.reader().to_the_end())
    assert late.view.request.measure.repeats == 8


def test_a_run_that_is_stopped_between_rounds_ends_with_what_it_has() -> None:
    once, _runner, run = gated(asked(repeats=2))
    run.cancel()
    once.gate.set()
    view = run.reader().to_the_end()
    assert view.status == "cancelled"
    assert [len(lane.counted) for lane in view.lanes] == [2, 2]
    assert run.remaining_tokens == 0


def test_what_is_still_to_do_grows_with_the_run() -> None:
    once, _runner, run = gated(asked(repeats=2, max_new_tokens=10))
    assert run.remaining_tokens == 2 * 2 * 10
    once.gate.set()
    run.reader().to_the_end()
    assert run.remaining_tokens == 0


def test_more_repeats_go_on_from_a_run_that_has_grown() -> None:
    once = engine(STEADY)
    runner = Runner(lambda _lane, _model_id: once)
    first = runner.start(asked(repeats=1))
    first.reader().to_the_end()
    longer = runner.more(first, 2)
    view = longer.reader().to_the_end()
    assert [[repeat.number for repeat in lane.counted] for lane in view.lanes] == [[*range(1, 9)]] * 2


def test_the_rule_by_itself() -> None:
    steady, until = (0.02,) * 6, {"repeats": 6, "until": {"width": 0.05, "limit_s": 10.0, "most": 8}}
    sure = played({"bf16": Ran(tpot_s=steady), "nf4": Ran(tpot_s=steady)}, measure=until)
    assert repeats_to_add(sure, 0.0) == 0
    shaky = played({"bf16": Ran(tpot_s=steady), "nf4": Ran(tpot_s=(0.02, 0.03, 0.02, 0.03, 0.025, 0.02))}, measure=until)
    assert (repeats_to_add(shaky, 9.9), repeats_to_add(shaky, 10.0)) == (2, 0)
    late = played({"bf16": Ran(tpot_s=steady), "nf4": Ran(tpot_s=(0.02, 0.03, 0.02, 0.02, 0.02, 0.02))}, measure=until)
    assert repeats_to_add(late, 0.0) == 2
    plain = played({"bf16": Ran(tpot_s=steady), "nf4": Ran(tpot_s=steady)}, measure={"repeats": 6})
    assert (unsure(plain), repeats_to_add(plain, 0.0)) == ([], 0)


def test_an_odd_last_repeat_is_asked_for_only_by_the_most() -> None:
    view, events = ran(asked(repeats=1, until={"width": 0.001, "most": 7}), SHAKY)
    assert added(events) == [1, 2, 2, 1]
    assert len(view.lanes[1].counted) == 7
