"""Worker processes: one a device, killed ones come back."""

from __future__ import annotations

import os
import signal

from playground.engines.local.client import LocalEngine, LocalFleet
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.timeline.events import LaneEvent, StepsTaken
from tests.gpu.conftest import Place, ids, of_lane


def _local(fleet: LocalFleet, text: str) -> LocalEngine:
    engine = fleet.engine_for(Lane.parse(text))
    assert isinstance(engine, LocalEngine)
    return engine


def test_a_killed_worker_fails_its_lanes_and_the_next_run_is_fine(fleet: LocalFleet, place: Place) -> None:
    runner, engine = Runner(fleet.engine_for), _local(fleet, "bf16")
    expected = runner.start(place.request(["bf16"])).reader()
    list(expected.events())
    killed = engine.pid
    assert killed is not None
    cut = runner.start(place.request(["bf16", "nf4"], max_new_tokens=1024)).reader()
    for event in cut.events():
        if isinstance(event, StepsTaken) and engine.pid == killed:
            os.kill(killed, signal.SIGKILL)
    assert [lane.error_kind for lane in cut.view.lanes] == ["worker_died", "worker_died"]
    again = runner.start(place.request(["bf16"])).reader()
    list(again.events())
    assert engine.pid not in (None, killed)
    assert ids(again.view.lanes[0]) == ids(expected.view.lanes[0])


def test_stop_makes_the_device_quiet(fleet: LocalFleet, place: Place) -> None:
    runner = Runner(fleet.engine_for)
    run = runner.start(place.request(["bf16", "nf4"], schedule="interleaved", max_new_tokens=1024))
    reader = run.reader()
    for event in reader.events():
        if isinstance(event, StepsTaken):
            run.cancel()
    assert run.wait_quiet(10)
    assert {finish for lane in reader.view.lanes for repeat in lane.repeats for finish in repeat.finish} == {"cancelled"}


def test_lanes_on_different_devices_run_at_once(fleet: LocalFleet, place: Place, cuda_only: None) -> None:
    assert _local(fleet, "bf16[device=cuda:0]") is _local(fleet, "bf16")
    assert _local(fleet, "bf16[device=cpu]") is not _local(fleet, "bf16")
    run = (
        Runner(fleet.engine_for)
        .start(place.request(["bf16[device=cuda:0]", "bf16[device=cpu]"], schedule="interleaved", max_new_tokens=24, repeats=3))
        .reader()
    )
    events = [event for event in run.events() if isinstance(event, LaneEvent)]
    assert [lane.facts.device for lane in run.view.lanes] == ["cuda:0", "cpu"]
    assert [len(ids(lane)[0]) for lane in run.view.lanes] == [24, 24]
    first, second = of_lane(events, 0), of_lane(events, 1)
    assert first[0] < second[-1]
    assert second[0] < first[-1]


def test_a_device_that_is_not_there_fails_its_lane_alone(fleet: LocalFleet, place: Place) -> None:
    run = Runner(fleet.engine_for).start(place.request(["bf16[device=cuda:99]", "bf16"])).reader()
    list(run.events())
    missing, there = run.view.lanes
    assert missing.error is not None
    assert "cuda:99 is not on this machine" in missing.error
    assert len(ids(there)[0]) == 16
