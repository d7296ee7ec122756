"""A run and its link say the same, and no link does harm."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.settings import ROOT, Settings
from playground.spec.knobs import Typed
from playground.spec.lane import Lane
from playground.spec.measure import MAX_NEW_TOKENS, SCHEDULES, Measure, Until
from playground.spec.presets import Preset, load_presets
from playground.ui.controls.form import Form, form_of, read_form
from playground.ui.controls.link import MAX_CHARACTERS, Linked, LinkError, read_link, write_link
from tests import strategies

PRESETS = load_presets(ROOT / "presets")
SETTINGS = Settings(models={"smollm2-135m": "smollm2-135m", "other": "x/y"}, adapters={"faq": "f"}, max_rows_times_tokens=10**9)
FIRST = next(iter(PRESETS.values()))


def standing(preset: Preset) -> Form:
    return form_of(preset, preset.model, SETTINGS.max_lanes)


def typed(form: Form, **settings: Typed) -> Form:
    return replace(form, settings={**form.settings, **settings})


lanes = strategies.variants().filter(lambda variant: not variant.merged)
lane_texts = st.builds(
    lambda variant, batch: f"{variant.model_copy(update={'model': None, 'adapter': None})}@{batch}", lanes, st.integers(1, 32)
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def forms(draw: st.DrawFn) -> tuple[Form, Preset]:
    preset = draw(st.sampled_from(sorted(PRESETS.values(), key=lambda one: one.name)))
    texts = draw(st.just(preset.lanes) | st.lists(lane_texts, min_size=1, max_size=9).map(tuple))
    enough = max(Lane.parse(text).batch for text in texts) >= len(preset.workload.prompts)
    asked = standing(preset) if enough else typed(standing(preset), prompt="Why?")
    model = draw(st.sampled_from([preset.model, "other"]))
    base = replace(asked, lanes=texts, baseline=draw(st.integers(0, len(texts) - 1)), model=model)
    other: dict[str, Any] = {
        "prompt": words.map(lambda text: f"Why {text}?".replace("---", "-")),
        "system": words,
        "schedule": st.sampled_from(SCHEDULES),
        "length": st.sampled_from(["fixed", "free"]),
        "max_new_tokens": st.integers(1, MAX_NEW_TOKENS),
        "warmup": st.integers(0, 20),
        "repeats": st.integers(1, 100),
        "seed": st.integers(0, 2**32 - 1),
        "threads": st.integers(0, 1024),
        "agreement": st.booleans(),
        "quantum_ms": st.integers(0, 10_000) | st.floats(0, 10_000),
        "until_percent": st.integers(0, 200) | st.floats(0.001, 200),
        "limit_s": st.integers(1, 86_400),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(other))))
    return typed(base, **{name: draw(other[name]) for name in sorted(chosen)}), preset


@given(forms())
@settings(max_examples=200)
def test_a_link_brings_back_the_run(given_form: tuple[Form, Preset]) -> None:
    form, preset = given_form
    link = write_link(form, preset, preset.model, SETTINGS)
    linked = read_link(f"?__theme=dark&{link}&view=stage", PRESETS, SETTINGS)
    assert linked is not None
    assert (linked.preset, linked.form or standing(preset)) == (preset.name, form)


@given(forms())
def test_a_link_is_one_plain_part_of_an_address(given_form: tuple[Form, Preset]) -> None:
    form, preset = given_form
    link = write_link(form, preset, preset.model, SETTINGS)
    assert link.isascii()
    assert not set(link) & set(" \"'<>&#+()[]{}")
    assert urlsplit(f"http://x/?{link}").query == link


def test_a_preset_as_it_is_needs_only_its_name() -> None:
    assert write_link(standing(FIRST), FIRST, FIRST.model, SETTINGS) == "preset=quickstart"
    assert read_link("?preset=quickstart", PRESETS, SETTINGS) == Linked("quickstart", None)


def test_links_of_earlier_versions_open() -> None:
    """Written by version 0.1.0: names and units of a link's settings stay."""
    old = {
        "lanes": ["bf16", "nf4@2"],
        "baseline": 1,
        "prompt": "a\n---\nb",
        "system": "s",
        "model": "other",
        "schedule": "exclusive",
        "length": "free",
        "max_new_tokens": 3,
        "warmup": 0,
        "repeats": 2,
        "seed": 1,
        "threads": 2,
        "agreement": True,
        "quantum_ms": 12.5,
        "until_percent": 2.5,
        "limit_s": 30,
    }
    linked = read_link(run(**old), PRESETS, SETTINGS)
    assert linked is not None
    assert linked.form is not None
    request = read_form(linked.form, SETTINGS)
    assert (request.workload.prompts, request.workload.system, request.model, request.baseline) == (("a", "b"), "s", "other", 1)
    measure = Measure(
        schedule="exclusive",
        fixed_length=False,
        max_new_tokens=3,
        warmup=0,
        repeats=2,
        seed=1,
        threads=2,
        agreement=True,
        quantum_s=0.0125,
        until=Until(width=0.025, limit_s=30),
    )
    assert request.measure == measure


def test_only_what_differs_is_written() -> None:
    link = write_link(typed(standing(FIRST), seed=8.0), FIRST, FIRST.model, SETTINGS)
    assert link == "run=" + quote('{"v":1,"preset":"quickstart","seed":8}', safe=":,")


def test_a_model_that_is_the_presets_only_on_some_machines_is_kept() -> None:
    small = standing(FIRST)
    assert "preset=" not in write_link(small, FIRST, "other", SETTINGS)
    assert write_link(replace(small, model="other"), FIRST, "other", SETTINGS) == "preset=quickstart"


def test_a_run_that_does_not_fit_says_so() -> None:
    with pytest.raises(LinkError, match=r"does not fit in a link \(\d+,\d+ characters, at most 6,000\); shorten the prompt"):
        write_link(typed(standing(FIRST), prompt="é" * MAX_CHARACTERS), FIRST, FIRST.model, SETTINGS)


def test_half_a_character_is_no_reason_to_fail() -> None:
    assert write_link(typed(standing(FIRST), prompt="Why \ud800?"), FIRST, FIRST.model, SETTINGS).endswith("Why%20%3F%3F%22%7D")


def run(**fields: Any) -> str:
    return "?run=" + quote(json.dumps({"v": 1, "preset": "quickstart"} | fields))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?preset=nothing", "This link names the preset 'nothing', which is not here (allowed: quickstart, precision"),
        ("?run=", "This link is damaged: what follows run= is not JSON"),
        ("?run=%7B", "is not JSON"),
        ("?run=" + "[" * 5000, "is not JSON"),
        ("?run=" + "9" * 5000, "is not JSON"),
        ("?run=%FF%00", "is not JSON"),
        ("?run=[1]", "is not a run"),
        ("?run=" + "x" * 7000, "This link is too long (7,000 characters, at most 6,000)"),
        ("?" + "a=1&" * 60, "has too many parts"),
        (run(v=2), "This link is of version 2, and this page reads version 1"),
        ("?run=%7B%7D", "This link is of version null"),
        (run(colour="red"), "This link is damaged: colour: there is no such field"),
        (run(lanes="bf16"), "This link is damaged: lanes: input should be a valid list"),
        (run(lanes=[]), "lanes: must be at least 1 in number"),
        (run(seed="7"), "seed: input should be a valid integer"),
        (run(seed=1e400), "is damaged"),
        (run(baseline=-1), "baseline"),
        (run(preset="gone"), "names the preset 'gone', which is not here"),
        (run(lanes=["int9"]), "This link does not fit this page: Lane 1: unknown precision 'int9'"),
        (run(lanes=["bf16"] * 10), "10 lanes are more than the 9 allowed here"),
        (run(baseline=4), "Baseline: there is no lane of index 4"),
        (run(length="endless"), "This link does not fit this page: Length: 'endless' is not allowed; allowed: fixed, free"),
        (run(model="gone", lanes=["other:bf16"]), "model 'gone' is not known (allowed: smollm2-135m, other)"),
        ("?run=" + quote('{"v":1,"preset":"quickstart","prompt":"\\ud800"}'), "This link is damaged"),
        (run(lanes=["bf16+gone"]), "Lane 1: adapter 'gone' is not known (allowed: faq, random-r1 to random-r1024)"),
        (run(model="gone"), "model 'gone' is not known"),
        (run(max_new_tokens=10**6), "New tokens"),
        (run(schedule="never"), "Schedule"),
    ],
)
def test_a_bad_link_is_one_sentence(query: str, sentence: str) -> None:
    with pytest.raises(LinkError) as error:
        read_link(query, PRESETS, SETTINGS)
    assert sentence in error.value.sentence
    assert "\n" not in error.value.sentence


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "lanes",
    "baseline",
    "prompt",
    "system",
    "model",
    "schedule",
    "length",
    "max_new_tokens",
    "warmup",
    "seed",
    "threads",
    "agreement",
    "quantum_ms",
    "until_percent",
    "limit_s",
    "x",
)


@given(st.text(max_size=80) | st.dictionaries(st.sampled_from(KEYS), anything, max_size=4).map(lambda fields: run(**fields)))
@settings(max_examples=300)
def test_any_link_is_a_run_or_a_sentence(query: str) -> None:
    try:
        linked = read_link(query, PRESETS, SETTINGS)
    except LinkError as error:
        said = error.sentence
    else:
        said = "no run" if linked is None else PRESETS[linked.preset].title
    assert said


def test_no_link_is_no_run() -> None:
    assert read_link("", PRESETS, SETTINGS) is None
    assert read_link("?__theme=dark", PRESETS, SETTINGS) is None
