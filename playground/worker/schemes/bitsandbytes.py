"""bitsandbytes: int8, nf4 and fp4.

4-bit weights are repacked in place by their first forward on CPUs with AVX512-BF16: what reads the weights as they were stored (saving
them, merging an adapter) comes before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from transformers import PreTrainedModel

from playground.spec.weights import DTYPES, Weights
from playground.timeline.facts import LaneFacts
from playground.worker.failures import must
from playground.worker.schemes.family import Family


class BitsAndBytes(Family):
    """Its linear layers are classes of their own, with the options in them."""

    def modules(self, model: PreTrainedModel) -> list[Any]:
        return [module for module in model.modules() if isinstance(module, Linear8bitLt | Linear4bit)]

    def read_back(self, model: PreTrainedModel, weights: Weights) -> LaneFacts:
        arguments, modules = weights.recipe().arguments, self.modules(model)
        eight, four = [m for m in modules if isinstance(m, Linear8bitLt)], [m for m in modules if isinstance(m, Linear4bit)]
        found = f"{len(eight)} int8 and {len(four)} 4-bit modules were found"
        must(bool(eight) == ("load_in_8bit" in arguments) and bool(four) == ("load_in_4bit" in arguments), weights, found)
        threshold, double_quant = arguments.get("llm_int8_threshold"), arguments.get("bnb_4bit_use_double_quant")
        compute = {torch_name: name for name, torch_name in DTYPES.items()}.get(str(arguments.get("bnb_4bit_compute_dtype")))
        must(all(m.state.threshold == threshold for m in eight), weights, "the int8 threshold is another")
        must(all(m.weight.quant_type == arguments["bnb_4bit_quant_type"] for m in four), weights, "the 4-bit type is another")
        must(all(m.compute_dtype == getattr(torch, DTYPES[compute or "bf16"]) for m in four), weights, "the compute dtype is another")
        must(all(m.weight.quant_state.nested == double_quant for m in four), weights, "double quantization is not as asked")
        return LaneFacts.model_validate({"threshold": threshold, "compute_dtype": compute, "double_quant": double_quant})

    def states(self, module: torch.nn.Module) -> Iterator[object]:
        if isinstance(module, Linear8bitLt):
            yield module.state
        elif isinstance(module, Linear4bit):
            yield from (state for state in (module.weight.quant_state, module.quant_state) if state is not None)

    def merged(self, model: PreTrainedModel) -> None:
        for module in model.modules():
            if isinstance(module, Linear4bit):
                module.quant_state = module.weight.quant_state  # the old one would be held, and counted

    def after_first_forward(self, model: PreTrainedModel) -> LaneFacts:
        """Whether 4-bit weights were repacked for the CPU's fused bf16 kernel."""
        four = [module for module in model.modules() if isinstance(module, Linear4bit)]
        packed = [bool(getattr(module.weight.quant_state, "packing_format_for_cpu", False)) for module in four]
        return LaneFacts(packed_for_cpu=all(packed)) if four else LaneFacts()


FAMILY = BitsAndBytes()
