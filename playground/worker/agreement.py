"""Top-1 agreement: how often two variants find the same next token likeliest while reading the same text.

Free-running answers part for good at the first token that differs, so how alike they are says little of how alike the models are.
Here both models read the same prompt and answer at once ("teacher forcing"), and their likeliest tokens are compared place by place.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import torch
from transformers import PreTrainedModel

from playground.worker.adapters import Attached
from playground.worker.device import Device
from playground.worker.prompts import Encoder, Prompts

Likeliest = tuple[int, ...]
"""Per place of an answer the id of the likeliest token there."""
RowInput = tuple[str, str | None]
"""A row as far as it matters: its prompt, and the adapter it has."""


def likeliest(model: PreTrainedModel, encoder: Encoder, prompts: Prompts, prompt: str, answer: Sequence[int], device: Device) -> Likeliest:
    """What the model finds likeliest at each place of `answer` after `prompt`, in one forward pass of one row."""
    encoded = encoder.encode(Prompts((prompt,), prompts.system, prompts.chat), device)["input_ids"]
    ids = torch.cat([encoded, torch.tensor([answer], dtype=encoded.dtype, device=device.torch)], dim=1)
    # The output head of a long prompt would be the largest tensor of all.
    few = {"logits_to_keep": len(answer) + 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    logits = model(input_ids=ids, **few).logits[0, -len(answer) - 1 : -1]
    return tuple(logits.argmax(dim=-1).tolist())


def read_answers(
    model: PreTrainedModel,
    attached: Attached | None,
    rows: Sequence[RowInput],
    answers: Mapping[str, Sequence[int]],
    encoder: Encoder,
    prompts: Prompts,
    device: Device,
) -> dict[RowInput, Likeliest]:
    """The likeliest tokens of each different row whose prompt has an answer. `answers`: the baseline's, by prompt."""
    found: dict[RowInput, Likeliest] = {}
    for number, row in enumerate(rows):
        prompt = row[0]
        if row in found or not answers.get(prompt):
            continue
        if attached is None:
            found[row] = likeliest(model, encoder, prompts, prompt, answers[prompt], device)
        else:
            with attached.only(number) as one:
                found[row] = likeliest(one, encoder, prompts, prompt, answers[prompt], device)
    return found


def agreement(rows: Sequence[RowInput], own: Mapping[RowInput, Likeliest], baseline: Mapping[str, Likeliest]) -> tuple[float, int] | None:
    """The share of places, over all rows, at which both find the same token likeliest, and how many places; None without any."""
    pairs = [pair for row in rows if row in own for pair in zip(own[row], baseline[row[0]], strict=True)]
    return (sum(one == other for one, other in pairs) / len(pairs), len(pairs)) if pairs else None
