"""Whether what is measured on the device is true: against the device's own events, from schedule to schedule, and of its memory.

The three tests with a limit on a ratio of times want a device that nobody else uses; on the CPU they are skipped, where `make bench` has
their like.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.analysis.metrics import figure
from playground.timeline.state import LaneState
from playground.worker.process import Worker
from tests.gpu.conftest import PROMPT, Place, ids, run_lanes

PRECISIONS = ["fp16", "bf16", "int8", "nf4"]
TOKENS = 64
NEAR_EVENTS, NEAR_EXCLUSIVE = 0.02, 0.05
MB = 1_000_000


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_the_probe_says_what_the_devices_events_say(
    precision: str, worker: Worker, place: Place, cuda_only: None, record_property: Callable[[str, object], None]
) -> None:
    """E2E of a trace ÷ bare `generate` between two CUDA events, medians of seven in turn."""
    wanted = place.request([precision], max_new_tokens=TOKENS, warmup=1)
    run_lanes(worker, wanted)
    with _bare(place, precision) as bare_s:
        pairs = [(_whole_s(run_lanes(worker, wanted).lanes[0]), bare_s()) for _ in range(7)]
    ratio = statistics.median(trace_s / event_s for trace_s, event_s in pairs)
    record_property("pairs", pairs)
    assert ratio == pytest.approx(1, abs=NEAR_EVENTS), pairs


@pytest.mark.parametrize("metric", ["tpot_s", "ttft_s"])
def test_interleaved_and_exclusive_agree(
    metric: str, worker: Worker, place: Place, cuda_only: None, record_property: Callable[[str, object], None]
) -> None:
    runs: dict[str, list[list[float]]] = {"exclusive": [], "interleaved": []}
    run_lanes(worker, place.request(PRECISIONS, max_new_tokens=TOKENS, warmup=1))
    for number in range(7):
        for schedule in list(runs)[:: 1 if number % 2 else -1]:
            view = run_lanes(worker, place.request(PRECISIONS, schedule=schedule, max_new_tokens=TOKENS))
            runs[schedule].append([_figure(lane, metric) for lane in view.lanes])
    pairs = zip(runs["interleaved"], runs["exclusive"], strict=True)
    ratios = [[turns / alone for turns, alone in zip(*pair, strict=True)] for pair in pairs]
    found = [statistics.median(lane) for lane in zip(*ratios, strict=True)]
    record_property(metric, found)
    assert found == pytest.approx([1] * len(PRECISIONS), abs=NEAR_EXCLUSIVE)


def test_contended_lanes_say_what_they_say_alone(worker: Worker, place: Place) -> None:
    lanes = [*PRECISIONS, "fp32/beam(num_beams=2)", "bf16@4", "nf4+lora"]
    alone = run_lanes(worker, place.request(lanes))
    crowd = run_lanes(worker, place.request(lanes, schedule="contended", repeats=2))
    assert [ids(lane) for lane in crowd.lanes] == [ids(lane) for lane in alone.lanes]
    assert all(len(lane.alone) == len(lane.counted) == 2 for lane in crowd.lanes)


def test_the_peak_is_the_allocators(worker: Worker, place: Place, cuda_only: None) -> None:
    lane = run_lanes(worker, place.request(["bf16@16"], warmup=1)).lanes[0]
    memory = lane.memory
    assert memory is not None
    shape, length = place.shape, lane.repeats[0].prompt_tokens[0] + 16 - 1
    assert memory.kv_bytes == 2 * 16 * length * shape.layers * shape.key_value_heads * (shape.hidden // shape.heads) * 2
    assert memory.rest_bytes is not None
    assert memory.rest_bytes > 0
    assert memory.reserved_bytes is not None
    assert memory.reserved_bytes >= memory.peak_bytes
    before = torch.cuda.memory_allocated(place.device)
    worker.evict()
    assert before - torch.cuda.memory_allocated(place.device) == pytest.approx(memory.weights_bytes, rel=0.05, abs=16 * MB)


def test_a_repeat_tells_of_the_devices_clock_or_that_it_cannot(worker: Worker, place: Place, cuda_only: None) -> None:
    conditions = run_lanes(worker, place.request(["bf16"])).lanes[0].repeats[0].conditions
    assert conditions is not None
    assert conditions.clock_share is None or 0 < conditions.clock_share <= 1


def _figure(lane: LaneState, metric: str) -> float:
    value = figure(lane, metric)
    assert value is not None
    return value


def _whole_s(lane: LaneState) -> float:
    return lane.counted[-1].end_s


@contextmanager
def _bare(place: Place, precision: str) -> Iterator[Callable[[], float]]:
    """Times bare `generate`, from text to text, by the device's own events; in seconds."""
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    tokenizer = AutoTokenizer.from_pretrained(place.model)
    model = AutoModelForCausalLM.from_pretrained(place.model, dtype=dtype, device_map={"": place.device}).eval()
    conversation = [{"role": "user", "content": PROMPT}]
    fixed = {"max_new_tokens": TOKENS, "do_sample": False, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id}

    @torch.no_grad()
    def timed() -> float:
        event: Callable[..., Any] = torch.cuda.Event
        began, ended = event(enable_timing=True), event(enable_timing=True)
        torch.cuda.synchronize(place.device)
        began.record()
        asked = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        output = model.generate(**asked.to(place.device), **fixed)
        tokenizer.decode(output[0, asked["input_ids"].shape[1] :])
        ended.record()
        torch.cuda.synchronize(place.device)
        return float(began.elapsed_time(ended)) / 1e3

    timed()
    yield timed
