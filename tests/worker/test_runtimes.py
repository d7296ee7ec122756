"""Lanes that differ in their runtime share one set of weights, each with a module tree of its own, and compute what they would alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import FalconConfig, FalconForCausalLM
from transformers.models.falcon import modeling_falcon

from playground.spec.lane import Lane
from playground.spec.weights import SCHEMES
from playground.worker.device import Device
from playground.worker.loading import BaseSpec, load_base, tree_of
from playground.worker.prequantized import Copies
from playground.worker.process import Worker
from playground.worker.trees import tensors_of
from tests.tiny_models import byte_tokenizer
from tests.worker.conftest import request_for, run_lanes

SDPA = "aten::_scaled_dot_product_flash_attention_for_cpu"


def tiny_falcon(folder: Path) -> Path:
    torch.manual_seed(0)
    config = FalconConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=320, bos_token_id=0, eos_token_id=1)
    FalconForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    byte_tokenizer(None).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved"])
@pytest.mark.parametrize("scheme", ["bf16", "int8", "nf4"])
def test_lanes_of_two_attentions_say_what_each_says_alone(
    scheme: str, schedule: str, worker: Worker, tiny: Path, tiny_lora: Path, tmp_path: Path
) -> None:
    lanes = [scheme, f"{scheme}[attention=eager]", f"{scheme}[attention=eager]+a", f"{scheme}+a", f"{scheme}[attention=eager]+a|none@2"]
    together = run_lanes(worker, request_for(tiny, lanes, {"a": tiny_lora}, schedule=schedule))
    for index, lane in enumerate(lanes):
        own = Worker(tmp_path / f"{index}", "cpu")
        alone = run_lanes(own, request_for(tiny, [lane], {"a": tiny_lora}))
        own.close()
        assert together.ids(index) == alone.ids(0), lane
    assert [lane.facts.attention for lane in together.view.lanes] == ["sdpa", "eager", "eager", "sdpa", "eager"]


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_a_second_attention_takes_no_memory(scheme: str, worker: Worker, tiny: Path) -> None:
    run_lanes(worker, request_for(tiny, [scheme], max_new_tokens=2))
    held = worker.pool.used_bytes
    ran = run_lanes(worker, request_for(tiny, [scheme, f"{scheme}[attention=eager]"], max_new_tokens=2, schedule="interleaved"))
    assert worker.pool.used_bytes == held
    assert [one.label for one in worker.environment().residents] == [f"m {scheme}"]
    assert ran[0].weights_bytes == ran[1].weights_bytes
    assert [lane.load_kind for lane in ran.view.lanes] == ["resident", "resident"]


def test_the_operators_of_each_tree_are_read_back(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["bf16[attention=eager]", "bf16", "bf16[attention=eager]"], max_new_tokens=2))
    assert [SDPA in lane.facts.kernels for lane in ran.view.lanes] == [False, True, False]


@pytest.mark.parametrize("text", ["bf16", "nf4"])
def test_a_model_that_chooses_classes_when_it_is_built_gets_them(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Falcon does for flash attention, which needs a GPU."""

    class EagerAttention(modeling_falcon.FalconAttention):  # type: ignore[misc]
        pass

    monkeypatch.setitem(modeling_falcon.FALCON_ATTENTION_CLASSES, "eager", EagerAttention)
    lane, device = Lane.parse(f"{text}[attention=eager]"), Device("cpu")
    spec = BaseSpec.of("f", lane.variant)
    base = load_base(tiny_falcon(tmp_path / "falcon"), spec, device, Copies(tmp_path), lambda _text: None)
    tree = tree_of(base, lane.variant.runtime, device)
    assert {type(module.self_attention) for module in tree.model.transformer.h} == {EagerAttention}
    assert {type(module.self_attention) for module in base.model.transformer.h} == {modeling_falcon.FalconAttention}
    assert base.model.config._attn_implementation == "sdpa"
    assert {id(tensor) for tensor in tensors_of(tree.model)} == {id(tensor) for tensor in tensors_of(base.model)}
    eager = load_base(tmp_path / "falcon", spec, device, Copies(tmp_path), lambda _text: None, runtime=lane.variant.runtime)
    ids = torch.tensor([[5, 9, 100]])
    assert torch.equal(tree.model(ids).logits, eager.model(ids).logits)
