"""What is loaded is told, and can be evicted: in the worker, as a process, and across devices."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.engines.local.client import Limits, LocalEngine, LocalFleet
from playground.errors import NOT_LOADED, RUN_IS_ON, EngineError
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.timeline.environment import ResidentFacts
from playground.timeline.events import LaneEvent, StepsTaken
from playground.worker.process import Worker
from tests.worker.conftest import request_for, run_lanes


@pytest.fixture(scope="module")
def one_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFleet]:
    with LocalFleet(Settings(cache_dir=tmp_path_factory.mktemp("cache"))) as fleet:
        yield fleet


@pytest.fixture
def fleet(one_fleet: LocalFleet) -> LocalFleet:
    """A worker process that holds nothing."""
    one_fleet.environment()
    one_fleet.evict(None)
    return one_fleet


def residents(engine: Any) -> dict[str, ResidentFacts]:
    """By their labels."""
    return {one.label: one for one in engine.environment().residents}


def test_residents_are_named_and_add_up(worker: Worker, tiny: Path, tiny_lora: Path) -> None:
    run_lanes(worker, request_for(tiny, ["bf16", "bf16+faq", "nf4[double_quant=true]@2"], adapters={"faq": tiny_lora}))
    found = residents(worker)
    assert list(found) == ["m bf16", "m bf16 + faq", "m nf4[double_quant=true]"]
    assert len({one.key for one in found.values()}) == 3
    assert sum(one.memory_bytes for one in found.values()) == worker.environment().memory_used_bytes
    assert 0 < found["m bf16 + faq"].memory_bytes < found["m bf16"].memory_bytes


def test_a_key_stays_the_same_when_a_variant_is_loaded_again(worker: Worker, tiny: Path) -> None:
    request = request_for(tiny, ["bf16"])
    run_lanes(worker, request)
    key = residents(worker)["m bf16"].key
    worker.evict(key)
    assert residents(worker) == {}
    assert run_lanes(worker, request)[0].load_kind == "cold"
    assert residents(worker)["m bf16"].key == key


def test_an_evicted_adapter_leaves_its_base_and_an_evicted_base_takes_its_adapters(worker: Worker, tiny: Path, tiny_lora: Path) -> None:
    request = request_for(tiny, ["bf16", "bf16+faq", "fp32"], adapters={"faq": tiny_lora})
    first = run_lanes(worker, request)
    worker.evict(residents(worker)["m bf16 + faq"].key)
    assert list(residents(worker)) == ["m bf16", "m fp32"]
    again = run_lanes(worker, request)
    assert [lane.load_kind for lane in again.view.lanes] == ["resident", "attached", "resident"]
    assert again.ids(1) == first.ids(1)
    worker.evict(residents(worker)["m bf16"].key)
    assert list(residents(worker)) == ["m fp32"]
    worker.evict(None)
    assert residents(worker) == {}


def test_what_is_not_there_cannot_be_evicted(worker: Worker) -> None:
    with pytest.raises(EngineError, match=NOT_LOADED):
        worker.evict("nothing")


def test_nothing_is_evicted_under_a_run(worker: Worker, tiny: Path) -> None:
    refused: list[str] = []

    def evict(event: LaneEvent) -> None:
        if isinstance(event, StepsTaken) and not refused:
            with pytest.raises(EngineError) as error:
                worker.evict(None)
            refused.append(str(error.value))

    ran = run_lanes(worker, request_for(tiny, ["bf16"], max_new_tokens=300), on_event=evict)
    assert refused == [RUN_IS_ON]
    assert len(ran.ids(0)[0]) == 300


def test_a_fleet_evicts_and_its_environment_is_up_to_date(fleet: LocalFleet, tiny: Path) -> None:
    engine = fleet.engine_for(Lane.parse("bf16"))
    refused: list[str] = []

    def evict(event: LaneEvent) -> None:
        if isinstance(event, StepsTaken) and not refused:
            with pytest.raises(EngineError) as error:
                fleet.evict(None)
            refused.append(str(error.value))

    assert residents(fleet) == {}
    run_lanes(engine, request_for(tiny, ["bf16", "fp32"], max_new_tokens=200), on_event=evict)
    assert refused == [RUN_IS_ON]
    fleet.evict(residents(fleet)["m bf16"].key)
    assert list(residents(fleet)) == ["m fp32"]
    with pytest.raises(EngineError, match=NOT_LOADED):
        fleet.evict("nothing")
    assert run_lanes(engine, request_for(tiny, ["fp32"]))[0].load_kind == "resident"


def test_a_cpu_tells_nothing_of_other_programs(worker: Worker) -> None:
    assert worker.environment().memory_other_bytes is None


@pytest.mark.parametrize(
    ("then", "sentence"),
    [
        ("sys.exit('no such luck')", "ended with code 1: no such luck"),
        ('print(\'{"refused": "not now"}\', flush=True); time.sleep(60)', "not now"),
    ],
)
def test_a_worker_that_cannot_evict_says_why(then: str, sentence: str) -> None:
    hello = '{"hello": {"device": "cpu", "residents": [{"key": "a", "label": "a", "memory_bytes": 1}]}}'
    engine = LocalEngine([sys.executable, "-c", f"import sys, time; print('{hello}', flush=True); sys.stdin.readline(); {then}"], Limits())
    engine.environment()
    with pytest.raises(EngineError, match=sentence):
        engine.evict("a")
    engine.close()


def test_an_engine_that_never_started_holds_nothing() -> None:
    with pytest.raises(EngineError, match=NOT_LOADED):
        LocalEngine(["false"], Limits()).evict(None)


def test_after_a_cancelled_run_evicting_works(fleet: LocalFleet, tiny: Path) -> None:
    cancel = threading.Event()
    engine = fleet.engine_for(Lane.parse("bf16"))
    run_lanes(engine, request_for(tiny, ["bf16"], max_new_tokens=900), cancel, lambda event: cancel.set())
    fleet.evict(None)
    assert residents(fleet) == {}
