"""What a family of quantization says of its models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from playground.spec.weights import Recipe, Weights
from playground.timeline.facts import LaneFacts


class Family:
    """Weights that are quantized with a configuration of transformers, and of which nothing else is to be known."""

    def load_arguments(self, recipe: Recipe) -> dict[str, Any]:
        """Of `from_pretrained`, beside those that all models get."""
        return {"quantization_config": getattr(transformers, recipe.config)(**recipe.arguments)} if recipe.config else {}

    def modules(self, model: PreTrainedModel) -> list[Any]:
        """Those that are quantized; each has `in_features`, `out_features` and `weight`."""
        return []

    def read_back(self, model: PreTrainedModel, weights: Weights) -> LaneFacts:
        """What is really there, before the first forward. Raises LoadError if it is not what was asked."""
        return LaneFacts()

    def states(self, module: torch.nn.Module) -> Iterator[object]:
        """The objects beside parameters and buffers in which a module holds tensors; module trees over the same tensors share them."""
        yield from ()

    def merged(self, model: PreTrainedModel) -> None:
        """Called when an adapter was added into the weights."""

    def after_first_forward(self, model: PreTrainedModel) -> LaneFacts:
        """What the first forward made of the weights."""
        return LaneFacts()
