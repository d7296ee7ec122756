"""What a lane will need, before anything is loaded: weights from a model_sizes on the meta device, KV cache from the config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig

from playground.spec.lane import Lane
from playground.spec.weights import ITEM_BYTES, Weights
from playground.worker.failures import LoadError, first_line


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes that matter of a model. Tied parameters are counted once."""

    linear_weights: int
    """Weights of the linear layers that a quantizer replaces (not the output head)."""
    linear_inputs: int
    """Of those layers, added up; outputs likewise."""
    linear_outputs: int
    other_weights: int
    kv_values_per_token: int
    """Keys and values of one token of one sequence, over all layers."""
    context: int | None
    """Positions the model was made for; None: not said."""

    def weight_bytes(self, weights: Weights) -> int:
        """Bytes of the weights held so."""
        linear = int(self.linear_weights * weights.bits / 8) + weights.output_bytes * self.linear_outputs
        return linear + ITEM_BYTES[weights.dtype] * self.other_weights

    def kv_bytes(self, lane: Lane, tokens: int) -> int:
        """Of a lane's rows (and beams), each `tokens` long, at the precision of its activations."""
        values = lane.sequences * tokens * self.kv_values_per_token
        return int(values * ITEM_BYTES[lane.variant.weights.dtype] * lane.variant.runtime.kv_factor)


def model_sizes(folder: Path) -> ModelSizes:
    """Reads a model's sizes from its config. Raises LoadError when this transformers does not know the architecture."""
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise LoadError(f"the model in {folder.name!r} cannot be read: {first_line(error)}") from error
    model.tie_weights()
    linear = {id(m.weight): m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not model.get_output_embeddings()}
    linear_weights = sum(m.weight.numel() for m in linear.values())
    total = sum(parameter.numel() for parameter in model.parameters())  # parameters() yields a shared one once
    text = config.get_text_config()
    return ModelSizes(
        linear_weights=linear_weights,
        linear_inputs=sum(m.in_features for m in linear.values()),
        linear_outputs=sum(m.out_features for m in linear.values()),
        other_weights=total - linear_weights,
        kv_values_per_token=_kv_values(text),
        context=getattr(text, "max_position_embeddings", None),
    )


def _kv_values(config: PreTrainedConfig) -> int:
    """2 (keys and values) × layers × key-value heads × head size; sliding windows are not subtracted, so never too low."""
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(2 * config.num_hidden_layers * (getattr(config, "num_key_value_heads", None) or heads) * head_size)
