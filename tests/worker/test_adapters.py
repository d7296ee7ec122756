"""An attached adapter works as PEFT's own, on every precision, also on a base that has run, and leaves the base alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from playground.spec.lane import Lane
from playground.worker.adapters import Adapter, AdapterError, Attached, Loaded, attach, load_adapter
from playground.worker.device import Device
from playground.worker.loading import Base, BaseSpec, load_base
from playground.worker.prequantized import Copies
from playground.worker.trees import tensor_bytes
from tests.tiny_models import random_llama, random_lora

IDS = torch.tensor([[5, 9, 100, 200, 17, 30]])


def load(folder: Path, text: str, cache: Path) -> tuple[Base, BaseSpec]:
    spec = BaseSpec.of("m", Lane.parse(text).variant)
    return load_base(folder, spec, Device("cpu"), Copies(cache), lambda text: None), spec


def read(base: Base, spec: BaseSpec, folder: Path) -> Loaded:
    return load_adapter(base.model, Adapter.of("a", str(folder)), spec.dtype, Device("cpu"))


def put_on(base: Base, spec: BaseSpec, folder: Path) -> Attached:
    return attach(base.model, [read(base, spec, folder)])


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "int8", "nf4", "fp4", "nf4[double_quant=true]", "nf4[compute=fp32]"])
def test_attaching_to_a_base_that_has_run_leaves_its_logits(precision: str, mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    base, spec = load(mid, precision, tmp_path)
    before = base.model(IDS).logits
    loaded = read(base, spec, mid_lora)
    attached = attach(base.model, [loaded])
    with_adapter = attached.model(IDS).logits
    assert torch.equal(base.model(IDS).logits, before)
    assert not torch.allclose(with_adapter, before, atol=0.5)
    assert torch.equal(attached.model(IDS).logits, with_adapter)
    assert attached.facts.adapters[0].rank == 4
    # int8 notes some bytes of outlier columns at each forward.
    assert tensor_bytes(attached.model) == pytest.approx(base.memory_bytes + loaded.memory_bytes, rel=0.01), "the base's tensors are shared"


def test_it_computes_what_peft_computes(tiny: Path, tiny_lora: Path, tmp_path: Path) -> None:
    base, spec = load(tiny, "fp32", tmp_path)
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32), tiny_lora).eval()
    assert torch.allclose(put_on(base, spec, tiny_lora).model(IDS).logits, peft(IDS).logits, atol=1e-5)


def test_nf4_under_an_adapter_computes_what_peft_computes_on_a_fresh_base(embedded: Path, tmp_path: Path) -> None:
    """The base here has run, PEFT's has not: on CPUs that repack 4-bit weights only the latter is safe for PEFT's own way."""
    from tests.worker.bare import NF4

    lora = random_lora(embedded, tmp_path / "lora")
    base, spec = load(embedded, "nf4", tmp_path / "cache")
    fresh = AutoModelForCausalLM.from_pretrained(embedded, dtype=torch.bfloat16, quantization_config=NF4)
    peft = PeftModel.from_pretrained(fresh, lora, autocast_adapter_dtype=False).eval()
    assert torch.allclose(put_on(base, spec, lora).model(IDS).logits, peft(IDS).logits, atol=0.25, rtol=0.02)


def changed(lora: Path, folder: Path, **settings: object) -> Path:
    shutil.copytree(lora, folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return folder


def without_tensor(lora: Path, folder: Path) -> Path:
    shutil.copytree(lora, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    del tensors[next(iter(tensors))]
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def pickled(lora: Path, folder: Path) -> Path:
    shutil.copytree(lora, folder)
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    return folder


def damaged(lora: Path, folder: Path) -> Path:
    shutil.copytree(lora, folder)
    (folder / "adapter_model.safetensors").write_bytes(b"not safetensors")
    return folder


def not_finite(lora: Path, folder: Path) -> Path:
    shutil.copytree(lora, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def of_a_wider_model(folder: Path) -> Path:
    return random_lora(random_llama(folder / "wide", hidden=128), folder / "lora")


def of_a_deeper_model(folder: Path) -> Path:
    return random_lora(random_llama(folder / "deep", layers=3), folder / "lora")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda lora, at: at / "nowhere", "its folder has no adapter_config.json"),
        (lambda lora, at: pickled(lora, at / "x"), "its weights are pickled, which is not loaded"),
        (lambda lora, at: damaged(lora, at / "x"), "could not be read"),
        (lambda lora, at: without_tensor(lora, at / "x"), "1 tensors are missing"),
        (lambda lora, at: not_finite(lora, at / "x"), "holds numbers that are not finite"),
        (lambda lora, at: of_a_wider_model(at), r"does not fit the model: .* is \(4, 256\), the model takes \(4, 128\)"),
        (lambda lora, at: of_a_deeper_model(at), "does not fit the model: .* the model has no such place"),
        (lambda lora, at: changed(lora, at / "x", target_modules=["c_attn"]), "does not fit the model"),
        (lambda lora, at: changed(lora, at / "x", peft_type="IA3"), "is not a LoRA adapter"),
        (lambda lora, at: changed(lora, at / "x", use_dora=True), "uses use_dora, which is not supported"),
        (lambda lora, at: changed(lora, at / "x", bias="all"), "uses bias, which is not supported"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    make: Callable[[Path, Path], Path], sentence: str, tiny: Path, tiny_lora: Path, tmp_path: Path
) -> None:
    base, spec = load(tiny, "fp32", tmp_path / "cache")
    before = base.model(IDS).logits
    with pytest.raises(AdapterError, match=sentence) as error:
        put_on(base, spec, make(tiny_lora, tmp_path))
    assert "\n" not in str(error.value)
    assert torch.equal(base.model(IDS).logits, before)
