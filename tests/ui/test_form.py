"""What is typed on the page becomes a request, or one sentence about one field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from playground.settings import Settings
from playground.ui.controls.form import FREE, Form, FormError, join_prompts, read_form, split_prompts

GOOD = Form(
    model="smollm2-135m",
    prompt="Why?",
    system="",
    lanes=("bf16", "nf4@4"),
    schedule="interleaved",
    length=FREE,
    max_new_tokens=8,
    warmup=1,
    repeats=2,
    seed=7,
    threads=0,
)
SETTINGS = Settings(max_lanes=3, max_prompt_chars=100, max_rows_times_tokens=1000)


def test_a_good_form_is_the_request_it_says() -> None:
    request = read_form(GOOD, SETTINGS)
    assert [str(lane) for lane in request.lanes] == ["bf16", "nf4@4"]
    assert (request.measure.fixed_length, request.measure.threads, request.measure.repeats) == (False, None, 2)
    assert [read_form(replace(GOOD, agreement=on), SETTINGS).measure.agreement for on in (False, True)] == [False, True]
    assert read_form(replace(GOOD, quantum_ms=12.5), SETTINGS).measure.quantum_s == 0.0125
    assert request.measure.until is None


@pytest.mark.parametrize(("schedule", "most"), [("exclusive", 24), ("contended", 12)])
def test_a_run_until_sure_ends_where_the_operators_cap_does(schedule: str, most: int) -> None:
    """Five rows of 8 tokens: 25 passes come to 1,000."""
    until = read_form(replace(GOOD, schedule=schedule, until_percent=2.5, limit_s=30), SETTINGS).measure.until
    assert until is not None
    assert (until.width, until.limit_s, until.most) == (0.025, 30, most)


def test_prompts_of_a_batch_are_parted_by_a_line() -> None:
    assert split_prompts("a\n---\nb\nc") == ("a", "b\nc")
    assert split_prompts(join_prompts(("x", "y"))) == ("x", "y")


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"lanes": ("bf16", "")}, "lane-2", "Lane 2: is empty"),
        ({"lanes": ("bf16", "int9")}, "lane-2", "Lane 2: unknown precision 'int9' (allowed: fp32"),
        ({"lanes": ("bf16+no",)}, "lane-1", "Lane 1: adapter 'no' is not known"),
        ({"lanes": ("other:bf16",)}, "lane-1", "Lane 1: model 'other' is not known"),
        ({"lanes": ("bf16",) * 4}, "run", "4 lanes are more than the 3 allowed here"),
        ({"prompt": "  "}, "prompt", "prompt 1 is empty"),
        ({"prompt": "x" * 101}, "prompt", "101 characters are more than the 100 allowed here"),
        ({"prompt": "a\n---\nb\n---\nc\n---\nd\n---\ne"}, "lane-2", "5 prompts do not fit in batch 4"),
        ({"max_new_tokens": None}, "max-new-tokens", "New tokens: must be a whole number"),
        ({"max_new_tokens": 2.5}, "max-new-tokens", "New tokens: must be a whole number, not 2.5"),
        ({"max_new_tokens": 0}, "max-new-tokens", "New tokens: input should be greater than or equal to 1"),
        ({"max_new_tokens": 500}, "max-new-tokens", "more than the 1,000 allowed here"),
        ({"repeats": -1}, "repeats", "Repeats: input should be greater"),
        ({"threads": 99999}, "threads", "Threads: input should be less"),
        ({"repeats": 0}, "repeats", "Repeats: input should be greater than or equal to 1"),
        ({"quantum_ms": None}, "quantum-ms", "Turn: must be a number, not nothing"),
        ({"quantum_ms": 20_000}, "quantum-ms", "Turn: must be between 0 and 10,000 ms"),
        ({"until_percent": 500}, "until-percent", "Until sure: 500 is not allowed; allowed: above 0 and at most 200 %"),
        ({"until_percent": -1}, "until-percent", "Until sure: -1 is not allowed"),
        ({"until_percent": 5, "limit_s": 0}, "limit-s", "At most: 0 is not allowed; allowed: above 0 and at most 86,400 s"),
        ({"limit_s": None}, "limit-s", "At most: must be a number, not nothing"),
    ],
)
def test_what_is_wrong_is_one_sentence_about_one_field(change: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(FormError) as error:
        read_form(replace(GOOD, **change), SETTINGS)
    assert sentence in error.value.sentence
    assert error.value.field == field
    assert "\n" not in error.value.sentence
