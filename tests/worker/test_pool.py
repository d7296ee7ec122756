"""Loading, swapping and refusing: budgets, copies, read-backs."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import FalconConfig, FalconForCausalLM, MixtralConfig, MixtralForCausalLM

from playground.spec.lane import Lane
from playground.timeline.events import LaneEvent, LaneLoaded
from playground.worker.estimate import model_sizes
from playground.worker.process import Worker
from tests.tiny_models import byte_tokenizer, random_llama, random_lora
from tests.worker.conftest import Ran, request_for, run_lanes


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
    assert facts.items() <= dict(ran[0].facts).items()
    assert len(ran[0].facts.weights_sha256 or "") == 64


def test_a_model_that_is_not_what_was_asked_fails(worker: Worker, tmp_path: Path) -> None:
    """Mixtral's experts are stacked in one tensor, which bitsandbytes passes over without a word."""
    torch.manual_seed(0)
    small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = MixtralConfig(**small, num_local_experts=4, vocab_size=320, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    MixtralForCausalLM(config).save_pretrained(tmp_path / "mixtral")
    byte_tokenizer(None).save_pretrained(tmp_path / "mixtral")
    ran = run_lanes(worker, request_for(tmp_path / "mixtral", ["nf4", "bf16"]))
    assert "nf4 was asked, but only" in str(ran[0].error)
    assert ran[1].error is None


def test_falcon_is_quantized_although_its_linear_layers_are_its_own(worker: Worker, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = FalconConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=320, bos_token_id=0, eos_token_id=1)
    model = FalconForCausalLM(config)
    model.save_pretrained(tmp_path / "falcon")
    byte_tokenizer(None).save_pretrained(tmp_path / "falcon")
    ran = run_lanes(worker, request_for(tmp_path / "falcon", ["nf4", "int8", "fp32", "nf4+random-r4"]))
    assert [lane.error for lane in ran.view.lanes] == [None] * 4
    assert [ran[lane].facts.quantized_modules for lane in range(4)] == [8, 8, 0, 8]
    inputs = byte_tokenizer(None)("Why is the sky blue?", return_tensors="pt")
    alone = model.generate(**inputs, do_sample=False, eos_token_id=None, max_new_tokens=12, pad_token_id=1)
    assert ran.ids(2)[0] == tuple(alone[0, inputs["input_ids"].shape[1] :].tolist()), "as torch's own layers it computes the same"


def test_a_file_with_a_tensor_missing_is_refused(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    """transformers would fill it with random numbers and go on."""
    shutil.copytree(tiny, tmp_path / "x")
    tensors = load_file(tmp_path / "x" / "model.safetensors")
    del tensors["model.layers.0.mlp.down_proj.weight"]
    save_file(tensors, tmp_path / "x" / "model.safetensors", metadata={"format": "pt"})
    ran = run_lanes(worker, request_for(tmp_path / "x", ["fp32"]))
    assert "is incomplete: 1 missing keys, the first is 'model.layers.0.mlp.down_proj.weight'" in str(ran[0].error)


def test_a_copy_that_holds_something_else_is_made_again(tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu")
    ran = run_lanes(worker, request_for(tiny, ["nf4"]))
    [right] = (tmp_path / "prequantized").iterdir()
    run_lanes(worker, request_for(tiny, ["fp4"]))
    [wrong] = [folder for folder in (tmp_path / "prequantized").iterdir() if folder != right]
    shutil.rmtree(right)
    shutil.copytree(wrong, right)
    worker.evict()
    again = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.close()
    assert again[0].load_kind == "cold"
    assert again.ids(0) == ran.ids(0)


def test_a_folder_whose_weights_changed_is_loaded_anew(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(tiny, folder)
    first = run_lanes(worker, request_for(folder, ["fp32"]))
    random_llama(folder, seed=5)
    second = run_lanes(worker, request_for(folder, ["fp32"]))
    assert second[0].load_kind == "cold"
    assert first[0].facts.weights_sha256 != second[0].facts.weights_sha256
    assert first.ids(0) != second.ids(0)


def test_an_adapter_trained_anew_in_its_folder_is_another(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    ran = []
    for seed in (1, 2):
        lora = random_lora(tiny, tmp_path / "lora", seed=seed)
        ran.append(run_lanes(worker, request_for(tiny, ["fp32+a"], adapters={"a": lora})))
    assert ran[0].ids(0) != ran[1].ids(0)
    assert ran[0][0].facts.adapters[0].sha256 != ran[1][0].facts.adapters[0].sha256


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved"])
def test_an_adapter_on_a_base_loaded_before_has_only_its_own_load_time(
    worker: Worker, embedded: Path, tmp_path: Path, schedule: str
) -> None:
    lora = random_lora(embedded, tmp_path / "lora")
    ran = run_lanes(worker, request_for(embedded, ["nf4", "nf4+a"], adapters={"a": lora}, schedule=schedule, max_new_tokens=2))
    base_s, adapter_s = ran[0].load_s, ran[1].load_s
    assert base_s is not None
    assert adapter_s is not None
    assert 0 < adapter_s < base_s


def test_room_for_the_next_exclusive_lane_is_really_made(mid: Path, tmp_path: Path) -> None:
    """What was evicted must be gone while the next one loads, or a budget for one holds two."""
    worker = Worker(tmp_path, "cpu", budget_bytes=5_400_000)
    alive: list[int] = []

    def look(event: LaneEvent) -> None:
        if isinstance(event, LaneLoaded) and event.lane == 1:
            alive.append(len(embeddings()))

    ran = run_lanes(worker, request_for(mid, ["bf16", "fp16"], max_new_tokens=2), on_event=look)
    worker.close()
    assert [lane.error for lane in ran.view.lanes] == [None, None]
    assert alive == [1], "one embedding, not two"


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


def test_the_estimate_is_near_the_truth(embedded: Path, worker: Worker) -> None:
    lanes = ["fp32", "bf16", "int8", "nf4", "nf4[double_quant=true]"]
    ran = run_lanes(worker, request_for(embedded, lanes, max_new_tokens=2))
    sizes = model_sizes(embedded)
    assert sizes.context == 8192
    for index, text in enumerate(lanes):
        variant = Lane.parse(text).variant
        real = ran[index].weights_bytes
        assert real == pytest.approx(sizes.weight_bytes(variant.weights), rel=0.03)


def test_the_least_recently_used_makes_room(mid: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=8_200_000)
    run_lanes(worker, request_for(mid, ["bf16"], max_new_tokens=2))
    run_lanes(worker, request_for(mid, ["nf4"], max_new_tokens=2))
    assert loads(run_lanes(worker, request_for(mid, ["bf16"], max_new_tokens=2))) == [(0, "resident")]
    assert loads(run_lanes(worker, request_for(mid, ["int8"], max_new_tokens=2))) == [(0, "cold")]
    assert (worker.environment().memory_used_bytes or 0) <= 8_200_000
    assert loads(run_lanes(worker, request_for(mid, ["nf4"], max_new_tokens=2))) == [(0, "prequantized")]
    worker.close()


def test_exclusive_lanes_take_turns_in_a_small_budget(mid: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=5_400_000)
    ran = run_lanes(worker, request_for(mid, ["bf16", "int8", "bf16"], max_new_tokens=3, repeats=2))
    worker.close()
    assert [lane.error for lane in ran.view.lanes] == [None] * 3
    assert all(len(lane.repeats) == 2 for lane in ran.view.lanes)


def test_interleaved_lanes_that_cannot_be_resident_together_are_refused_before_loading(mid: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=5_400_000)
    ran = run_lanes(worker, request_for(mid, ["bf16", "int8"], schedule="interleaved"))
    assert loads(ran) == []
    for lane in ran.view.lanes:
        assert lane.error_kind == "memory"
        assert "at once, the memory budget is 5.4 MB; use the exclusive schedule" in str(lane.error)
    worker.close()


def test_a_variant_without_room_is_refused_with_a_remedy_and_others_run(mid: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=3_600_000)
    ran = run_lanes(worker, request_for(mid, ["bf16", "nf4"], max_new_tokens=3))
    worker.close()
    assert ran[0].error is not None
    assert ran[0].error.startswith("bf16 needs 4.9")
    assert "the memory budget is 3.6 MB. Try int8 (2." in ran[0].error
    assert ran[1].error is None
    assert len(ran.ids(1)[0]) == 3


def test_swapping_gives_memory_back(mid: Path, worker: Worker) -> None:
    run_lanes(worker, request_for(mid, ["fp32"], max_new_tokens=2))
    assert (worker.environment().memory_used_bytes or 0) > 9_500_000
    worker.evict()
    assert worker.environment().memory_used_bytes == 0
    assert not embeddings()


def embeddings() -> list[torch.Tensor]:
    """Those of `mid` that are alive."""
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if type(thing) in (torch.Tensor, torch.nn.Parameter)]
    return [tensor for tensor in tensors if tensor.shape == (320, 256) and tensor.device.type != "meta"]
