"""Merged adapters, adapters by row, and variants that wait in the host's memory, on the device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.worker.process import Worker
from tests.gpu.conftest import Place, ids, run_lanes
from tests.gpu.test_memory import SLACK


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8", "nf4", "fp4[double_quant=true]"])
def test_a_merged_variant_is_what_its_label_says(precision: str, worker: Worker, place: Place) -> None:
    bare, merged, again = run_lanes(worker, place.request([precision, f"{precision}+lora.merged", precision])).lanes
    assert ids(bare) == ids(again) != ids(merged)
    assert merged.facts.merged is True
    assert merged.facts.quantized_modules == bare.facts.quantized_modules
    assert merged.weights_bytes == pytest.approx(bare.weights_bytes, rel=0.001)


def test_merged_and_attached_say_the_same_in_fp32(worker: Worker, place: Place) -> None:
    attached, merged = run_lanes(worker, place.request(["fp32+lora", "fp32+lora.merged"], agreement=True)).lanes
    assert ids(attached) == ids(merged)
    assert merged.agreement is not None
    assert merged.agreement.top1 == 1.0


@pytest.mark.parametrize("precision", ["fp32", "nf4[compute=fp32]"])
def test_each_row_of_a_batch_has_its_own_adapter(precision: str, worker: Worker, place: Place) -> None:
    lanes = [f"{precision}+lora@3", f"{precision}@3", f"{precision}+lora|none|random-r8@3"]
    adapted, bare, mixed = (ids(lane) for lane in run_lanes(worker, place.request(lanes)).lanes)
    assert mixed == [adapted[0], bare[1], bare[2]]


@pytest.mark.parametrize("precision", ["bf16", "int8", "nf4", "nf4[double_quant=true]"])
def test_an_evicted_variant_waits_in_pinned_memory_and_comes_back(precision: str, cache: Path, place: Place, cuda_only: None) -> None:
    sizes = Worker(cache, place.device)
    held = run_lanes(sizes, place.request([precision, f"{precision}+lora", "fp16"]))
    sizes.close()
    largest = max(lane.weights_bytes or 0 for lane in held.lanes)
    worker = Worker(cache, place.device, budget_bytes=int(1.2 * largest), host_budget_bytes=4 * largest)
    first = run_lanes(worker, place.request([f"{precision}+lora", precision]))
    alone = torch.cuda.memory_allocated(place.device)
    run_lanes(worker, place.request(["fp16"]))
    environment = worker.environment()
    assert {one.where for one in environment.residents if one.label.startswith(f"m {precision}")} == {"host"}
    assert environment.host_used_bytes == pytest.approx(first.lanes[0].weights_bytes, rel=0.01)
    back = run_lanes(worker, place.request([f"{precision}+lora", precision]))
    assert [lane.load_kind for lane in back.lanes] == ["host", "resident"]
    assert [ids(lane) for lane in back.lanes] == [ids(lane) for lane in first.lanes]
    assert torch.cuda.memory_allocated(place.device) - alone < SLACK
    worker.close()
    assert torch.cuda.memory_allocated(place.device) < SLACK + alone
