"""What a lane can be, on the device: it runs, it is what was asked, and it says what bare `generate` says."""

from __future__ import annotations

import shutil

import pytest
import torch

from playground.engines.local.client import LocalFleet
from playground.spec.lane import Lane
from playground.worker.process import Worker
from tests.gpu.conftest import PROMPT, Place, ids, run_lanes
from tests.gpu.made import LINEAR_A_LAYER, bare_generate

DETERMINISTIC = ["fp32", "fp32/beam(num_beams=3)", "fp32@4", "fp32/beam(num_beams=2)@2"]
SAMPLED = ["fp32/top_k(k=20)", "bf16/top_p(p=0.9)", "int8/min_p(p=0.05,temperature=1.5)", "nf4/top_p(p=0.8)@3"]
LONG_ENOUGH = 96
"""Tokens, so that lanes of a race take several turns of 100 ms each."""


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("fp32", {"dtype": "float32"}),
        ("fp16", {"dtype": "float16"}),
        ("bf16", {"dtype": "bfloat16", "attention": "sdpa"}),
        ("bf16[attention=eager]", {"dtype": "bfloat16", "attention": "eager"}),
        ("int8", {"dtype": "bfloat16", "threshold": 6.0}),
        ("int8[threshold=0.0]", {"threshold": 0.0}),
        ("nf4", {"compute_dtype": "bf16", "double_quant": False}),
        ("nf4[double_quant=true]", {"double_quant": True}),
        ("nf4[compute=fp16]", {"compute_dtype": "fp16"}),
        ("nf4[double_quant=true,compute=fp32]", {"double_quant": True, "compute_dtype": "fp32"}),
        ("fp4", {"compute_dtype": "bf16"}),
    ],
)
def test_what_was_asked_is_read_back_from_the_device(text: str, facts: dict[str, object], worker: Worker, place: Place) -> None:
    lane = run_lanes(worker, place.request([text])).lanes[0]
    assert [len(row) for row in ids(lane)] == [16]
    quantized = place.shape.layers * LINEAR_A_LAYER if Lane.parse(text).variant.weights.quantized else 0
    assert ({"quantized_modules": quantized, "device": place.device} | facts).items() <= dict(lane.facts).items()
    assert lane.weights_bytes is not None
    assert lane.load_kind in ("cold", "prequantized")


@pytest.mark.parametrize("precision", ["int8", "nf4", "fp4", "nf4[double_quant=true]"])
def test_a_prequantized_copy_says_the_same(precision: str, worker: Worker, place: Place) -> None:
    run_lanes(worker, place.request([precision]))
    worker.evict()
    first = run_lanes(worker, place.request([precision])).lanes[0]
    shutil.rmtree(worker.cache_dir / "prequantized")
    worker.evict()
    again = run_lanes(worker, place.request([precision])).lanes[0]
    assert (first.load_kind, again.load_kind) == ("prequantized", "cold")
    assert ids(first) == ids(again)


def test_smaller_precisions_take_less_memory(worker: Worker, place: Place) -> None:
    view = run_lanes(worker, place.request(["fp32", "bf16", "int8", "nf4"]))
    sizes = [lane.weights_bytes or 0 for lane in view.lanes]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(2 * sizes[1], rel=0.01)


def test_deterministic_lanes_equal_bare_generate(worker: Worker, place: Place) -> None:
    expected = [
        bare_generate(place.model, place.device, [PROMPT], 24),
        bare_generate(place.model, place.device, [PROMPT], 24, num_beams=3),
        bare_generate(place.model, place.device, [PROMPT] * 4, 24),
        bare_generate(place.model, place.device, [PROMPT] * 2, 24, num_beams=2),
    ]
    for schedule in ("exclusive", "interleaved"):
        view = run_lanes(worker, place.request(DETERMINISTIC, schedule=schedule, max_new_tokens=24))
        assert [ids(lane) for lane in view.lanes] == expected, schedule


def test_rows_of_different_prompts_equal_bare_generate(worker: Worker, place: Place) -> None:
    prompts = ["Hi", "A much longer question about nothing at all?"]
    view = run_lanes(worker, place.request(["fp32@4"], prompts=prompts))
    assert ids(view.lanes[0]) == bare_generate(place.model, place.device, prompts * 2, 16)


def test_sampled_lanes_repeat_in_both_schedules(worker: Worker, place: Place) -> None:
    """The device has a random generator of its own, which belongs to each lane only during its turns."""
    more = {"max_new_tokens": LONG_ENOUGH}
    alone = run_lanes(worker, place.request(SAMPLED, schedule="exclusive", repeats=2, **more))
    raced = run_lanes(worker, place.request(SAMPLED, schedule="interleaved", **more))
    other = run_lanes(worker, place.request(SAMPLED, schedule="interleaved", seed=8, **more))
    for one, two, three in zip(alone.lanes, raced.lanes, other.lanes, strict=True):
        assert one.repeats[0].output_ids == one.repeats[1].output_ids
        assert ids(one) == ids(two), one.label
        assert ids(two) != ids(three), one.label


def test_the_race_takes_turns_and_changes_no_answer(worker: Worker, place: Place) -> None:
    lanes = ["bf16", "int8", "nf4", "fp32/beam(num_beams=2)", "bf16@4"]
    alone = run_lanes(worker, place.request(lanes, schedule="exclusive", max_new_tokens=LONG_ENOUGH))
    raced = run_lanes(worker, place.request(lanes, schedule="interleaved", max_new_tokens=LONG_ENOUGH))
    assert [ids(lane) for lane in raced.lanes] == [ids(lane) for lane in alone.lanes]
    assert any(step.wall_s > step.t_s for lane in raced.lanes for step in lane.repeats[0].steps), "nobody gave a turn away"


def test_an_adapter_lane_shares_its_base(worker: Worker, place: Place) -> None:
    view = run_lanes(worker, place.request(["nf4", "nf4+lora", "nf4"], max_new_tokens=24))
    base, adapted, again = view.lanes
    assert ids(base) == ids(again)
    assert ids(adapted) != ids(base)
    assert again.load_kind == "resident"
    [adapter] = adapted.facts.adapters
    assert (adapter.name, adapter.modules) == ("lora", 3 * place.shape.layers)
    if torch.cuda.is_available():
        assert (adapted.weights_bytes or 0) < 1.5 * (base.weights_bytes or 0)


def test_the_worker_process_says_what_the_worker_says(fleet: LocalFleet, worker: Worker, place: Place) -> None:
    lanes = ["bf16", "int8", "nf4+lora", "fp32/top_p(p=0.9)@2"]
    request = place.request(lanes, schedule="interleaved")
    here = run_lanes(worker, request)
    worker.evict()
    engine = fleet.engine_for(request.lanes[0])
    assert engine.environment().device == place.device
    there = run_lanes(engine, request)
    assert [ids(lane) for lane in there.lanes] == [ids(lane) for lane in here.lanes]
