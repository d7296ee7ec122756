"""Lane text and run requests: what is read is what is written, and every mistake is one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playground.errors import InputError
from playground.spec.decoding import TopP
from playground.spec.lane import Lane
from playground.spec.measure import Measure
from playground.spec.names import EMBEDDED_MODEL
from playground.spec.request import RunRequest
from tests import strategies

EXAMPLES = [
    "nf4",
    "nf4[double_quant=true,compute=fp32]",
    "bf16[device=cuda:1]",
    "bf16+faq.merged",
    "nf4+faq|none@2",
    "bf16+random-r16",
    "bf16/beam(num_beams=4)",
    "int8/top_p(p=0.9,temperature=0.7)@8",
    "smollm2-1.7b:bf16[attention=eager]+faq/min_p(p=0.05,seed=3)@32",
]


@given(strategies.lanes)
@settings(max_examples=300)
def test_a_lane_reads_back_from_its_text(lane: Lane) -> None:
    assert Lane.parse(str(lane)) == lane


@given(strategies.lanes)
def test_a_lane_reads_back_from_its_json(lane: Lane) -> None:
    assert Lane.model_validate_json(lane.model_dump_json()) == lane


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_canonical(text: str) -> None:
    assert str(Lane.parse(text)) == text


@pytest.mark.parametrize(
    ("loose", "canonical"),
    [
        (" nf4 [ double_quant = yes ] ", "nf4[double_quant=true]"),
        ("bf16/greedy@1", "bf16"),
        ("bf16[]", "bf16"),
        ("bf16/greedy()", "bf16"),
        ("bf16/top_p", "bf16/top_p(p=0.9)"),
        ("bf16/top_p(temperature=1.0,p=.9)", "bf16/top_p(p=0.9)"),
        ("int8[threshold=6]", "int8[threshold=6.0]"),
    ],
)
def test_loose_text_becomes_canonical(loose: str, canonical: str) -> None:
    assert str(Lane.parse(loose)) == canonical


lane_like = st.text(alphabet=st.sampled_from("bf16nt48/@:+[]()=,._-x ptopkgreedymnsu"), max_size=40)


def lane_or_sentence(text: str) -> Lane | str:
    """Any exception but InputError is a failure of the test."""
    try:
        return Lane.parse(text)
    except InputError as error:
        return str(error)


@given(st.one_of(st.text(max_size=60), lane_like))
@settings(max_examples=400)
@example("bf16@٣")
@example("bf16@1_0")
@example("bf16/top_k(k=1e3)")
@example("bf16/top_p(p=nan)")
@example("bf16/top_p(p=inf)")
@example("bf16@" + "9" * 5000)
@example(":bf16")
@example("bf16+")
@example("bf16+.merged")
@example("bf16/")
@example("\x00")
@example("\ud800")
def test_any_text_is_a_lane_or_one_sentence(text: str) -> None:
    read = lane_or_sentence(text)
    if isinstance(read, Lane):
        assert Lane.parse(str(read)) == read
    else:
        assert "\n" not in read


@given(strategies.lanes, st.data())
def test_a_lane_with_a_spoilt_character_is_a_lane_or_a_sentence(lane: Lane, data: st.DataObject) -> None:
    text = str(lane)
    place = data.draw(st.integers(0, len(text) - 1))
    spoilt = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    read = lane_or_sentence(spoilt)
    assert isinstance(read, Lane) or "\n" not in read


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lane '': unknown precision '' (allowed: fp32, bf16, fp16, int8, nf4, fp4)"),
        ("bf17", "lane 'bf17': unknown precision 'bf17' (allowed: fp32, bf16, fp16, int8, nf4, fp4)"),
        ("bf16[", "lane 'bf16[': not understood; a lane is written like int8, nf4[double_quant=true], bf16+adapter/top_p(p=0.9)@8"),
        ("bf16/best", "lane 'bf16/best': unknown decoding 'best' (allowed: greedy, top_k, top_p, min_p, beam)"),
        (
            "bf16[bits=4]",
            "lane 'bf16[bits=4]': unknown option 'bits' in bf16[…] (allowed: threshold, double_quant, compute, attention, device)",
        ),
        ("bf16/top_p(k=1)", "lane 'bf16/top_p(k=1)': unknown option 'k' in top_p(…) (allowed: p, temperature, seed)"),
        ("bf16/greedy(k=1)", "lane 'bf16/greedy(k=1)': unknown option 'k' in greedy(…) (allowed: none)"),
        ("bf16/top_p(p=)", "lane 'bf16/top_p(p=)': option 'p' has no value; write p=…"),
        ("bf16/top_p(p=1,p=1)", "lane 'bf16/top_p(p=1,p=1)': option 'p' is given twice"),
        ("bf16/top_p(p=2)", "lane 'bf16/top_p(p=2)': p: input should be less than or equal to 1, not '2'"),
        ("bf16@0", "lane 'bf16@0': batch: input should be greater than or equal to 1, not '0'"),
        ("bf16@33", "lane 'bf16@33': batch: input should be less than or equal to 32, not '33'"),
        ("bf16[threshold=6]", "lane 'bf16[threshold=6]': threshold is an option of int8, not of bf16"),
        ("int8[compute=bf16]", "lane 'int8[compute=bf16]': compute is an option of nf4 and fp4, not of int8"),
        ("bf16[device=tpu]", "lane 'bf16[device=tpu]': 'tpu' is not a device (allowed: cpu, cuda:0, cuda:1, …)"),
        ("BIG:bf16", "lane 'BIG:bf16': model: 'BIG' is not a name (allowed: a-z 0-9 . _ -, not ending in .merged)"),
    ],
)
def test_mistakes_in_a_lane_are_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        Lane.parse(text)
    assert str(caught.value) == sentence


def request(**fields: Any) -> RunRequest:
    return RunRequest.build(**{"lanes": ("bf16",), "prompts": ("Why?",), "models": {EMBEDDED_MODEL: EMBEDDED_MODEL}} | fields)


def test_a_request_takes_lanes_as_text_or_as_values() -> None:
    lane = Lane.parse("bf16/top_p(p=0.5)@2")
    assert request(lanes=[str(lane)]).lanes == request(lanes=[lane]).lanes == (lane,)
    assert isinstance(lane.decoding, TopP)


@given(st.lists(strategies.lanes, min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_request_reads_back_from_its_json(lanes: list[Lane]) -> None:
    models = {lane.variant.model or EMBEDDED_MODEL: "x" for lane in lanes}
    adapters = {name: "y" for lane in lanes for name in lane.variant.adapters if name}
    made = request(lanes=lanes, models=models | {EMBEDDED_MODEL: EMBEDDED_MODEL}, adapters=adapters, measure=Measure(repeats=3))
    assert RunRequest.model_validate_json(made.model_dump_json()) == made


def test_prompts_are_cycled_to_fill_the_rows() -> None:
    made = request(lanes=["bf16@5"], prompts=["a", "b"])
    assert made.rows(made.lanes[0]) == ("a", "b", "a", "b", "a")


def test_a_smaller_batch_is_asked_the_first_prompts() -> None:
    made = request(lanes=["bf16@2", "bf16"], prompts=["a", "b"])
    assert made.rows(made.lanes[1]) == ("a",)


def test_adapters_are_cycled_over_the_rows() -> None:
    lane = Lane.parse("bf16+faq|none|other@5")
    assert lane.adapters == ("faq", None, "other", "faq", None)
    assert Lane.parse("bf16@2").adapters == (None, None)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"lanes": []}, "run: lanes: must be at least 1 in number, not 0"),
        ({"lanes": ["bf16", "oops"]}, "run: lane 'oops': unknown precision 'oops' (allowed: fp32, bf16, fp16, int8, nf4, fp4)"),
        ({"prompts": ["x"] * 33}, "run: prompts: must be at most 32 in number, not 33"),
        ({"prompts": ["  "]}, "run: prompts: prompt 1 is empty; give at least one word"),
        (
            {"prompts": ["a", "b"]},
            "run: lane 'bf16': 2 prompts do not fit in batch 1; allowed: at most as many prompts as the largest batch has rows",
        ),
        ({"lanes": ["big:bf16"]}, "run: lane 'big:bf16': model 'big' is not known (allowed: smollm2-135m)"),
        ({"lanes": ["bf16+faq"]}, "run: lane 'bf16+faq': adapter 'faq' is not known (allowed: random-r1 to random-r1024)"),
        (
            {"lanes": ["bf16+random-r1025"]},
            "run: lane 'bf16+random-r1025': adapter 'random-r1025' is not known (allowed: random-r1 to random-r1024)",
        ),
        (
            {"adapters": {"none": "f"}},
            "run: adapters.none.[key]: 'none' is not free for an adapter of one's own: none and random-r16, random-r64, … have a meaning",
        ),
        ({"measure": {"max_new_tokens": 0}}, "run: measure.max_new_tokens: input should be greater than or equal to 1, not '0'"),
        ({"measure": {"max_new_tokens": 5000}}, "run: measure.max_new_tokens: input should be less than or equal to 4096, not '5000'"),
        ({"measure": {"schedule": "x"}}, "run: measure.schedule: input should be 'exclusive', 'interleaved' or 'contended', not 'x'"),
        ({"measure": {"speed": 1}}, "run: measure.speed: there is no such field"),
        ({"baseline": 1}, "run: baseline: there is no lane of index 1 (allowed: 0 to 0)"),
        ({"baseline": -1}, "run: baseline: input should be greater than or equal to 0, not '-1'"),
        ({"colour": "red"}, "run: colour: there is no such field"),
    ],
)
def test_mistakes_in_a_request_are_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        request(**fields)
    assert str(caught.value) == sentence
