"""What a repeat on the real device tells besides its steps: whether it was cold or alone, its memory, and what the machine did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, DynamicCache

from playground.worker.conditions import Clock, Counters, Watch, counters
from playground.worker.device import Device
from playground.worker.footprint import Footprint
from playground.worker.process import Worker
from tests.worker.conftest import request_for, run_lanes

LANES = ["fp32", "bf16@3", "int8", "nf4", "fp32/beam(num_beams=2)", "fp32"]


def test_contended_lanes_say_what_they_say_alone(worker: Worker, tiny: Path) -> None:
    alone = run_lanes(worker, request_for(tiny, LANES))
    crowd = run_lanes(worker, request_for(tiny, LANES, schedule="contended", warmup=1, repeats=2))
    for lane in range(len(LANES)):
        assert crowd.ids(lane) == alone.ids(lane)
        assert [(one.number, one.warmup, one.alone) for one in crowd[lane].repeats] == [
            (0, True, False),
            *((1, False, True), (1, False, False)),
            *((2, False, True), (2, False, False)),
        ]
        assert [one.number for one in crowd[lane].counted] == [1, 2]


def test_contended_lanes_with_the_same_adapters_are_apart(worker: Worker, tiny: Path, tiny_lora: Path) -> None:
    lanes, adapters = ["fp32+lora", "fp32+lora|none@2", "fp32+lora|none@2", "fp32"], {"lora": tiny_lora}
    alone = run_lanes(worker, request_for(tiny, lanes, adapters))
    crowd = run_lanes(worker, request_for(tiny, lanes, adapters, schedule="contended", repeats=3))
    assert [crowd.ids(lane) for lane in range(4)] == [alone.ids(lane) for lane in range(4)]


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved", "contended"])
def test_only_the_first_repeat_after_a_load_is_cold(schedule: str, worker: Worker, tiny: Path) -> None:
    wanted = request_for(tiny, ["bf16", "nf4", "bf16"], schedule=schedule, warmup=1, repeats=2)
    first, again = run_lanes(worker, wanted), run_lanes(worker, wanted)
    for lane, cold in enumerate([True, True, False]):
        assert [one.cold for one in first[lane].repeats] == [cold] + [False] * (len(first[lane].repeats) - 1)
        assert not any(one.cold for one in again[lane].repeats)
    worker.evict()
    assert run_lanes(worker, wanted)[0].cold is not None


def test_a_race_marks_the_steps_after_a_change_of_turn(worker: Worker, tiny: Path) -> None:
    raced = run_lanes(worker, request_for(tiny, ["fp32", "bf16"], schedule="interleaved", quantum_s=0))
    marks = [[step.resumed for step in lane.repeats[0].steps] for lane in raced.view.lanes]
    assert not any(lane[0] for lane in marks)
    assert all(any(lane) for lane in marks), "how often it changes depends on the lanes' clocks"
    alone = run_lanes(worker, request_for(tiny, ["fp32", "bf16"]))
    assert not any(step.resumed for lane in alone.view.lanes for step in lane.repeats[0].steps)


def test_the_warm_up_is_weighed(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32", "bf16@2", "nf4"], schedule="interleaved", warmup=1, max_new_tokens=9))
    lengths = [lane.repeats[0].prompt_tokens[0] + 9 - 1 for lane in ran.view.lanes]  # the last token is not read
    config = AutoModelForCausalLM.from_pretrained(tiny).config
    a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * (config.hidden_size // config.num_attention_heads)
    for lane, rows, size, length in zip(ran.view.lanes, (1, 2, 1), (4, 2, 2), lengths, strict=True):
        memory = lane.memory
        assert memory is not None
        assert memory.weights_bytes == lane.weights_bytes
        assert memory.kv_bytes == rows * length * a_token * size
        assert memory.rest_bytes is not None
        assert memory.reserved_bytes is None, "a CPU has no allocator of that kind"
        assert lane.memory_bytes == memory.weights_bytes + (memory.kv_bytes or 0) + memory.rest_bytes
        assert [one.memory is not None for one in lane.repeats] == [True, False], "what counts is not looked at"


def test_without_a_warm_up_only_a_cold_repeat_is_weighed(worker: Worker, tiny: Path) -> None:
    first, again = (run_lanes(worker, request_for(tiny, ["bf16"])) for _ in range(2))
    assert first[0].memory is not None
    assert again[0].memory is None
    assert again[0].memory_bytes == again[0].weights_bytes


def test_what_a_forward_takes_is_the_rest(tiny: Path) -> None:
    """The model holds on to 64 MB more while it runs, which neither its weights nor its cache are."""
    model = AutoModelForCausalLM.from_pretrained(tiny)
    footprint = Footprint(Device("cpu"), model, 1)
    held: list[torch.Tensor] = []
    with footprint.watching():
        more = model.register_forward_pre_hook(lambda *_: held.append(torch.ones(16_000_000)))
        model(input_ids=torch.tensor([[1, 2, 3]]), past_key_values=DynamicCache(config=model.config))
        more.remove()
    assert footprint.memory.rest_bytes == pytest.approx(64_000_000, rel=0.2)


def test_repeats_tell_what_the_machine_did(worker: Worker, tiny: Path) -> None:
    for repeat in run_lanes(worker, request_for(tiny, ["fp32"], repeats=2))[0].repeats:
        conditions = repeat.conditions
        assert conditions is not None
        assert conditions.others_share is None, "some milliseconds are too short to say"
        assert conditions.swapped_bytes is not None
        assert conditions.swapped_bytes >= 0


# ---- the counters ----

BEFORE = Counters(at_s=10.0, busy_s=100.0, own_s=50.0, stolen_s=5.0, swapped_bytes=4096, throttled=1, waited=7)


def watch(after: Counters, clock: Clock | None = None) -> Watch:
    told: Iterator[Counters] = iter([BEFORE, after])
    return Watch(lambda: clock, lambda: next(told), cores=4)


def test_what_others_take_is_what_is_busy_without_us() -> None:
    one = watch(Counters(at_s=12.0, busy_s=106.0, own_s=53.0, stolen_s=5.4, swapped_bytes=8192, throttled=1, waited=27))
    found = one.since(one.mark())
    assert found.others_share == 3 / 8
    assert found.stolen_share == 0.05
    assert (found.swapped_bytes, found.throttled, found.waited) == (4096, 0, 20)
    assert found.clock_share is None


def test_what_the_system_does_not_tell_is_unknown() -> None:
    nothing = Counters(at_s=11.0, busy_s=102.0, own_s=52.0, stolen_s=None, swapped_bytes=None, throttled=None, waited=None)
    one = watch(nothing)
    found = one.since(one.mark())
    assert found.others_share == 0.0
    assert found.stolen_share is found.swapped_bytes is found.throttled is found.waited is None


def test_a_clock_that_holds_itself_back_counts_as_throttled() -> None:
    one = watch(Counters(12.0, 100.0, 50.0, None, None, None, None), Clock(mhz=900.0, most_mhz=1800.0, slowed=True))
    found = one.since(one.mark())
    assert (found.clock_share, found.throttled) == (0.5, 1)


@given(elapsed=st.floats(0.25, 100), busy=st.floats(0, 400), own=st.floats(0, 400))
def test_shares_are_shares(elapsed: float, busy: float, own: float) -> None:
    one = watch(Counters(10 + elapsed, 100 + busy, 50 + own, 5.0, 4096, 1, 7))
    share = one.since(one.mark()).others_share
    assert share is not None
    assert 0 <= share <= 1


def test_this_systems_counters_grow() -> None:
    first = counters()
    assert sum(range(2_000_000)) > 0
    second = counters()
    assert second.at_s > first.at_s
    assert second.busy_s >= first.busy_s
    assert second.own_s >= first.own_s
