"""Numbers as they are: fp32, bf16, fp16."""

from __future__ import annotations

from transformers import PreTrainedModel

from playground.spec.weights import Weights
from playground.timeline.facts import LaneFacts
from playground.worker.failures import must
from playground.worker.schemes.family import Family


class Plain(Family):
    """Nothing is quantized, also where the model's own files would have it so."""

    def read_back(self, model: PreTrainedModel, weights: Weights) -> LaneFacts:
        must(getattr(model, "hf_quantizer", None) is None, weights, "the model's own files are quantized")
        return LaneFacts()


FAMILY = Plain()
