"""Lane text and the fields of its row say the same, and what is done with the rows keeps the lanes and their baseline."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from playground.errors import InputError
from playground.spec.decoding import DECODINGS, Decoding
from playground.spec.lane import Lane
from playground.spec.values import Option
from playground.spec.weights import SCHEMES, Weights
from playground.ui.lane_editor.choices import Here, offers, row_state, row_states
from playground.ui.lane_editor.lane_fields import Lanes, canonical, changed, field_names, fields_of, split_lanes, text_of
from playground.ui.lane_editor.option_fields import Choice, OptionField, OptionGroup, absent, option_groups, set_options
from tests import strategies

HERE = Here(models=("small", "large"), adapters=("faq",), devices=("cpu",), prompts=1)


@given(strategies.lanes)
@settings(max_examples=300)
def test_fields_say_what_the_text_says(lane: Lane) -> None:
    assert Lane.parse(text_of(fields_of(lane))) == lane


@given(strategies.lanes, st.sampled_from(list(SCHEMES)), st.sampled_from(sorted(DECODINGS)))
def test_another_precision_or_decoding_makes_another_lane(lane: Lane, precision: str, decoding: str) -> None:
    fields = changed(changed(fields_of(lane), "precision", precision), "decoding", decoding)
    after = Lane.parse(text_of(fields))
    assert (after.variant.weights.scheme, after.decoding.strategy) == (precision, decoding)
    assert (after.variant.model, after.variant.runtime.device, after.batch) == (lane.variant.model, lane.variant.runtime.device, lane.batch)


def test_another_decoding_begins_with_its_own_main_parameter_and_keeps_the_temperature() -> None:
    fields = fields_of(Lane.parse("bf16/top_p(p=0.9,temperature=0.7)"))
    assert canonical(text_of(changed(fields, "decoding", "min_p"))) == "bf16/min_p(p=0.05,temperature=0.7)"


def test_a_bad_value_stays_in_the_text_for_whoever_reads_it() -> None:
    text = text_of(changed(fields_of(Lane.parse("bf16/top_k(k=5)")), "k", "lots"))
    assert canonical(text) == text
    assert "k=lots" in text


@pytest.mark.parametrize(
    ("text", "lanes"),
    [
        ("bf16", ("bf16",)),
        ("bf16 int8", ("bf16", "int8")),
        ("bf16+faq nf4", ("bf16+faq", "nf4")),
        ("bf16; int8;\nnf4", ("bf16", "int8", "nf4")),
        (" nf4 [ double_quant = yes ] ", ("nf4 [ double_quant = yes ]",)),
        ("nf4 [ double_quant = yes ]; bf16", ("nf4 [ double_quant = yes ]", "bf16")),
        ("bf16 int9", ("bf16 int9",)),
        ("", ("",)),
        (" ; ", (" ; ",)),
    ],
)
def test_several_lanes_in_one_text_are_parted(text: str, lanes: tuple[str, ...]) -> None:
    assert split_lanes(text) == lanes


@given(st.lists(strategies.lanes, min_size=1, max_size=9), st.sampled_from([" ", ";", "\n", " ; "]))
@settings(max_examples=50)
def test_lanes_that_are_joined_are_parted_again(lanes: list[Lane], by: str) -> None:
    texts = tuple(map(str, lanes))
    assert split_lanes(by.join(texts)) == texts


rows = st.integers(1, 9).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1), st.integers(0, count - 1)))


def made(count: int, baseline: int) -> Lanes:
    return Lanes(tuple(f"lane {index}" for index in range(count)), baseline)


@given(rows, st.sampled_from([-1, 1]))
def test_the_baseline_moves_with_its_lane(given_rows: tuple[int, int, int], by: int) -> None:
    count, baseline, index = given_rows
    lanes = made(count, baseline)
    moved = lanes.moved(index, by)
    assert sorted(moved.texts) == sorted(lanes.texts)
    assert moved.texts[moved.baseline] == lanes.texts[baseline]


@given(rows)
def test_a_double_stands_below_its_lane(given_rows: tuple[int, int, int]) -> None:
    count, baseline, index = given_rows
    doubled = made(count, baseline).doubled(index)
    assert doubled.texts[index] == doubled.texts[index + 1] == f"lane {index}"
    assert doubled.texts[doubled.baseline] == f"lane {baseline}"


@given(rows)
def test_without_its_baseline_the_first_lane_is_compared_with(given_rows: tuple[int, int, int]) -> None:
    count, baseline, index = given_rows
    lanes = made(count, baseline)
    removed = lanes.removed(index)
    if count == 1:
        assert removed == lanes
    else:
        assert len(removed.texts) == count - 1
        assert removed.texts[removed.baseline] == (removed.texts[0] if index == baseline else lanes.texts[baseline])


def test_lanes_fill_the_rows_below() -> None:
    assert Lanes(("a", "b", "c"), 2).filled(1, ("x", "y", "z")) == Lanes(("a", "x", "y", "z"), 2)
    assert Lanes(("a", "b", "c")).filled(0, ("x", "y")) == Lanes(("x", "y", "c"))


def test_what_is_added_is_not_there_yet() -> None:
    lanes = Lanes(("bf16",))
    for _ in range(8):
        lanes = lanes.added()
    assert len(set(lanes.texts)) == 9
    assert all(canonical(text) == text for text in lanes.texts)


def editable(lane: Lane) -> dict[str, list[str]]:
    """What can be edited of a lane, and between which values; of what is typed, none."""
    state = json.loads(row_state(str(lane), HERE, 0, 1, 0, 8))
    fields = [*state["main"], *(field for group in state["groups"] for field in group["fields"])]
    return {field["name"]: [value for value, _, _ in field["choices"]] for field in fields}


@given(strategies.lanes)
@settings(max_examples=200)
def test_what_a_lane_has_can_be_edited_and_its_value_is_offered(lane: Lane) -> None:
    offered = editable(lane)
    for name, value in fields_of(lane).items():
        if value:
            assert not offered[name] or value in offered[name], name


@given(strategies.lanes)
def test_every_field_is_edited_or_said_to_be_another_ones(lane: Lane) -> None:
    sentences = " ".join(absent(fields_of(lane)))
    for name in set(field_names()) - set(editable(lane)):
        assert re.search(rf"\b{name}\b", sentences), name


@pytest.mark.parametrize("option", ["threshold", "double_quant", "compute"])
@pytest.mark.parametrize("precision", SCHEMES)
def test_an_option_is_offered_exactly_where_the_lane_takes_it(option: str, precision: str) -> None:
    value: dict[str, Any] = {"threshold": 6.0, "double_quant": True, "compute": "bf16"}
    try:
        Lane.parse(f"{precision}[{option}={value[option]}]")
    except InputError:
        assert option not in editable(Lane.parse(precision))
        assert any(f"not of {precision}" in one for one in absent(fields_of(Lane.parse(precision))) if option in one)
    else:
        assert option in editable(Lane.parse(precision))


def test_an_option_says_what_it_may_be_and_what_it_is_when_nobody_says() -> None:
    weights, runtime, decoding = option_groups(fields_of(Lane.parse("int8/top_p")), [Choice("", "default"), Choice("cpu", "cpu")])
    (threshold,) = weights.fields
    assert (threshold.choices, threshold.hint, threshold.limits) == ((), "6.0", "0 to 1,000")
    assert [(one.name, [choice.label for choice in one.choices]) for one in runtime.fields] == [
        ("attention", ["default: sdpa", "sdpa", "eager"]),
        ("device", ["default", "cpu"]),
    ]
    assert [(one.name, one.hint, one.limits) for one in decoding.fields] == [
        ("p", "0.9", "above 0, at most 1"),
        ("temperature", "1.0", "above 0, at most 10"),
        ("seed", "the run’s", "0 to 4,294,967,295"),
    ]


def test_a_new_option_scheme_and_decoding_are_there_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ternary(Weights):
        scheme = "ternary"
        group: Annotated[Annotated[int, Field(ge=32, le=256)] | None, Option(128)] = None
        """How many weights share a scale."""

    class Lookahead(Decoding):
        strategy = "lookahead"
        main = ("window",)
        max_rows = 1
        window: Annotated[int, Field(ge=1, le=8)] = 3
        exact: bool = True

        def generate_arguments(self) -> dict[str, Any]:
            return {}

    monkeypatch.setitem(SCHEMES, "ternary", Ternary)
    monkeypatch.setitem(DECODINGS, "lookahead", Lookahead)
    fields = fields_of(Lane.parse("ternary[group=64]/lookahead"))
    weights, _, decoding = option_groups(fields, [Choice("", "default")])
    assert weights == OptionGroup(
        "Weights, ternary", [OptionField("group", "group", (), "128", "32 to 256", "How many weights share a scale.")]
    )
    assert [(one.name, [choice.label for choice in one.choices]) for one in decoding.fields] == [
        ("window", []),
        ("exact", ["default: yes", "yes", "no"]),
    ]
    assert set_options(fields) == "group 64, window 3"
    assert canonical(text_of(changed(fields, "window", "5"))) == "ternary[group=64]/lookahead(window=5)"
    assert reasons("bf16/lookahead", "batch", HERE)["2"] == "lookahead decodes at most 1"
    assert "group is an option of ternary, not of bf16" in absent(fields_of(Lane.parse("bf16")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bf16", ""),
        ("nf4[double_quant=true,attention=eager]/top_k(k=5,seed=3)", "double quant yes, attention eager, k 5, seed 3"),
        ("bf16/beam", "num beams 4"),
        ("bf16/top_p(p=0.9,temperature=1.0)", "p 0.9"),
    ],
)
def test_the_options_that_are_set_stand_on_their_button(text: str, words: str) -> None:
    assert set_options(fields_of(Lane.parse(text))) == words


def reasons(text: str, name: str, here: Here) -> dict[str, str]:
    return {choice.value: choice.reason for choice in offers(name, fields_of(Lane.parse(text)), here) if choice.reason}


@pytest.mark.parametrize(
    ("text", "name", "here", "value", "reason"),
    [
        ("bf16", "adapter", Here(("m",), ()), "?", "this page offers no adapters"),
        ("bf16", "adapter", HERE, "faq|none", "needs a batch of 2 rows or more"),
        ("bf16+faq|random-r4@2", "adapter", HERE, "faq|random-r4.merged", "one adapter can be merged, not several"),
        ("bf16+other", "adapter", HERE, "other", "not known here"),
        ("bf16+faq|other@2", "adapter", HERE, "faq|other", "not known here"),
        ("bf16+other.merged", "adapter", HERE, "other.merged", "not known here"),
        ("other:bf16", "model", HERE, "other", "not known here"),
        ("bf16", "batch", Here((), (), prompts=3), "2", "fewer than the 3 prompts, and no other lane asks them all"),
        ("bf16+a|b|c@3", "batch", HERE, "2", "fewer rows than the 3 adapters"),
    ],
)
def test_what_cannot_be_chosen_says_why(text: str, name: str, here: Here, value: str, reason: str) -> None:
    assert reasons(text, name, here)[value] == reason


@pytest.mark.parametrize(
    ("text", "devices", "reasons"),
    [
        ("bf16", ("cpu",), {"cuda:0": "not on this machine"}),
        ("bf16", None, {"cuda:0": "not known yet"}),
        ("bf16[device=cuda:3]", ("cpu", "cuda:0"), {"cuda:3": "not on this machine"}),
        ("bf16", ("cpu", "cuda:0"), {}),
    ],
)
def test_a_device_that_is_not_there_says_so(text: str, devices: tuple[str, ...] | None, reasons: dict[str, str]) -> None:
    state = json.loads(row_state(text, Here((), (), devices), 0, 1, 0, 8))
    device = next(field for group in state["groups"] for field in group["fields"] if field["name"] == "device")
    assert {value: reason for value, _, reason in device["choices"] if reason} == reasons


def test_what_can_be_chosen_has_no_reason() -> None:
    assert reasons("bf16@2", "batch", Here((), (), prompts=1)) == {}
    assert reasons("bf16", "batch", Here((), (), prompts=3, rows_elsewhere=4)) == {}
    assert reasons("bf16+faq.merged@2", "adapter", HERE) == {}


def test_ranks_and_adapters_by_row_that_were_typed_are_kept() -> None:
    for typed in ("random-r64", "random-r64.merged", "none|faq", "faq|random-r2"):
        choices = offers("adapter", fields_of(Lane.parse(f"bf16+{typed}@2")), HERE)
        assert [choice.reason for choice in choices if choice.value == typed] == [""]


def test_a_batch_may_be_smaller_than_the_prompts_when_another_lane_asks_them_all() -> None:
    states = row_states(Lanes(("bf16@3", "bf16", "int9")), Here((), (), prompts=3), 9)
    batches = [next(slot for slot in json.loads(states[index])["main"] if slot["name"] == "batch") for index in (0, 1)]
    assert [[value for value, _, reason in one["choices"] if reason] for one in batches] == [["1", "2"], []]


@given(st.text(max_size=40))
def test_a_rows_state_is_never_markup(text: str) -> None:
    assert "<" not in row_state(text + "<img>", HERE, 0, 1, 0, 8)


def test_a_text_that_is_no_lane_has_no_fields() -> None:
    assert json.loads(row_state("int9", HERE, 1, 2, 0, 8))["fields"] is None
