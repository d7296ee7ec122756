"""The probe on a real `generate` whose steps bring several tokens: none is lost, and TPOT is that of an outside count of ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, StoppingCriteriaList

from playground.analysis.measuring import measure
from playground.timeline.events import RepeatStarted, StepsTaken
from playground.timeline.trace import Step
from playground.worker.device import Device
from playground.worker.probe import OwnClock, Probe, RawStep
from playground.worker.prompts import Encoder, Prompts
from playground.worker.repeat import StartNote, StepNote
from playground.worker.translate import Translator
from tests.timelines import trace

PROMPT = "one two one two one two one"
NEW = 48


@pytest.fixture(scope="module")
def model(tiny: Path) -> PreTrainedModel:
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()
    return loaded


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> Encoder:
    return Encoder(tiny)


def generated(model: PreTrainedModel, encoder: Encoder, rows: int = 1, **how: Any) -> list[list[int]]:
    """The ids of a bare `generate`, without padding; `how` is handed to it."""
    inputs = encoder.encode(Prompts((PROMPT,) * rows, None, False), Device("cpu"))
    output = model.generate(
        **inputs, **{"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": encoder.tokenizer.pad_token_id} | how
    )
    ids: list[list[int]] = output[:, inputs["input_ids"].shape[1] :].tolist()
    return ids


def watched(model: PreTrainedModel, encoder: Encoder, ends: frozenset[int] = frozenset(), **how: Any) -> tuple[list[int], list[Step]]:
    """The ids of one row, and the steps that were seen of it."""
    seen: list[RawStep] = []
    prompt_length = encoder.encode(Prompts((PROMPT,), None, False), Device("cpu"))["input_ids"].shape[1]
    probe = Probe(Device("cpu"), OwnClock(), 1, prompt_length, False, seen.append, lambda: False, lambda: False, 60.0)
    (ids,) = generated(model, encoder, stopping_criteria=StoppingCriteriaList([probe]), **how)
    note = StartNote(RepeatStarted(0, 0, False, (prompt_length,), 0.0), encoder, 1, False, ends)
    events = Translator().events([note, *(StepNote(0, one) for one in seen)])
    return ids, [step for event in events if isinstance(event, StepsTaken) for step in event.steps]


SPECULATIVE = ["prompt lookup", "assisted"]


def arguments(name: str, model: PreTrainedModel) -> dict[str, Any]:
    return {"prompt_lookup_num_tokens": 5} if name == "prompt lookup" else {"assistant_model": model}


@pytest.mark.parametrize("speculation", SPECULATIVE)
def test_speculation_loses_no_token_and_its_tpot_is_that_of_the_ids(model: PreTrainedModel, encoder: Encoder, speculation: str) -> None:
    (bare,) = generated(model, encoder, **arguments(speculation, model))
    ids, steps = watched(model, encoder, **arguments(speculation, model))
    assert ids == bare
    assert [token for step in steps for token in step.token_ids[0]] == bare
    assert len(steps) < len(bare) == NEW, "some step brought several tokens"
    figures = measure(trace([], steps=tuple(steps), output_ids=(tuple(ids),), end_s=steps[-1].t_s))
    assert figures.tpot_s == pytest.approx((steps[-1].t_s - steps[0].t_s) / (len(bare) - 1))
    assert figures.tokens_per_event == len(bare) / len(steps)
    assert len(figures.itl_s) == len(steps) - 1


@pytest.mark.parametrize("speculation", SPECULATIVE)
def test_a_chunk_that_ends_the_answer_ends_it_where_generate_does(model: PreTrainedModel, encoder: Encoder, speculation: str) -> None:
    (whole,) = generated(model, encoder)
    end = whole[NEW // 2]
    (bare,) = generated(model, encoder, eos_token_id=end, **arguments(speculation, model))
    ids, steps = watched(model, encoder, frozenset([end]), eos_token_id=end, **arguments(speculation, model))
    assert ids == bare
    assert [token for step in steps for token in step.token_ids[0]] == bare[: bare.index(end) + 1]


def test_plain_steps_bring_one_token_each(model: PreTrainedModel, encoder: Encoder) -> None:
    (bare,) = generated(model, encoder)
    ids, steps = watched(model, encoder)
    assert ids == bare
    assert [step.token_ids for step in steps] == [{0: (token,)} for token in bare]
