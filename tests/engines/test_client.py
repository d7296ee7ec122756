"""The worker as a process, and what its client makes of a worker that dies, hangs or will not start. Real processes throughout."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from playground.engines.local.client import Limits, LocalEngine, LocalFleet
from playground.errors import EngineError
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.timeline.events import LaneEvent, LaneFailed, StepsTaken
from tests.worker.conftest import request_for, run_lanes

HELLO = 'import sys, time; print(\'{"hello": {"device": "cpu", "cuda": {"devices": []}}}\', flush=True); '


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LocalFleet]:
    with LocalFleet(Settings(cache_dir=tmp_path / "cache")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFleet]:
    """One worker process for the tests that leave it alive."""
    with LocalFleet(Settings(cache_dir=tmp_path_factory.mktemp("cache"))) as fleet:
        yield fleet


def local_engine(fleet: LocalFleet) -> LocalEngine:
    engine = fleet.engine_for(Lane.parse("bf16"))
    assert isinstance(engine, LocalEngine)
    return engine


def fake(code: str, **limits: float) -> LocalEngine:
    """An engine whose worker is a few lines of Python."""
    return LocalEngine([sys.executable, "-c", HELLO + code], Limits(**limits))


def gone(pid: int, within_s: float = 10) -> bool:
    try:
        psutil.Process(pid).wait(within_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_killed_worker_costs_its_lanes_and_the_next_run_is_fine(fleet: LocalFleet, tiny: Path) -> None:
    engine = local_engine(fleet)
    killed: list[int] = []

    def kill(event: LaneEvent) -> None:
        if isinstance(event, StepsTaken) and event.lane == 1 and not killed:
            assert engine.pid is not None
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    ran = run_lanes(engine, request_for(tiny, ["fp32@2", "fp32@32", "bf16"], max_new_tokens=250), on_event=kill)
    assert killed
    assert ran[0].error is None, "a lane that had finished keeps its result"
    assert len(ran.ids(0)[0]) == 250
    for lane in (1, 2):
        assert ran[lane].error_kind == "worker_died"
        assert "SIGKILL" in str(ran[lane].error)
    again = run_lanes(engine, request_for(tiny, ["fp32", "bf16"]))
    assert [lane.error for lane in again.view.lanes] == [None, None]
    assert engine.pid != killed[0]


def test_the_worker_ends_with_its_client(fleet: LocalFleet) -> None:
    fleet.environment()
    pid = local_engine(fleet).pid
    assert pid is not None
    fleet.close()
    assert gone(pid)


def test_stop_leaves_the_worker_and_its_variants(lasting: LocalFleet, tiny: Path) -> None:
    engine, cancel = local_engine(lasting), threading.Event()
    ran = run_lanes(engine, request_for(tiny, ["fp32@32"], max_new_tokens=900), cancel, lambda event: _stop_at_steps(event, cancel))
    assert ran[0].repeats[0].finish == ("cancelled",) * 32
    pid = engine.pid
    assert run_lanes(engine, request_for(tiny, ["fp32"]))[0].load_kind == "resident"
    assert engine.pid == pid


def _stop_at_steps(event: LaneEvent, cancel: threading.Event) -> None:
    if isinstance(event, StepsTaken):
        cancel.set()


def test_a_cancelled_run_is_quiet_before_the_next_decodes(lasting: LocalFleet, tiny: Path) -> None:
    runner = Runner(lasting.engine_for)
    cancelled = runner.start(request_for(tiny, ["fp32@32"], max_new_tokens=900, repeats=100))
    first, second = cancelled.reader(), runner.start(request_for(tiny, ["fp32"])).reader()
    for event in first.events():
        if isinstance(event, StepsTaken):
            cancelled.cancel()
    assert cancelled.wait_quiet(5)
    list(second.events())
    assert first.view.status == "cancelled"
    assert second.view.status == "done"
    assert second.view.lanes[0].error is None


@pytest.mark.parametrize(
    ("limits", "code", "sentence"),
    [
        ({"load_s": 0.5}, "time.sleep(60)", "said nothing for [01] s while loading and was ended"),
        ({}, "sys.stdin.readline(); sys.exit(3)", "ended with code 3"),
        ({}, "sys.stdin.readline(); sys.exit('no such luck')", "no such luck"),
        ({}, 'sys.stdout.write(\'{"event":{"type":"repeat_fin\'); sys.stdout.flush()', "ended with code 0|killed"),
        ({}, "print('not an answer', flush=True); time.sleep(60)", "killed"),
    ],
)
def test_a_worker_that_hangs_or_exits(limits: dict[str, float], code: str, sentence: str, tiny: Path) -> None:
    engine = fake(code, **limits)
    ran = run_lanes(engine, request_for(tiny, ["fp32", "bf16"]))
    engine.close()
    for lane in ran.view.lanes:
        assert lane.error is not None
        assert re.search(sentence, lane.error)


def test_a_worker_that_stalls_in_mid_decoding(tiny: Path) -> None:
    started = '{"event":{"type":"repeat_started","lane":0,"repeat":0,"warmup":false,"prompt_tokens":[1],"tokenize_s":0.001}}'
    engine = fake(f"sys.stdin.readline(); print('{started}', flush=True); time.sleep(60)", stall_s=0.5)
    ran = run_lanes(engine, request_for(tiny, ["fp32"]))
    engine.close()
    assert ran[0].error_kind == "timeout"
    assert "while decoding" in str(ran[0].error)


def test_a_worker_deaf_to_stop_is_ended(tiny: Path) -> None:
    engine, cancel = fake("time.sleep(60)", stop_s=0.3), threading.Event()
    engine.environment()
    pid = engine.pid
    assert pid is not None
    cancel.set()
    began = time.monotonic()
    ran = run_lanes(engine, request_for(tiny, ["fp32"]), cancel)
    engine.close()
    assert ran[0].error is None, "a stopped lane has not failed"
    assert time.monotonic() - began < 10
    assert gone(pid)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["-c", "import sys; sys.exit('no torch here')"], "did not start: it ended with code 1: no torch here"),
        (["-c", 'print(\'{"refused": "device cuda:7 is not on this machine"}\', flush=True)'], "device cuda:7 is not on this machine"),
    ],
)
def test_a_worker_that_will_not_start(command: list[str], sentence: str, tiny: Path) -> None:
    engine = LocalEngine([sys.executable, *command], Limits())
    with pytest.raises(EngineError, match=sentence):
        engine.environment()
    events = list(engine.run([0], request_for(tiny, ["fp32"]), threading.Event()))
    engine.close()
    assert [type(event) for event in events] == [LaneFailed]


def test_lanes_that_name_the_default_device_share_its_worker(lasting: LocalFleet) -> None:
    name = lasting.environment().device
    assert lasting.engine_for(Lane.parse(f"bf16[device={name}]")) is lasting.engine_for(Lane.parse("bf16"))


def test_a_device_that_is_not_there_is_refused_by_name(lasting: LocalFleet) -> None:
    with pytest.raises(EngineError, match=r"device cuda:42 is not on this machine \(allowed: cpu"):
        lasting.engine_for(Lane.parse("bf16[device=cuda:42]"))
