"""Worker processes: one a device, killed ones come back; and what the probe's clock says beside a clock of the device."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.engines.local.client import LocalEngine, LocalFleet
from playground.engines.local.worker import Worker
from playground.events import LaneEvent, StepsTaken
from playground.runner import Runner
from playground.spec import Lane
from tests.gpu.conftest import PROMPT, Place, ids, of_lane, run_lanes


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
    run = Runner(fleet.engine_for).start(place.request(["bf16[device=cuda:0]", "bf16[device=cpu]"], max_new_tokens=24, repeats=3)).reader()
    events = [event for event in run.events() if isinstance(event, LaneEvent)]
    assert [lane.facts["device"] for lane in run.view.lanes] == ["cuda:0", "cpu"]
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


def test_the_probes_clock_beside_the_devices(worker: Worker, place: Place, record_property: Callable[[str, object], None]) -> None:
    """No limit here: a busy machine must not fail a test. The ratio is noted in the report for whoever looks (`--junit-xml`)."""
    tokens = 64
    lane = run_lanes(worker, place.request(["bf16"], max_new_tokens=tokens, warmup=1, repeats=3)).lanes[0]
    probed_s = lane.figure("tpot_s")
    assert probed_s is not None
    worker.evict()
    bare_s = _bare_tpot_s(place, tokens)
    record_property("tpot_s by the probe", probed_s)
    record_property("tpot_s of bare generate", bare_s)
    record_property("ratio", probed_s / bare_s)
    assert probed_s > 0


@torch.no_grad()
def _bare_tpot_s(place: Place, tokens: int) -> float:
    """(E2E(n) − E2E(1)) / (n − 1) of bare generate, by the device's own events where it has them; the last of three."""
    tokenizer = AutoTokenizer.from_pretrained(place.model)
    model = AutoModelForCausalLM.from_pretrained(place.model, dtype=torch.bfloat16, device_map={"": place.device}).eval()
    conversation = [{"role": "user", "content": PROMPT}]
    inputs = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(place.device)

    def generate(count: int) -> None:
        model.generate(**inputs, max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=tokenizer.pad_token_id)

    times = [(_timed(lambda: generate(tokens), place), _timed(lambda: generate(1), place)) for _ in range(3)]
    whole_s, one_s = times[-1]
    return (whole_s - one_s) / (tokens - 1)


def _timed(work: Callable[[], None], place: Place) -> float:
    if place.device == "cpu":
        began_s = time.perf_counter()
        work()
        return time.perf_counter() - began_s
    event: Callable[..., Any] = torch.cuda.Event
    began, ended = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize(place.device)
    began.record()
    work()
    ended.record()
    torch.cuda.synchronize(place.device)
    return float(began.elapsed_time(ended)) / 1e3
