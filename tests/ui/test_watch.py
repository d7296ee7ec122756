"""Watching: everything so far at once, then run after run, and nothing that a watcher does reaches the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, LaneStatus
from playground.ui.live.streams import Streams
from playground.ui.visitors.watch import Watchers
from tests.timelines import request
from tests.ui.test_streams import ask


class SayingEngine:
    """Says the request's prompt, then holds the device until it is released or cancelled."""

    def __init__(self) -> None:
        self.release = threading.Semaphore(0)

    def environment(self) -> Environment:
        return Environment()

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        yield LaneStatus(lanes[0], request.workload.prompts[0])
        while not self.release.acquire(timeout=0.01) and not cancel.is_set():
            continue


class School:
    """A runner, its engine, and those who watch."""

    def __init__(self) -> None:
        self.engine = SayingEngine()
        self.runner = Runner(lambda _lane, _model_id: self.engine)
        self.streams = Streams()
        self.watchers = Watchers(self.runner, self.streams)

    def start(self, prompt: str) -> Run:
        run = self.runner.start(request("bf16", prompts=[prompt]))
        reader = run.reader()
        while reader.view.lanes[0].status != prompt:
            assert reader.catch_up(10)
        return run

    def watch(self, session: str) -> Iterator[str | None]:
        self.watchers.enter(session)
        return self.watchers.stream(session)

    def finish(self, run: Run) -> None:
        self.engine.release.release()
        assert run.wait_quiet(10)


def records(school: School, opening: str | None) -> tuple[str, list[dict[str, Any]]]:
    """The key in a first record, and what its stream holds now."""
    assert opening
    key = json.loads(opening)["key"]
    answer = ask(school.streams, {"key": key, "seen": 0})
    start, *frames = (json.loads(line) for line in answer["records"].splitlines())
    assert start["start"]["watching"] is True
    return key, frames


def test_a_late_watcher_sees_everything_so_far_at_once() -> None:
    school = School()
    run = school.start("one")
    _, (frame,) = records(school, next(school.watch("a")))
    assert frame["lanes"]["0"]["words"] == "one"
    school.finish(run)


def test_the_next_run_is_shown_anew_and_the_first_to_its_end() -> None:
    school = School()
    shown = school.watch("a")
    assert next(shown) is None, "nothing runs"
    first = school.start("one")
    opening = next(value for value in shown if value)
    school.finish(first)
    key, frames = records(school, opening)
    assert frames[-1]["state"] == "done"
    second = school.start("two")
    again, frames = records(school, next(value for value in shown if value))
    assert again != key
    assert '"one"' not in json.dumps(frames)
    school.finish(second)


def test_all_watchers_share_one_stream_and_its_pace() -> None:
    school = School()
    run = school.start("one")
    watching = [school.watch(str(number)) for number in range(30)]
    (key,) = {records(school, next(shown))[0] for shown in watching}
    assert ask(school.streams, {"key": key, "seen": 0})["pause_s"] == pytest.approx(0.5)
    school.finish(run)


def test_who_stops_watching_stops_nothing_else() -> None:
    school = School()
    run = school.start("one")
    leaving, staying = school.watch("a"), school.watch("b")
    next(leaving), next(staying)
    gone = threading.Thread(target=school.watchers.leave, args=("a",))
    gone.start()
    while school.watchers.is_in("a"):
        continue
    assert list(leaving) == []
    gone.join(10)
    assert not gone.is_alive()
    assert (school.watchers.is_in("a"), school.watchers.is_in("b")) == (False, True)
    assert not run.cancelled.is_set()
    school.finish(run)
    assert next(value for value in staying if not value) is None


def test_a_page_that_is_closed_is_forgotten() -> None:
    school = School()
    run = school.start("one")
    shown = school.watch("a")
    next(shown)
    shown.close()  # type: ignore[attr-defined]
    assert not school.watchers.is_in("a")
    assert list(school.watchers.stream("a")) == []
    school.finish(run)


def test_to_leave_before_anything_is_streamed_does_not_wait() -> None:
    school = School()
    shown = school.watch("a")
    school.watchers.leave("a")
    assert list(shown) == []
