"""The one line after a run: metric and direction named, nothing claimed that the figures do not carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.report.verdict import lane_verdicts, verdict
from playground.timeline.environment import Environment
from playground.timeline.events import LaneCompared, RunStarted
from playground.timeline.state import RunState
from tests.timelines import Ran, played, request

BF16 = Ran()
NF4 = Ran(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000)
INT8 = Ran(ttft_s=0.136, tpot_s=0.062, memory_bytes=163_000_000)
ONCE = " One repeat each: small differences are not told apart."


def said(lanes: dict[str, Ran] | Sequence[tuple[str, Ran]], **fields: Any) -> str:
    return verdict(played(lanes, **fields))


def test_nothing_is_said_before_the_end() -> None:
    view = RunState(request("bf16"), "id", "")
    assert verdict(view) == ""
    view.apply(RunStarted(("bf16",), Environment()))
    assert verdict(view) == ""


def test_the_fastest_is_compared_with_the_baseline_and_whoever_answers_first_is_named() -> None:
    assert said({"bf16": BF16, "nf4": NF4, "int8": INT8}) == (
        "nf4 writes fastest: 26.8 ms a token (TPOT), 0.687× lane 1’s, with 0.409× its memory; "
        "bf16 answers first (TTFT 55.0 ms; nf4 101 ms)." + ONCE
    )


def test_a_baseline_that_is_fastest_is_told_with_the_next_and_with_the_least_memory() -> None:
    assert said({"bf16": BF16, "int8": INT8}) == (
        "bf16 writes fastest: 39.0 ms a token (TPOT); next is int8 with 62.0 ms, 1.59× lane 1’s; "
        "int8 holds the least memory: 163 MB, 0.606× lane 1’s." + ONCE
    )


def test_the_baseline_is_the_requests() -> None:
    line = said({"bf16": BF16, "nf4": NF4, "int8": INT8}, baseline=2)
    assert "0.432× lane 3’s, with 0.675× its memory" in line


def test_the_same_lane_twice_is_about_as_fast() -> None:
    twins = [("bf16", BF16), ("bf16", Ran(ttft_s=0.059, tpot_s=0.0395))]
    assert said(twins) == "Both lanes write about as fast: 39.0–39.5 ms a token (TPOT)." + ONCE


def test_lanes_with_one_label_are_known_by_their_number() -> None:
    line = said([("bf16", BF16), ("bf16", Ran(tpot_s=0.0295))])
    assert line.startswith("lane 2 (bf16) writes fastest: 29.5 ms a token (TPOT), 0.756× lane 1’s, with the same memory.")


@pytest.mark.parametrize(("tpot_s", "alike"), [(0.0409, True), (0.0411, False), (0.0372, True), (0.0370, False)])
def test_less_than_five_percent_is_not_told_apart(tpot_s: float, alike: bool) -> None:
    assert ("about as fast" in said({"bf16": BF16, "fp16": Ran(tpot_s=tpot_s)})) == alike


@pytest.mark.parametrize(("ttft_s", "named"), [(0.060, False), (0.062, True)])
def test_a_first_token_needs_a_larger_difference(ttft_s: float, named: bool) -> None:
    assert ("bf16 answers first" in said({"bf16": BF16, "fp16": Ran(ttft_s=ttft_s)})) == named


def test_repeats_that_lie_among_each_other_are_not_told_apart() -> None:
    mixed = said({"bf16": Ran(tpot_s=(0.030, 0.040, 0.046)), "fp16": Ran(tpot_s=(0.038, 0.044, 0.050))})
    assert mixed == "3 repeats do not tell the lanes apart: 40.0–44.0 ms a token (TPOT). Medians of 3 repeats."
    near = said({"bf16": Ran(tpot_s=(0.0400, 0.0402, 0.0404, 0.0403)), "fp16": Ran(tpot_s=(0.0402, 0.0401, 0.0402, 0.0404))})
    assert near == "Both lanes write about as fast: 40.2 ms a token (TPOT). Medians of 4 repeats."
    apart = said({"bf16": Ran(tpot_s=(0.039, 0.040, 0.041)), "fp16": Ran(tpot_s=(0.043, 0.044, 0.045))})
    assert apart.startswith("bf16 writes fastest: 40.0 ms a token (TPOT); next is fp16 with 44.0 ms, 1.10× lane 1’s")


def test_several_that_are_fastest_are_named_together() -> None:
    assert said({"bf16": BF16, "nf4": NF4, "fp4": NF4}).startswith(
        "nf4 and fp4 write fastest, about alike: 26.8 ms a token (TPOT), about 0.687× lane 1’s; "
        "bf16 answers first (TTFT 55.0 ms; nf4 101 ms); nf4 holds the least memory: 110 MB, 0.409× lane 1’s."
    )


def test_lanes_alike_in_pace_may_differ_in_the_first_token() -> None:
    line = said({"bf16": BF16, "fp16": Ran(ttft_s=0.056), "fp32": Ran(ttft_s=0.085)})
    assert "All 3 lanes write about as fast: 39.0 ms a token (TPOT); bf16 and fp16 answer first (TTFT 55.0–56.0 ms; fp32 85.0 ms)" in line


def test_beam_search_is_compared_by_its_whole_answer() -> None:
    assert said({"bf16": BF16, "bf16/beam(num_beams=2)": Ran(tpot_s=0.08)}) == (
        "bf16 finishes first: 134 ms for the whole answer (E2E; beam search has no TPOT); "
        "next is bf16/beam(num_beams=2) with 216 ms, 1.61× lane 1’s." + ONCE
    )


def test_answers_of_one_token_are_compared_as_a_whole() -> None:
    line = said({"bf16": Ran(tokens=1), "nf4": Ran(tokens=1, ttft_s=0.1)})
    assert line.startswith("bf16 finishes first: 56.0 ms for the whole answer (E2E; an answer of one token has no TPOT)")


def test_batches_are_told_per_row_and_in_total() -> None:
    line = said({"bf16": BF16, "bf16@8": Ran(tpot_s=0.06)})
    assert "bf16 writes fastest: 39.0 ms a token of each row (TPOT); next is bf16@8 with 60.0 ms, 1.54× lane 1’s" in line
    assert "bf16@8 writes the most in all rows together: 133 tok/s (decode throughput), 5.20× lane 1’s" in line


def test_batches_beside_beams_are_told_by_output_throughput() -> None:
    line = said({"bf16@4": BF16, "bf16/beam(num_beams=2)": BF16})
    assert "bf16@4 writes the most in all rows together: 89.6 tok/s (output throughput)" in line


def test_answers_of_different_length_are_said_to_be() -> None:
    assert "Answers are 31–64 tokens long." in said({"bf16": Ran(tokens=31), "nf4": Ran(tokens=64)})
    beams = said({"bf16": Ran(tokens=31), "bf16/beam(num_beams=2)": Ran(tokens=64)})
    assert "Answers are 31–64 tokens long, so their E2E is of different amounts of text." in beams


@pytest.mark.parametrize(
    ("lane", "line"),
    [
        (
            "bf16",
            "bf16 takes 55.0 ms to its first token (TTFT), then 39.0 ms a token (TPOT) and 134 ms for the whole answer (E2E), "
            "holding 269 MB.",
        ),
        (
            "bf16@4",
            "bf16@4 takes 55.0 ms to its first token (TTFT), then 39.0 ms a token of each row (TPOT), 103 tok/s of all 4 rows together "
            "and 134 ms for the whole answer (E2E), holding 269 MB.",
        ),
        (
            "bf16/beam(num_beams=2)",
            "bf16/beam(num_beams=2) takes 134 ms for the whole answer (E2E; beam search has no TPOT), holding 269 MB.",
        ),
    ],
)
def test_one_lane_is_told_by_itself(lane: str, line: str) -> None:
    assert said({lane: BF16}) == f"{line} One repeat."


def test_failed_lanes_are_named_and_not_ranked() -> None:
    line = said({"bf16": BF16, "nf4": NF4, "int8": Ran(tpot_s=0.001, error="no")})
    assert line.startswith("nf4 writes fastest")
    assert "int8 failed." in line
    pair = said({"bf16": BF16, "fp16": BF16, "int8": Ran(tokens=0, error="no")})
    assert pair.startswith("bf16 and fp16 write about as fast")


def test_without_a_baseline_nothing_is_compared_with_it() -> None:
    assert said({"bf16": Ran(tokens=0, error="no"), "nf4": NF4, "int8": INT8}) == (
        "nf4 writes fastest: 26.8 ms a token (TPOT). bf16 failed, so there is no baseline to compare with." + ONCE
    )


def test_when_all_failed_there_is_nothing_to_say_but_that() -> None:
    assert said({"bf16": Ran(tokens=0, error="no"), "nf4": Ran(tokens=0, error="no")}) == "Nothing was measured. bf16 and nf4 failed."


def test_a_stopped_run_is_told_by_what_it_has_and_says_so() -> None:
    cut = Ran(finish="cancelled")
    assert said({"bf16": cut, "nf4": NF4}, status="cancelled").endswith("Stopped before the end." + ONCE)
    assert "E2E" not in said({"bf16": cut}, status="cancelled")
    assert said({"bf16/beam(num_beams=2)": cut}, status="cancelled") == "Stopped before there was anything to compare."
    assert said({"bf16": Ran(tokens=0)}, status="cancelled") == "Stopped before there was anything to compare."


def test_a_lane_that_timed_out_is_named() -> None:
    assert "bf16 timed out." in said({"bf16": Ran(finish="timeout"), "nf4": NF4})


runs = st.builds(
    Ran,
    ttft_s=st.floats(0.001, 10),
    tpot_s=st.lists(st.floats(0.001, 1), min_size=1, max_size=3).map(tuple),
    tokens=st.integers(0, 3),
    memory_bytes=st.integers(0, 10**12),
    finish=st.sampled_from(("length", "cancelled", "timeout")),
    error=st.none() | st.just("no"),
)
texts = st.sampled_from(("bf16", "nf4", "int8@4", "bf16/beam(num_beams=2)"))


@given(st.lists(st.tuples(texts, runs), min_size=1, max_size=5), st.sampled_from(("done", "cancelled")), st.data())
def test_any_run_has_one_line(pairs: list[tuple[str, Ran]], status: Any, data: st.DataObject) -> None:
    line = said(pairs, status=status, baseline=data.draw(st.integers(0, len(pairs) - 1)))
    assert line.endswith(".")
    assert "\n" not in line
    assert "–×" not in line
    assert "significan" not in line


@given(st.lists(st.tuples(texts, runs), min_size=2, max_size=4))
def test_a_lane_is_never_told_apart_from_its_twin(pairs: list[tuple[str, Ran]]) -> None:
    line = said([pairs[0]] * len(pairs))
    assert "fastest" not in line
    assert "first (" not in line


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((1.0, None, None), ""),
        ((1.0, 0.934, None), "; int8 agrees with lane 1 on 93 % of tokens."),
        ((1.0, 0.934, 0.86), "; int8 and nf4 agree with lane 1 on 86–93 % of tokens, nf4 least."),
        ((1.0, 1.0, 1.0), "; int8 and nf4 agree with lane 1 on 100 % of tokens."),
    ],
)
def test_agreement_is_said_where_it_was_measured(shares: tuple[float | None, ...], said: str) -> None:
    view = played({"bf16": Ran(), "int8": Ran(), "nf4": Ran()}, measure={"agreement": True})
    before = verdict(view)
    for lane, top1 in enumerate(shares):
        if top1 is not None:
            view.apply(LaneCompared(lane, top1, 50))
    assert said in verdict(view)
    assert ("agree" in verdict(view)) == bool(said)
    assert verdict(view).replace(said.removesuffix("."), "") == before


def test_intervals_tell_lanes_apart_when_there_are_several_repeats() -> None:
    line = said({"bf16": Ran(tpot_s=(0.039, 0.040, 0.041)), "nf4": Ran(tpot_s=(0.0380, 0.0390, 0.0399))})
    assert line.startswith("nf4 writes fastest: 39.0 ms a token (TPOT), 0.974× lane 1’s (95 %: 0.97"), "three percent can be shown"
    three = said({"bf16": Ran(tpot_s=(0.04, 0.05, 0.045)), "nf4": Ran(tpot_s=(0.05, 0.04, 0.044)), "int8": Ran(tpot_s=(0.1, 0.1, 0.1))})
    assert three.startswith("nf4 and bf16 write fastest, not told apart by 3 repeats: 44.0–45.0 ms")


def test_every_lane_has_a_line_of_its_own() -> None:
    view = played({"bf16": Ran(), "nf4": NF4, "int8": Ran(error="out of memory")})
    assert lane_verdicts(view) == ["nf4: 1.46× faster than bf16 in one repeat, which shows no interval"]
    assert lane_verdicts(RunState(request("bf16", "nf4"), "id", "")) == []


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ({"most": 3}, "these are the most repeats it may have"),
        ({"limit_s": 60}, "its time limit of 60.0 s ended it"),
    ],
)
def test_a_run_that_ended_unsure_says_so(until: dict[str, int], why: str) -> None:
    shaky = {"bf16": Ran(tpot_s=(0.04, 0.05, 0.045)), "nf4": Ran(tpot_s=(0.05, 0.04, 0.044))}
    line = said(shaky, measure={"repeats": 3, "until": until})
    assert line.endswith(f" Not sure yet: the interval of nf4 is not narrower than 5 %, and {why}.")
    assert "Not sure" not in said(shaky, status="cancelled", measure={"repeats": 3, "until": until})
    assert "Not sure" not in said(shaky, measure={"repeats": 3})


def test_one_cold_repeat_is_said_to_be_cold() -> None:
    view = played({"bf16": BF16})
    view.lanes[0].repeats[0] = replace(view.lanes[0].repeats[0], cold=True)
    assert verdict(view).endswith("One repeat, cold (the first after loading).")
