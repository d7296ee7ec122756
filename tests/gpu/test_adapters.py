"""Attaching an adapter to a base that has run leaves the base as it was, to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.spec.lane import Lane
from playground.worker.adapters import Adapter, attach, load_adapter
from playground.worker.device import Device
from playground.worker.loading import BaseSpec, load_base
from playground.worker.prequantized import Copies
from tests.gpu.conftest import Place


@pytest.mark.parametrize("precision", ["bf16", "fp16", "int8", "nf4", "fp4", "nf4[double_quant=true]", "nf4[compute=fp16]"])
def test_attaching_to_a_base_that_has_run_leaves_its_logits(precision: str, place: Place, cache: Path) -> None:
    device = Device(place.device)
    spec = BaseSpec.of("m", Lane.parse(precision).variant)
    with torch.no_grad():
        base = load_base(place.model, spec, device, Copies(cache), lambda text: None)
        prompt = torch.tensor([[5, 9, 100, 200, 17, 30]], device=device.torch)
        before = base.model(prompt).logits
        attached = attach(base.model, [load_adapter(base.model, Adapter.of("lora", str(place.lora)), spec.dtype, device)])
        adapted = attached.model(prompt).logits
        assert torch.isfinite(before).all()
        assert torch.equal(base.model(prompt).logits, before)
        assert not torch.allclose(adapted, before, atol=0.1)
        assert torch.equal(attached.model(prompt).logits, adapted)
