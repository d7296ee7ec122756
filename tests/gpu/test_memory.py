"""The device's memory: given back, kept within the budget, and running out of it fails a lane and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.worker.process import Worker
from tests.gpu.conftest import Place, ids, run_lanes

MB = 1_000_000
SLACK = 16 * MB
"""Workspaces that kernels keep for themselves."""


@pytest.mark.parametrize("lanes", [["bf16"], ["int8"], ["nf4"], ["nf4[double_quant=true]", "nf4[double_quant=true]+lora"]])
def test_eviction_gives_the_allocators_bytes_back(lanes: list[str], worker: Worker, place: Place, cuda_only: None) -> None:
    run_lanes(worker, place.request(lanes))  # what libraries allocate once stays out of the account
    worker.evict()
    before = torch.cuda.memory_allocated(place.device)
    held = run_lanes(worker, place.request(lanes))
    assert torch.cuda.memory_allocated(place.device) - before > 0.9 * (held.lanes[0].weights_bytes or 0)
    worker.evict()
    assert torch.cuda.memory_allocated(place.device) - before < SLACK


def test_the_pool_counts_what_the_allocator_counts(worker: Worker, place: Place, cuda_only: None) -> None:
    run_lanes(worker, place.request(["bf16"]))
    worker.evict()
    before = torch.cuda.memory_allocated(place.device)
    run_lanes(worker, place.request(["bf16", "int8", "nf4"]))
    allocated = torch.cuda.memory_allocated(place.device) - before
    assert worker.environment().memory_used_bytes == pytest.approx(allocated, rel=0.05, abs=SLACK)


def test_what_cannot_fit_is_refused_before_loading(cache: Path, place: Place) -> None:
    sizes = Worker(cache, place.device)
    held = run_lanes(sizes, place.request(["bf16", "nf4"]))
    large, small = (lane.weights_bytes or 0 for lane in held.lanes)
    sizes.close()
    worker = Worker(cache, place.device, budget_bytes=(large + small) // 2)
    before = torch.cuda.memory_allocated(place.device) if torch.cuda.is_available() else 0
    view = run_lanes(worker, place.request(["bf16"]))
    assert view.lanes[0].error_kind == "memory"
    assert "memory budget" in (view.lanes[0].error or "")
    assert not torch.cuda.is_available() or torch.cuda.memory_allocated(place.device) == before
    assert len(ids(run_lanes(worker, place.request(["nf4"])).lanes[0])[0]) == 16
    worker.close()


def test_a_race_that_cannot_fit_names_the_exclusive_schedule(cache: Path, place: Place) -> None:
    sizes = Worker(cache, place.device)
    held = run_lanes(sizes, place.request(["bf16"]))
    sizes.close()
    worker = Worker(cache, place.device, budget_bytes=int(1.3 * (held.lanes[0].weights_bytes or 0)))
    raced = run_lanes(worker, place.request(["bf16", "int8"], schedule="interleaved"))
    assert [lane.error_kind for lane in raced.lanes] == ["memory", "memory"]
    assert "exclusive" in (raced.lanes[0].error or "")
    alone = run_lanes(worker, place.request(["bf16", "int8"], schedule="exclusive"))
    assert [len(ids(lane)) for lane in alone.lanes] == [1, 1]
    worker.close()


def test_running_out_of_memory_fails_the_lane_and_not_the_next_run(cache: Path, place: Place, cuda_only: None) -> None:
    """The budget lies: it is larger than the device. All but a little of the real memory is taken, then a batch asks for more than that."""
    worker = Worker(cache, place.device, budget_bytes=10**15)
    small = place.request(["bf16"])
    expected = ids(run_lanes(worker, small).lanes[0])
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(place.device)
    ballast = torch.empty(free - 800 * MB, dtype=torch.uint8, device=place.device)
    # 32 rows of 2000 tokens: a layer holds several inner activations of 0.7 GB at once; one row of them fits.
    view = run_lanes(worker, place.request(["bf16", "bf16@32"], prompts=["x" * 2000]))
    assert len(ids(view.lanes[0])[0]) == 16
    assert view.lanes[1].error_kind == "memory"
    assert "out of memory" in (view.lanes[1].error or "").lower()
    assert ids(run_lanes(worker, small).lanes[0]) == expected
    del ballast
    worker.close()
    torch.cuda.empty_cache()


@pytest.mark.parametrize("large", ["fp32", "int8"])
def test_running_out_of_memory_while_loading_fails_the_lane(large: str, cache: Path, place: Place, cuda_only: None) -> None:
    worker = Worker(cache, place.device, budget_bytes=10**15)
    run_lanes(worker, place.request(["nf4"]))
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(place.device)
    ballast = torch.empty(free - 300 * MB, dtype=torch.uint8, device=place.device)
    view = run_lanes(worker, place.request([large, "nf4"]))
    assert view.lanes[0].error_kind == "memory", view.lanes[0].error
    assert len(ids(view.lanes[1])[0]) == 16
    del ballast
    torch.cuda.empty_cache()
    assert len(ids(run_lanes(worker, place.request([large])).lanes[0])[0]) == 16
    worker.close()
