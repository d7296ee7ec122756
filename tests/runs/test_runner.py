"""The queue and its runs, through fake engines that write down when they have the device."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from playground.engines.base import Engine
from playground.engines.scripted import Script, ScriptedEngine
from playground.errors import EngineError, InputError
from playground.recordings.build import build_recording
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import (
    Event,
    LaneEvent,
    LaneFailed,
    LaneStatus,
    RepeatFinished,
    RepeatStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepsTaken,
)
from playground.timeline.state import RunState
from tests.timelines import request, step

PATIENCE_S = 10.0


class Diary:
    """Who entered and left the device, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        with self._lock:
            self.lines.append(line)


class HeldEngine:
    """Decodes nothing: holds the device until it is released or cancelled, and lingers a while after a cancel."""

    def __init__(self, linger_s: float = 0.0) -> None:
        self.diary = Diary()
        self.entered, self.release = threading.Semaphore(0), threading.Semaphore(0)
        self._linger_s = linger_s

    def environment(self) -> Environment:
        return Environment(device="fake")

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        name = request.workload.prompts[0]
        self.diary.write(f"{name} in")
        self.entered.release()
        yield LaneStatus(lanes[0], "holding")
        while not self.release.acquire(timeout=0.01):
            if cancel.is_set():
                time.sleep(self._linger_s)
                break
        self.diary.write(f"{name} out")


class SteppingEngine:
    """One repeat of the first lane, whose steps take place on a clock that only this engine moves; it waits after `pause_after` steps."""

    def __init__(self, step_s: float, pause_after: int) -> None:
        self.now_s = 0.0
        self.paused, self.go_on = threading.Event(), threading.Event()
        self._step_s, self._pause_after = step_s, pause_after

    def clock(self) -> float:
        return self.now_s

    def environment(self) -> Environment:
        return Environment(device="fake")

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        yield RepeatStarted(0, 0, False, (5,), 0.0)
        for taken in range(1, request.measure.max_new_tokens + 1):
            self.now_s += self._step_s
            yield StepsTaken(0, 0, (step(taken, (1,)),), ())
            if taken == self._pause_after and not self.go_on.is_set():
                yield LaneStatus(0, "pausing")
                self.paused.set()
                self.go_on.wait(PATIENCE_S)
        yield RepeatFinished(0, 0, 1.0, 1.0, ((1,),), ("length",), ("",))


class FaultyEngine:
    """Plays `events`, then raises."""

    def __init__(self, events: Sequence[LaneEvent] = (), at_once: bool = False) -> None:
        self._events, self._at_once = events, at_once

    def environment(self) -> Environment:
        return Environment(device="faulty")

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        if self._at_once:
            raise RuntimeError("smoke")
        return self._play()

    def _play(self) -> Iterator[LaneEvent]:
        yield from self._events
        raise RuntimeError("smoke")


def quick() -> ScriptedEngine:
    return ScriptedEngine(sleep=lambda _seconds: None)


def named(name: str, *lanes: str) -> RunRequest:
    return request(*lanes, prompts=[name], measure={"max_new_tokens": 3, "warmup": 0})


def told(run: Run) -> list[Event]:
    """Everything, to the run's end."""
    return [event for event in run.reader().events() if event is not None]


def view_of(run: Run) -> RunState:
    """The run as it ended."""
    reader = run.reader()
    list(reader.events())
    return reader.view


def until(run: Run, wanted: Callable[[Event], bool]) -> list[Event]:
    """What happened up to the first wanted event."""
    seen: list[Event] = []
    deadline = time.monotonic() + PATIENCE_S
    for event in run.reader().events(poll_s=0.05):
        assert time.monotonic() < deadline, f"not told in time; told so far: {seen}"
        if event is not None:
            seen.append(event)
            if wanted(event):
                return seen
    raise AssertionError(f"the run ended first: {seen}")


def test_a_run_from_start_to_end() -> None:
    run = Runner(lambda _lane, _model_id: quick()).start(named("a", "bf16", "nf4"))
    events = told(run)
    assert isinstance(events[0], RunStarted)
    assert events[0].labels == ("bf16", "nf4")
    assert events[0].environment.engine == "scripted"
    assert events[-1] == RunFinished("done")
    assert sum(isinstance(event, RunFinished) for event in events) == 1
    assert view_of(run).status == "done"
    assert all(len(lane.repeats) == 1 for lane in view_of(run).lanes)
    assert run.wait_quiet(PATIENCE_S)


def test_runs_come_in_order_and_are_told_their_place() -> None:
    engine = HeldEngine()
    runner = Runner(lambda _lane, _model_id: engine)
    first = runner.start(named("a"))
    assert engine.entered.acquire(timeout=PATIENCE_S)
    second, third = runner.start(named("b")), runner.start(named("c"))
    assert RunQueued(1) in until(second, lambda event: isinstance(event, RunQueued))
    assert RunQueued(2) in until(third, lambda event: isinstance(event, RunQueued))
    engine.release.release()
    assert until(third, lambda event: event == RunQueued(1))
    engine.release.release()
    engine.release.release()
    told(first), told(second), told(third)
    assert engine.diary.lines == ["a in", "a out", "b in", "b out", "c in", "c out"]


def test_waiting_runs_are_told_how_long_it_will_probably_be() -> None:
    engine = SteppingEngine(step_s=0.5, pause_after=40)
    runner = Runner(lambda _lane, _model_id: engine, clock=engine.clock, expect_every_s=0.05)
    wanted = request("bf16", measure={"max_new_tokens": 100, "warmup": 0})
    first = runner.start(wanted)
    assert engine.paused.wait(PATIENCE_S)
    second, third = runner.start(wanted), runner.start(wanted)
    assert until(second, lambda event: isinstance(event, RunQueued)) == [RunQueued(1, 30.0)]
    assert until(third, lambda event: isinstance(event, RunQueued)) == [RunQueued(2, 80.0)]
    second.cancel()
    assert until(third, lambda event: event == RunQueued(1, 30.0))
    engine.now_s += 40.0  # nothing happens meanwhile, so a step takes longer than it seemed
    assert until(third, lambda event: event == RunQueued(1, 90.0))
    engine.go_on.set()
    assert view_of(first).status == "done"
    assert view_of(third).status == "done"
    places = [event for event in told(third) if isinstance(event, RunQueued)]
    assert all(one != then for one, then in itertools.pairwise(places)), "only what has noticeably changed"


def test_the_first_wait_is_unknown_until_something_was_seen() -> None:
    engine = HeldEngine()
    runner = Runner(lambda _lane, _model_id: engine)
    runner.start(named("a"))
    assert engine.entered.acquire(timeout=PATIENCE_S)
    waiting = runner.start(named("b"))
    assert until(waiting, lambda event: isinstance(event, RunQueued)) == [RunQueued(1, None)]
    engine.release.release()
    engine.release.release()
    told(waiting)


def test_a_cancelled_run_never_overlaps_the_next() -> None:
    engine = HeldEngine(linger_s=0.3)
    runner = Runner(lambda _lane, _model_id: engine)
    first, second = runner.start(named("a")), runner.start(named("b"))
    assert engine.entered.acquire(timeout=PATIENCE_S)
    first.cancel()
    assert engine.entered.acquire(timeout=PATIENCE_S)
    engine.release.release()
    assert told(first)[-1] == RunFinished("cancelled")
    assert told(second)[-1] == RunFinished("done")
    assert engine.diary.lines == ["a in", "a out", "b in", "b out"]


def test_the_device_is_held_until_the_engine_is_quiet_even_if_nobody_listens() -> None:
    engine = HeldEngine(linger_s=0.2)
    runner = Runner(lambda _lane, _model_id: engine)
    abandoned = runner.start(named("a"))
    assert engine.entered.acquire(timeout=PATIENCE_S)
    abandoned.cancel()
    assert not abandoned.wait_quiet(0.0)
    assert abandoned.wait_quiet(PATIENCE_S)
    assert engine.diary.lines == ["a in", "a out"]


def test_a_cancelled_waiting_run_never_starts() -> None:
    engine = HeldEngine()
    runner = Runner(lambda _lane, _model_id: engine)
    first = runner.start(named("a"))
    assert engine.entered.acquire(timeout=PATIENCE_S)
    second, third = runner.start(named("b")), runner.start(named("c"))
    second.cancel()
    events = told(second)
    assert events[-1] == RunFinished("cancelled")
    assert not any(isinstance(event, RunStarted) for event in events)
    engine.release.release()
    engine.release.release()
    told(first), told(third)
    assert engine.diary.lines == ["a in", "a out", "c in", "c out"]


def test_a_full_queue_refuses_and_frees_up() -> None:
    engine = HeldEngine()
    runner = Runner(lambda _lane, _model_id: engine, max_queued=1)
    first, second = runner.start(named("a")), runner.start(named("b"))
    with pytest.raises(InputError, match="run: 1 runs are already waiting; try again"):
        runner.start(named("c"))
    engine.release.release()
    engine.release.release()
    told(first), told(second)
    engine.release.release()
    assert told(runner.start(named("d")))[-1] == RunFinished("done")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_engine_that_raises_fails_its_lanes_and_frees_the_device(at_once: bool) -> None:
    current: list[Engine] = [FaultyEngine(at_once=at_once)]
    runner = Runner(lambda _lane, _model_id: current[0])
    broken = told(runner.start(named("a", "bf16", "nf4")))
    assert [event for event in broken if isinstance(event, LaneFailed)] == [
        LaneFailed(0, "internal", "the engine failed: smoke"),
        LaneFailed(1, "internal", "the engine failed: smoke"),
    ]
    assert broken[-1] == RunFinished("done")
    current[0] = quick()
    after = runner.start(named("b"))
    assert told(after)[-1] == RunFinished("done")
    assert view_of(after).lanes[0].error is None


def test_an_engine_that_raises_takes_nothing_from_lanes_that_were_over() -> None:
    wanted = named("a", "bf16", "nf4", "int8")
    done = list(quick().run([0], wanted, threading.Event()))
    engine = FaultyEngine([*done, LaneFailed(1, "memory", "too large")])
    run = Runner(lambda _lane, _model_id: engine).start(wanted)
    told(run)
    assert [lane.error for lane in view_of(run).lanes] == [None, "too large", "the engine failed: smoke"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (EngineError("there is no cuda:7 here (allowed: cpu)"), "bad_input", "there is no cuda:7 here (allowed: cpu)"),
        (OSError("no such program"), "internal", "the engine did not start: no such program"),
    ],
)
def test_a_lane_without_an_engine_fails_alone(error: Exception, kind: str, message: str) -> None:
    engine = quick()

    def engine_for(lane: Lane, _model_id: str) -> ScriptedEngine:
        if lane.variant.runtime.device:
            raise error
        return engine

    run = Runner(engine_for).start(named("a", "bf16", "bf16[device=cuda:7]"))
    events = told(run)
    assert events[-1] == RunFinished("done")
    assert (view_of(run).lanes[0].error, len(view_of(run).lanes[0].repeats)) == (None, 1)
    assert (view_of(run).lanes[1].error_kind, view_of(run).lanes[1].error) == (kind, message)


def test_an_engine_that_cannot_start_leaves_a_recording_with_the_reason() -> None:
    class Absent(HeldEngine):
        def environment(self) -> Environment:
            raise EngineError("the worker did not start: no torch here")

    absent = Absent()
    run = Runner(lambda _lane, _model_id: absent).start(named("a"))
    assert told(run)[-1] == RunFinished("done")
    assert build_recording(view_of(run)).lanes[0].error == "the worker did not start: no torch here"
    assert absent.diary.lines == []


def test_lanes_of_two_engines_run_side_by_side() -> None:
    engines = {None: HeldEngine(), "cuda:0": HeldEngine()}
    wanted = request("bf16", "bf16[device=cuda:0]", measure={"schedule": "interleaved", "max_new_tokens": 3, "warmup": 0})
    run = Runner(lambda lane, _model_id: engines[lane.variant.runtime.device]).start(wanted)
    for engine in engines.values():
        assert engine.entered.acquire(timeout=PATIENCE_S)  # both are in before either is let go
    for engine in engines.values():
        engine.release.release()
    assert told(run)[-1] == RunFinished("done")


def test_nothing_runs_beside_an_exclusive_lane_on_another_engine_either() -> None:
    engines = {None: HeldEngine(), "cuda:0": HeldEngine()}
    run = Runner(lambda lane, _model_id: engines[lane.variant.runtime.device]).start(named("a", "bf16", "bf16[device=cuda:0]"))
    for engine, later in ((engines[None], engines["cuda:0"]), (engines["cuda:0"], None)):
        assert engine.entered.acquire(timeout=PATIENCE_S)
        assert later is None or not later.entered.acquire(timeout=0.2)
        engine.release.release()
    assert told(run)[-1] == RunFinished("done")


def test_stop_keeps_what_a_running_lane_has() -> None:
    engine = ScriptedEngine(lambda _lane: Script(), sleep=lambda _seconds: time.sleep(0.002))
    run = Runner(lambda _lane, _model_id: engine).start(request("bf16", measure={"max_new_tokens": 4000, "warmup": 0}))
    until(run, lambda event: isinstance(event, StepsTaken))
    run.cancel()
    assert told(run)[-1] == RunFinished("cancelled")
    (repeat,) = build_recording(view_of(run)).lanes[0].repeats
    assert repeat.finish == ("cancelled",)
    assert len(repeat.output_ids[0]) < 4000


def test_a_reader_is_told_when_nothing_happens() -> None:
    engine = HeldEngine()
    run = Runner(lambda _lane, _model_id: engine).start(named("a"))
    events = run.reader().events(poll_s=0.01)
    assert None in [next(events) for _ in range(5)]
    engine.release.release()
    assert [event for event in events if event is not None][-1] == RunFinished("done")


def test_every_reader_sees_the_whole_run_whenever_they_come() -> None:
    engine = HeldEngine()
    run = Runner(lambda _lane, _model_id: engine).start(named("a"))
    early = run.reader().events(poll_s=0.01)
    before = [next(early)]
    while not isinstance(before[-1], LaneStatus):
        before.append(next(early))
    in_the_middle = run.reader()
    assert in_the_middle.catch_up(PATIENCE_S)
    assert in_the_middle.view.lanes[0].status == "holding"
    engine.release.release()
    whole = [event for event in [*before, *early] if event is not None]
    assert whole[-1] == RunFinished("done")
    assert [event for event in in_the_middle.events() if event is not None] == whole[2:]
    assert told(run) == whole


def test_readers_keep_views_of_their_own() -> None:
    run = Runner(lambda _lane, _model_id: quick()).start(named("a"))
    ahead, behind = run.reader(), run.reader()
    list(ahead.events())
    assert (ahead.over, ahead.view.status) == (True, "done")
    assert (behind.over, behind.view.status) == (False, "waiting")
    while not behind.over:
        behind.catch_up(PATIENCE_S)
    assert build_recording(behind.view) == build_recording(ahead.view)


def test_a_reader_who_leaves_takes_nothing_from_the_run() -> None:
    run = Runner(lambda _lane, _model_id: quick()).start(named("a", "bf16", "nf4"))
    for _event in run.reader().events():
        break
    assert view_of(run).status == "done"
    assert all(len(lane.repeats) == 1 for lane in view_of(run).lanes)


def test_catching_up_gives_up_after_its_time() -> None:
    engine = HeldEngine()
    run = Runner(lambda _lane, _model_id: engine).start(named("a"))
    reader = run.reader()
    while reader.view.lanes[0].status != "holding":
        assert reader.catch_up(PATIENCE_S)
    assert not reader.catch_up(0.01)
    engine.release.release()
    while not reader.over:
        assert reader.catch_up(PATIENCE_S)
    assert not reader.catch_up(PATIENCE_S)


def ended(run: Run) -> Run:
    told(run)
    return run


def test_more_repeats_go_on_from_a_finished_run() -> None:
    engine = quick()
    runner = Runner(lambda _lane, _model_id: engine)
    first = ended(runner.start(request("bf16", "nf4", measure={"max_new_tokens": 3, "warmup": 1, "repeats": 1})))
    longer = runner.more(first, 4)
    view = view_of(longer)
    assert view.request.measure.repeats == 5
    assert longer.id != first.id
    for lane in view.lanes:
        assert [repeat.warmup for repeat in lane.repeats] == [True] + [False] * 5
    assert build_recording(view).request == view.request
    again = view_of(runner.more(longer, 2))
    assert [len(lane.counted) for lane in again.lanes] == [7, 7]
    assert len(view_of(first).lanes[0].counted) == 1, "the run it went on from is as it was"


def test_only_the_new_repeats_are_decoded() -> None:
    runner = Runner(lambda _lane, _model_id: quick())
    first = ended(runner.start(request("bf16", measure={"max_new_tokens": 3, "warmup": 1, "repeats": 2})))
    longer = ended(runner.more(first, 2))
    before = sum(isinstance(event, LaneEvent) for event in told(first))
    repeats = [(one.repeat, one.warmup) for one in told(longer)[before:] if isinstance(one, RepeatStarted)]
    assert repeats == [(3, False), (4, False)]


def test_a_lane_that_failed_stays_failed_and_is_not_run_again() -> None:
    def script(lane: Lane) -> Script:
        return Script(fails_after=1 if lane.variant.weights.scheme == "nf4" else None)

    runner = Runner(lambda _lane, _model_id: ScriptedEngine(script, sleep=lambda _seconds: None))
    first = ended(runner.start(named("a", "bf16", "nf4", "int8")))
    view = view_of(runner.more(first, 1))
    assert [lane.error for lane in view.lanes] == [None, "the script fails after 1 steps", None]
    assert [len(lane.counted) for lane in view.lanes] == [2, 0, 2]


def test_what_cannot_go_on_is_refused_in_one_sentence() -> None:
    held, runner = HeldEngine(), Runner(lambda _lane, _model_id: held)
    running = runner.start(named("a"))
    with pytest.raises(InputError, match="run: this run has not ended yet"):
        runner.more(running, 4)
    running.cancel()
    with pytest.raises(InputError, match="run: a run that was stopped cannot go on"):
        runner.more(ended(running), 4)
    failing = Runner(lambda _lane, _model_id: FaultyEngine())
    with pytest.raises(InputError, match="run: every lane of this run failed"):
        failing.more(ended(failing.start(named("a"))), 4)
    scripted = Runner(lambda _lane, _model_id: quick())
    with pytest.raises(InputError, match=r"repeats: .*less than or equal to 100, not '101'"):
        scripted.more(ended(scripted.start(named("a"))), 100)


def test_more_waits_its_turn_with_the_old_figures_in_view() -> None:
    held, engines = HeldEngine(), [quick()]
    runner = Runner(lambda _lane, _model_id: engines[0] if engines else held)
    first = ended(runner.start(named("a")))
    engines.clear()
    runner.start(named("b"))
    assert held.entered.acquire(timeout=PATIENCE_S)
    reader = runner.more(first, 1).reader()
    while not reader.view.ahead:
        assert reader.catch_up(PATIENCE_S)
    assert reader.view.status == "waiting"
    assert len(reader.view.lanes[0].counted) == 1
    held.release.release()
    held.release.release()
    list(reader.events())


def test_a_watcher_finds_the_run_in_progress_and_then_the_next() -> None:
    engine = HeldEngine()
    runner = Runner(lambda _lane, _model_id: engine)
    assert runner.next_run(None, 0.0) is None
    assert runner.next_run(None, 0.01) is None
    first = runner.start(named("a"))
    assert runner.next_run(None, PATIENCE_S) is first
    assert runner.next_run(None, 0.0) is first
    second = runner.start(named("b"))
    assert runner.next_run(first, 0.01) is None
    engine.release.release()
    assert runner.next_run(first, PATIENCE_S) is second
    engine.release.release()
    told(second)
    assert runner.next_run(second, 0.01) is None
    assert runner.next_run(None, 0.0) is None
