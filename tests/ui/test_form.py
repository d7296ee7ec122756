"""What is typed on the page becomes a request, or one sentence about one field."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from playground.settings import Settings
from playground.spec.knobs import Typed, join_texts, split_texts
from playground.spec.measure import Measure, Until
from playground.spec.presets import Preset
from playground.spec.workload import Workload
from playground.ui.controls.form import Form, FormError, form_of, measure_line, read_form

TYPED: dict[str, Typed] = {"prompt": "Why?", "length": "free", "max_new_tokens": 8, "repeats": 2}
STANDARD = form_of(Preset(name="a", title="A", lanes=("bf16", "nf4@4")), "smollm2-135m", 9)
GOOD = replace(STANDARD, settings={**STANDARD.settings, **TYPED})
SETTINGS = Settings(max_lanes=3, max_prompt_chars=100, max_rows_times_tokens=1000)


def changed(**typed: Any) -> Form:
    """The good form with other lanes, or with something else typed."""
    lanes = {"lanes": typed.pop("lanes")} if "lanes" in typed else {}
    return replace(GOOD, settings={**GOOD.settings, **typed}, **lanes)


def test_a_good_form_is_the_request_it_says() -> None:
    request = read_form(GOOD, SETTINGS)
    assert [str(lane) for lane in request.lanes] == ["bf16", "nf4@4"]
    assert (request.measure.fixed_length, request.measure.threads, request.measure.repeats) == (False, None, 2)
    assert [read_form(changed(agreement=on), SETTINGS).measure.agreement for on in (False, True)] == [False, True]
    assert read_form(changed(quantum_ms=12.5), SETTINGS).measure.quantum_s == 0.0125
    assert request.measure.until is None


@pytest.mark.parametrize(("schedule", "most"), [("exclusive", 24), ("contended", 12)])
def test_a_run_until_sure_ends_where_the_operators_cap_does(schedule: str, most: int) -> None:
    """Five rows of 8 tokens: 25 passes come to 1,000."""
    until = read_form(changed(schedule=schedule, until_percent=2.5, limit_s=30), SETTINGS).measure.until
    assert until is not None
    assert (until.width, until.limit_s, until.most) == (0.025, 30, most)


def test_prompts_of_a_batch_are_parted_by_a_line() -> None:
    assert split_texts("a\n---\nb\nc") == ("a", "b\nc")
    assert split_texts(join_texts(("x", "y"))) == ("x", "y")


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
        ({"max_new_tokens": 0}, "max-new-tokens", "New tokens: 0 is not allowed; allowed: 1 to 4,096"),
        ({"max_new_tokens": 1e30}, "max-new-tokens", "is not allowed; allowed: 1 to 4,096"),
        ({"max_new_tokens": math.inf}, "max-new-tokens", "New tokens: must be a whole number, not inf"),
        ({"max_new_tokens": 500}, "max-new-tokens", "more than the 1,000 allowed here"),
        ({"repeats": -1}, "repeats", "Repeats: -1 is not allowed; allowed: 1 to 100"),
        ({"threads": 99999}, "threads", "Threads: 99,999 is not allowed; allowed: 1 to 1,024"),
        ({"threads": 1.5}, "threads", "Threads: must be a whole number, not 1.5"),
        ({"schedule": "never"}, "schedule", "Schedule: 'never' is not allowed; allowed: contended, interleaved, exclusive"),
        ({"quantum_ms": None}, "quantum-ms", "Turn: must be a number, not nothing"),
        ({"quantum_ms": 20_000}, "quantum-ms", "Turn: 20,000 is not allowed; allowed: 0 to 10,000 ms"),
        ({"until_percent": 500}, "until-percent", "Until sure: 500 is not allowed; allowed: above 0 and at most 200 %"),
        ({"until_percent": -1}, "until-percent", "Until sure: -1 is not allowed"),
        ({"until_percent": 5, "limit_s": 0}, "limit-s", "At most: 0 is not allowed; allowed: above 0 and at most 86,400 s"),
        ({"limit_s": None}, "limit-s", "At most: must be a number, not nothing"),
    ],
)
def test_what_is_wrong_is_one_sentence_about_one_field(change: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(FormError) as error:
        read_form(changed(**change), SETTINGS)
    assert sentence in error.value.sentence
    assert error.value.field == field
    assert "\n" not in error.value.sentence


def test_the_line_of_settings_says_what_is_set() -> None:
    assert measure_line(STANDARD) == "interleaved · fixed length · 1 warm-up · 1 repeat · seed 7 · all threads"
    typed = {"repeats": None, "threads": 1, "system": " Be brief. ", "quantum_ms": 12.5, "until_percent": 3, "agreement": True}
    assert measure_line(changed(**typed)) == (
        "interleaved · free length · 1 warm-up · – repeats · seed 7 · 1 thread · system prompt · turns of 12.5 ms · "
        "until the interval is within 3 % · outputs compared"
    )
    assert "turns" not in measure_line(changed(quantum_ms=50, schedule="exclusive"))


def test_a_form_that_is_filled_from_a_preset_is_the_presets_run() -> None:
    measure = Measure(schedule="exclusive", threads=2, quantum_s=0.03, until=Until(width=0.07, limit_s=5), agreement=True)
    preset = Preset(name="a", title="A", lanes=("bf16@2",), workload=Workload(prompts=("a", "b"), system="s", chat=False), measure=measure)
    request = read_form(form_of(preset, "smollm2-135m", 9), Settings())
    assert request.workload == preset.workload
    assert request.measure == measure
