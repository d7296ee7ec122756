"""Following a run at the page's pace: never more often than a period, always its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from playground.engines.scripted import ScriptedEngine
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, LaneStatus
from playground.ui.api import paced
from tests.timelines import request

PERIOD_S = 0.5


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


class SilentEngine:
    """Says one word, then nothing until it is released."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def environment(self) -> Environment:
        return Environment()

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        yield LaneStatus(lanes[0], "thinking")
        self.release.wait()


def scripted(_lane: Lane, _model_id: str) -> ScriptedEngine:
    return ScriptedEngine(sleep=lambda _seconds: None)


def test_a_late_reader_has_everything_in_one_turn() -> None:
    run = Runner(scripted).start(request("bf16", "nf4"))
    list(run.reader().events())
    clock, reader = Clock(), run.reader()
    assert len(list(paced(reader, PERIOD_S, clock, clock.sleep))) == 1
    assert (reader.view.status, clock.slept) == ("done", [])


def test_turns_are_a_period_apart_less_what_was_done_in_them() -> None:
    engine = SilentEngine()
    reader = Runner(lambda _lane, _model_id: engine).start(request("bf16")).reader()
    clock = Clock()
    turns = paced(reader, PERIOD_S, clock, clock.sleep)
    next(turns)
    clock.now_s += 0.2
    next(turns)
    clock.now_s += 2 * PERIOD_S
    next(turns)
    engine.release.set()
    list(turns)
    assert clock.slept[:2] == [PERIOD_S - 0.2, 0.0]


def test_a_reader_has_turns_while_nothing_happens() -> None:
    engine = SilentEngine()
    reader = Runner(lambda _lane, _model_id: engine).start(request("bf16")).reader()
    clock = Clock()
    turns = paced(reader, PERIOD_S, clock, clock.sleep)
    for _ in range(3):
        next(turns)
    assert reader.view.lanes[0].status == "thinking"
    engine.release.set()
    for _ in turns:
        continue
    assert reader.over
