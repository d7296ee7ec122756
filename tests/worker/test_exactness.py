"""The lanes say what bare `generate` says, alone and interleaved, and sampled lanes repeat."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.timeline.events import StepsTaken
from playground.worker.process import Worker
from tests.worker import bare
from tests.worker.conftest import request_for, run_lanes

DETERMINISTIC = ["fp32", "fp32/beam(num_beams=3)", "fp32@4", "fp32/beam(num_beams=2)@2"]
SAMPLED = ["fp32/top_k(k=20)", "bf16/top_p(p=0.9)", "int8/min_p(p=0.05,temperature=1.5)", "nf4/top_p(p=0.8)@3"]


def test_deterministic_lanes_equal_bare_generate(worker: Worker, tiny: Path) -> None:
    prompts = ["Why is the sky blue?"]
    expected = [
        bare.generate(tiny, prompts),
        bare.generate(tiny, prompts, num_beams=3),
        bare.generate(tiny, prompts * 4),
        bare.generate(tiny, prompts * 2, num_beams=2),
    ]
    for schedule in ("exclusive", "interleaved"):
        ran = run_lanes(worker, request_for(tiny, DETERMINISTIC, schedule=schedule))
        assert [[list(row) for row in ran.ids(lane)] for lane in range(4)] == expected, schedule


@pytest.mark.model
def test_the_embedded_model_equals_bare_generate(worker: Worker, embedded: Path) -> None:
    prompt = ["Why is the sky blue?"]
    lanes = ["fp32", "fp32/beam(num_beams=4)", "fp32@2"]
    expected = [
        bare.generate(embedded, prompt, 16),
        bare.generate(embedded, prompt, 16, num_beams=4),
        bare.generate(embedded, prompt * 2, 16),
    ]
    for schedule in ("exclusive", "interleaved"):
        ran = run_lanes(worker, request_for(embedded, lanes, schedule=schedule, max_new_tokens=16))
        assert [[list(row) for row in ran.ids(lane)] for lane in range(3)] == expected, schedule


def test_quantized_lanes_equal_bare_generate(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["nf4", "int8", "bf16"], schedule="interleaved"))
    for lane, quantization in enumerate([bare.NF4, bare.INT8, None]):
        load = {"dtype": torch.bfloat16} | ({"quantization_config": quantization} if quantization else {})
        assert [list(row) for row in ran.ids(lane)] == bare.generate(tiny, ["Why is the sky blue?"], load=load)


def test_rows_of_different_prompts_are_padded_left(worker: Worker, tiny: Path) -> None:
    prompts = ["Hi", "A much longer question about nothing at all?"]
    ran = run_lanes(worker, request_for(tiny, ["fp32@4"], prompts=prompts))
    assert [list(row) for row in ran.ids(0)] == bare.generate(tiny, prompts * 2)
    tokens = ran[0].repeats[0].prompt_tokens
    assert tokens[0] < tokens[1]
    assert tokens == tokens[:2] * 2


def test_sampled_lanes_repeat_in_both_schedules(worker: Worker, tiny: Path) -> None:
    first = run_lanes(worker, request_for(tiny, SAMPLED, schedule="exclusive", repeats=2))
    raced = run_lanes(worker, request_for(tiny, SAMPLED, schedule="interleaved"))
    other = run_lanes(worker, request_for(tiny, SAMPLED, schedule="interleaved", seed=8))
    for lane in range(len(SAMPLED)):
        assert first[lane].repeats[0].output_ids == first[lane].repeats[1].output_ids == raced.ids(lane)
        assert raced.ids(lane) != other.ids(lane)


def test_a_lanes_own_seed_wins_over_the_runs(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32/top_p(p=0.9,seed=3)", "fp32/top_p(p=0.9)", "fp32/top_p(p=0.9)"], seed=3))
    assert ran.ids(0) == ran.ids(1) == ran.ids(2)


def test_free_length_ends_rows_at_their_eos_and_counts_no_padding(worker: Worker, tiny: Path) -> None:
    prompts = [f"question number {n}" for n in range(8)]
    request = request_for(tiny, ["fp32/top_k(k=300,temperature=3.0)@8"], prompts=prompts, fixed_length=False, max_new_tokens=200, seed=1)
    ran = run_lanes(worker, request)
    repeat = ran[0].repeats[0]
    assert "stop" in repeat.finish, "the seed was chosen so that some rows end"
    for ids, finish, row in zip(repeat.output_ids, repeat.finish, range(8), strict=True):
        assert (ids[-1] == 1) == (finish == "stop")
        assert 1 not in ids[:-1]
        assert ids == tuple(token for step in repeat.steps for token in step.token_ids.get(row, ()))


def test_a_beam_lanes_steps_end_in_a_candidate_and_may_revise(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32/beam(num_beams=4)"], max_new_tokens=24))
    shown: list[int] = []
    for step in ran[0].repeats[0].steps:
        assert step.keep is not None
        shown = [*shown[: step.keep[0]], *step.token_ids[0]]
    assert len(shown) == 24
    assert any(step.keep and len(step.token_ids[0]) > 1 for step in ran[0].repeats[0].steps), "a beam search of 24 steps revises"


def test_the_streamed_text_is_the_final_text(worker: Worker, embedded: Path) -> None:
    ran = run_lanes(worker, request_for(embedded, ["fp32@2", "fp32/beam(num_beams=2)"], max_new_tokens=20, schedule="interleaved"))
    shown: dict[tuple[int, int], str] = {}
    for event in ran.events:
        if isinstance(event, StepsTaken):
            for change in event.text:
                before = shown.get((event.lane, change.row), "")
                shown[event.lane, change.row] = before[: change.keep] + change.text
    assert shown[0, 0] == shown[0, 1] == ran[0].texts[0]
    assert len(shown[1, 0]) > 10
