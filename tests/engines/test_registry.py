"""Which engine decodes a lane, and runs whose lanes are decoded by several kinds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from playground.engines.registry import ENGINES, Engines, Fleet, ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.report.wording.machine import environment_words
from playground.report.wording.run import caption, scripted_words
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, LaneLoaded
from playground.timeline.facts import LaneFacts
from playground.timeline.state import RunState


class FakeDevice(ScriptedEngine):
    """Stands for a device of this machine."""

    def __init__(self) -> None:
        super().__init__(sleep=lambda _seconds: None)

    def environment(self) -> Environment:
        return super().environment() | Environment(engine="local", device="cpu", device_name="Some CPU")

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        for event in super().run(lanes, request, cancel, first):
            yield replace(event, facts=LaneFacts()) if isinstance(event, LaneLoaded) else event


def opener(fleet: Fleet) -> Callable[[Settings], Fleet]:
    return lambda _settings: fleet


@contextmanager
def both(engine: str = "local") -> Iterator[tuple[Engines, Fleet, Fleet]]:
    local, scripted = ScriptedFleet(FakeDevice()), ScriptedFleet(ScriptedEngine(sleep=lambda _seconds: None))
    kinds = {"local": opener(local), "scripted": opener(scripted)}
    with Engines(Settings.model_validate({"engine": engine}), kinds) as engines:
        yield engines, local, scripted


BF16 = Lane.parse("bf16")


@pytest.mark.parametrize(
    ("default", "model_id", "kind"),
    [
        ("local", "smollm2-135m", "local"),
        ("local", "org/name@v1", "local"),
        ("local", r"C:\models\mine", "local"),
        ("local", "scripted:", "scripted"),
        ("scripted", "smollm2-135m", "scripted"),
        ("scripted", "scripted:", "scripted"),
    ],
)
def test_what_a_model_stands_for_names_the_kind_of_engine(default: str, model_id: str, kind: str) -> None:
    with both(default) as (engines, local, scripted):
        assert engines.engine_for(BF16, model_id) is {"local": local, "scripted": scripted}[kind].engine_for(BF16)


def test_a_kind_is_opened_once_and_only_when_a_lane_needs_it() -> None:
    opened: list[str] = []

    def opening(name: str) -> Callable[[Settings], Fleet]:
        def open_kind(_settings: Settings) -> Fleet:
            opened.append(name)
            return ScriptedFleet(FakeDevice())

        return open_kind

    with Engines(Settings(), {name: opening(name) for name in ENGINES}) as engines:
        assert opened == []
        assert engines.engine_for(BF16, "scripted:") is engines.engine_for(BF16, "scripted:")
        assert opened == ["scripted"]


def test_memory_of_every_kind_is_shown_and_given_back() -> None:
    with both() as (engines, _, scripted):
        request = RunRequest.build(lanes=["demo:bf16"], models={"demo": "scripted:"}, measure={"max_new_tokens": 1}, model="demo")
        Runner(engines.engine_for).start(request).reader().to_the_end()
        (other,) = engines.environment().other_devices
        (resident,) = other.residents
        engines.evict(resident.key)
        assert scripted.environment().residents == ()


def finished(engines: Engines, request: RunRequest) -> RunState:
    return Runner(engines.engine_for).start(request).reader().to_the_end()


@pytest.mark.parametrize("lanes", [("nf4", "demo:nf4"), ("demo:nf4", "nf4")])
def test_a_run_says_which_of_its_lanes_are_not_measured(lanes: tuple[str, str]) -> None:
    models = {"smollm2-135m": "smollm2-135m", "demo": "scripted:"}
    with both() as (engines, *_):
        view = finished(engines, RunRequest.build(lanes=lanes, models=models, measure={"max_new_tokens": 2}))
        assert {one.engine for one in view.environment.devices} == {"local", "scripted"}
        assert environment_words(view.environment).startswith("Some CPU")
        whole = finished(engines, RunRequest.build(lanes=["demo:nf4"], models=models, measure={"max_new_tokens": 2}))
    assert scripted_words(view) == "demo:nf4: scripted timeline, nothing is measured"
    assert scripted_words(view) in caption(view)
    assert "Some CPU" in caption(view)
    assert scripted_words(whole) == "scripted timeline, nothing is measured"


def test_a_real_lane_and_a_scripted_one_race(tiny: Path, tmp_path: Path) -> None:
    """The tiny model in a worker of its own: the local lane's tokens are the model's, the scripted one's the script's."""
    models = {"tiny": str(tiny), "demo": "scripted:"}
    measure = {"max_new_tokens": 3, "schedule": "interleaved"}
    request = RunRequest.build(lanes=["fp32", "demo:nf4"], prompts=["Hello"], chat=False, model="tiny", models=models, measure=measure)
    with Engines(Settings(cache_dir=tmp_path)) as engines:
        view = finished(engines, request)
    assert [lane.error for lane in view.lanes] == [None, None]
    assert [len(lane.repeats[-1].output_ids[0]) for lane in view.lanes] == [3, 3]
    assert [lane.facts.scripted for lane in view.lanes] == [False, True]
    assert [one.engine for one in view.environment.devices] == ["local", "scripted"]
