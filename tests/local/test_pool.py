"""Loading, swapping and refusing: budgets, copies, read-backs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from playground.engines.local.device import Device
from playground.engines.local.estimate import skeleton
from playground.engines.local.loading import BaseSpec, LoadError, load_base
from playground.engines.local.prequantized import Copies
from playground.engines.local.worker import Worker
from playground.events import LaneLoaded, LaneStatus
from playground.spec import Lane
from tests.local.conftest import Ran, request_for, run_lanes

MB = 1_000_000


def loads(ran: Ran) -> list[tuple[int, str]]:
    return [(event.lane, event.load_kind) for event in ran.events if isinstance(event, LaneLoaded)]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("fp32", {"dtype": "float32", "quantized_modules": 0}),
        ("fp16", {"dtype": "float16", "quantized_modules": 0}),
        ("bf16[attention=eager]", {"dtype": "bfloat16", "attention": "eager"}),
        ("int8[threshold=0.0]", {"quantized_modules": 14, "threshold": 0.0}),
        ("int8", {"quantized_modules": 14, "threshold": 6.0}),
        ("nf4[double_quant=true]", {"quantized_modules": 14, "double_quant": True, "compute_dtype": "bf16"}),
        ("fp4[compute=fp32]", {"quantized_modules": 14, "compute_dtype": "fp32", "packed_for_cpu": False}),
    ],
)
def test_what_was_asked_is_read_back(text: str, facts: dict[str, object], worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, [text]))
    assert ran[0].error is None
    assert ran[0].facts.items() >= facts.items()
    assert len(ran[0].facts["weights_sha256"]) == 64


def test_a_model_that_is_not_what_was_asked_fails(tiny: Path, tmp_path: Path) -> None:
    """A copy that holds another quantization than its name says, as an outdated one might."""
    device, copies = Device("cpu"), Copies(tmp_path)
    nf4, fp4 = (BaseSpec.of("m", Lane.parse(text).variant) for text in ("nf4", "fp4"))
    load_base(tiny, fp4, device, copies, lambda text: None)
    wrong, right = copies.find(tiny, fp4.quantization_config()), copies.find(tiny, nf4.quantization_config())
    assert wrong is not None
    assert right is None
    load_base(tiny, nf4, device, copies, lambda text: None)
    right = copies.find(tiny, nf4.quantization_config())
    assert right is not None
    shutil.rmtree(right)
    shutil.copytree(wrong, right)
    with pytest.raises(LoadError, match="nf4 was asked, but the 4-bit type is another"):
        load_base(tiny, nf4, device, copies, lambda text: None)


@pytest.mark.parametrize("precision", ["nf4", "int8", "fp4[double_quant=true]"])
def test_the_second_load_reads_the_copy_and_says_the_same(precision: str, tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu")
    first = run_lanes(worker, request_for(tiny, [precision]))
    worker.evict()
    second = run_lanes(worker, request_for(tiny, [precision]))
    third = run_lanes(worker, request_for(tiny, [precision]))
    worker.close()
    assert [first[0].load_kind, second[0].load_kind, third[0].load_kind] == ["cold", "prequantized", "resident"]
    assert first.ids(0) == second.ids(0) == third.ids(0)


def test_a_damaged_copy_is_made_again_and_said(tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu")
    first = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.evict()
    for weights in (tmp_path / "prequantized").glob("*/*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:100])
    second = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.close()
    assert any("damaged" in event.text for event in second.events if isinstance(event, LaneStatus))
    assert second[0].load_kind == "cold"
    assert second.ids(0) == first.ids(0)


def test_the_estimate_is_near_the_truth(embedded: Path, worker: Worker) -> None:
    lanes = ["fp32", "bf16", "int8", "nf4", "nf4[double_quant=true]"]
    ran = run_lanes(worker, request_for(embedded, lanes, max_new_tokens=2))
    sizes = skeleton(embedded)
    assert sizes.context == 8192
    for index, text in enumerate(lanes):
        variant = Lane.parse(text).variant
        real = ran[index].memory_bytes
        assert real == pytest.approx(sizes.weight_bytes(variant.precision, bool(variant.double_quant)), rel=0.03)


def test_the_least_recently_used_makes_room(embedded: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=450 * MB)
    run_lanes(worker, request_for(embedded, ["bf16"], max_new_tokens=2))
    run_lanes(worker, request_for(embedded, ["nf4"], max_new_tokens=2))
    assert loads(run_lanes(worker, request_for(embedded, ["bf16"], max_new_tokens=2))) == [(0, "resident")]
    assert loads(run_lanes(worker, request_for(embedded, ["int8"], max_new_tokens=2))) == [(0, "cold")]
    assert worker.environment()["memory_used_bytes"] <= 450 * MB
    assert loads(run_lanes(worker, request_for(embedded, ["nf4"], max_new_tokens=2))) == [(0, "prequantized")]
    worker.close()


def test_exclusive_lanes_take_turns_in_a_small_budget(embedded: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=300 * MB)
    ran = run_lanes(worker, request_for(embedded, ["bf16", "int8", "bf16"], max_new_tokens=3, repeats=2))
    worker.close()
    assert [lane.error for lane in ran.view.lanes] == [None] * 3
    assert all(len(lane.counted) == 2 for lane in ran.view.lanes)


def test_interleaved_lanes_that_cannot_be_resident_together_are_refused_before_loading(embedded: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=300 * MB)
    ran = run_lanes(worker, request_for(embedded, ["bf16", "int8"], schedule="interleaved"))
    assert loads(ran) == []
    for lane in ran.view.lanes:
        assert lane.error_kind == "memory"
        assert "at once, the memory budget is 300 MB; use the exclusive schedule" in str(lane.error)
    worker.close()


def test_a_variant_without_room_is_refused_with_a_remedy_and_others_run(embedded: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=200 * MB)
    ran = run_lanes(worker, request_for(embedded, ["bf16", "nf4"], max_new_tokens=3))
    worker.close()
    assert ran[0].error is not None
    assert ran[0].error.startswith("bf16 needs 27")
    assert "the memory budget is 200 MB. Try int8 (16" in ran[0].error
    assert ran[1].error is None
    assert len(ran.ids(1)[0]) == 3


def test_swapping_gives_memory_back(embedded: Path, worker: Worker) -> None:
    run_lanes(worker, request_for(embedded, ["fp32"], max_new_tokens=2))
    assert worker.environment()["memory_used_bytes"] > 500 * MB
    worker.evict()
    assert worker.environment()["memory_used_bytes"] == 0
    assert not [t for t in _live_tensors() if t.numel() > 20 * MB]


def _live_tensors() -> list[torch.Tensor]:
    import gc

    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) in (torch.Tensor, torch.nn.Parameter)]
