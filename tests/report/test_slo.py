"""Lanes against a target: figures that can be worked out on paper, and what holds for every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from playground.analysis.slo import TARGETS, Attainment, Target, attainments, read_target, timing
from playground.report.slo import cells, headings, notes
from playground.timeline.events import RepeatFinished, RepeatStarted, RunFinished, StepsTaken
from playground.timeline.state import RunState
from playground.timeline.trace import Trace
from tests.timelines import Ran, played, request, trace

OWN = Target.own(ttft_s=0.05, tpot_s=0.04, e2e_s=0.14)


def seen(*traces: Trace, label: str = "", **measure: Any) -> RunState:
    """A run of one lane that left these traces."""
    rows = len(traces[0].output_ids) if traces else 1
    view = RunState(request(label or f"bf16@{rows}", measure={"schedule": "exclusive", "warmup": 0} | measure), "id", "")
    for number, one in enumerate(traces):
        view.apply(RepeatStarted(0, number, one.warmup, one.prompt_tokens, one.tokenize_s, one.cold, one.alone))
        view.apply(StepsTaken(0, number, one.steps, ()))
        view.apply(RepeatFinished(0, number, one.end_s, one.end_wall_s, one.output_ids, one.finish, one.texts))
    view.apply(RunFinished("done"))
    return view


def attained(view: RunState, target: Target) -> Attainment:
    """By the first lane."""
    return attainments(view, target)[0]


def test_repeats_answers_tokens_and_goodput_by_hand() -> None:
    """Three repeats of three tokens: TTFT 50 ms, TPOT 30, 40 and 50 ms, each over 1 ms after its last token."""
    found = attained(played({"bf16": Ran(0.05, (0.03, 0.04, 0.05))}, measure={"schedule": "exclusive", "repeats": 3}), OWN)
    assert [(one.limit.title, one.figure_ms, one.limit_ms, one.met, one.repeats_met, one.repeats) for one in found.limits] == [
        ("TTFT", 50, 50, True, 3, 3),
        ("TPOT", 40, 40, True, 2, 3),
        ("E2E", 131, 140, True, 2, 3),
    ]
    assert found.met is True
    assert (found.tokens_met, found.tokens) == (3 + 4, 9)
    assert (found.answers_met, found.answers) == (2, 3)
    assert found.goodput_rps == pytest.approx(2 / (0.111 + 0.131 + 0.151))


def test_a_lane_fails_by_its_median_though_a_repeat_passes() -> None:
    view = played({"bf16": Ran(0.05, (0.03, 0.0401, 0.05))}, measure={"schedule": "exclusive", "repeats": 3})
    found = attained(view, Target.own(tpot_s=0.04))
    assert (found.met, found.limits[0].repeats_met) == (False, 1)
    assert found.answers_share == pytest.approx(1 / 3)


def test_a_target_judges_only_what_it_speaks_of() -> None:
    view = played({"bf16": Ran(0.25, 0.03, tokens=5)})
    chat, documents, later = (attained(view, target) for target in (read_target("chat"), read_target("documents"), Target.own(tpot_s=0.03)))
    assert (chat.tokens_met, chat.tokens) == (0, 1), "first tokens alone"
    assert (later.tokens_met, later.tokens) == (4, 4), "those after the first"
    assert (documents.tokens_met, documents.tokens_share, documents.met) == (None, None, True), "of no token does it say when"


def test_of_a_span_the_far_end_is_the_limit() -> None:
    view = played([("bf16", Ran(0.5, 0.75, tokens=2)), ("nf4", Ran(0.5, 1.5, tokens=2))])
    assert [one.met for one in attainments(view, read_target("documents"))] == [True, False]


def test_rows_of_a_batch_are_answers_of_their_own() -> None:
    """Steps at 0.1, 0.2 and 0.4 s; the second row ends after two tokens: its one gap is in time."""
    view = seen(trace([0.1, 0.2, 0.4], rows=(3, 2)))
    found = attained(view, Target.own(ttft_s=0.1, tpot_s=0.1))
    assert (found.tokens_met, found.tokens) == (2 + 1 + 1, 5)
    assert (found.answers_met, found.answers) == (1, 2)
    assert found.limits[1].figure_ms == 125, "the batch's TPOT is the median over its rows"
    assert found.goodput_rps == pytest.approx(1 / 0.65)


def test_an_answer_without_a_figure_is_unknown_unless_it_missed_another_limit() -> None:
    view = seen(trace([0.1, 0.2], rows=(2, 1)))
    known, unknown = attained(view, Target.own(ttft_s=0.05, tpot_s=0.2)), attained(view, Target.own(ttft_s=0.1, tpot_s=0.2))
    assert (known.answers_met, known.goodput_rps, known.met) == (0, 0.0, False)
    assert (unknown.answers_met, unknown.answers_share, unknown.goodput_rps) == (None, None, None)


def test_beam_search_is_certain_of_no_token() -> None:
    beam = seen(trace([0.1, 0.2]), label="bf16/beam(num_beams=2)")
    both, first = attained(beam, Target.own(ttft_s=1, tpot_s=1)), attained(beam, Target.own(ttft_s=0.4))
    assert (both.met, both.tokens_share, both.answers_share, both.goodput_rps) == (None, None, None, None)
    assert (first.limits[0].figure_ms, first.met, first.answers_met) == (450, False, 0), "its first token is seen at the end"


def test_what_was_cut_short_was_not_answered() -> None:
    found = attained(seen(trace([0.1, 0.2], finish=("cancelled",))), Target.own(ttft_s=0.1, e2e_s=9))
    assert [(one.figure_ms, one.met) for one in found.limits] == [(100, True), (None, None)]
    assert (found.met, found.answers_met, found.goodput_rps) == (None, None, None)
    assert attained(seen(trace([0.1, 0.2], finish=("timeout",))), Target.own(ttft_s=0.09)).answers_met == 0


@pytest.mark.parametrize(("schedule", "known"), [("exclusive", True), ("contended", True), ("interleaved", False)])
def test_goodput_needs_a_wall_of_its_own(schedule: str, known: bool) -> None:
    view = seen(trace([0.1, 0.2]), schedule=schedule)
    assert (attained(view, Target.own(ttft_s=1)).goodput_rps is not None) == known
    assert any("Goodput is undefined" in note for note in notes(view.request, OWN)) != known


def test_only_repeats_that_count_are_judged() -> None:
    view = seen(trace([9.0], warmup=True, cold=True), trace([9.0], alone=True), trace([0.1]), schedule="contended")
    assert attained(view, Target.own(ttft_s=0.1)).answers == 1


def test_before_anything_counts_nothing_is_known() -> None:
    found = attained(seen(), OWN)
    assert (found.met, found.tokens_share, found.answers_share, found.goodput_rps) == (None, None, None, None)
    assert [cell.text for cell in cells(found)] == ["–"] * len(headings(OWN))


def test_it_is_said_in_words() -> None:
    view = played({"bf16": Ran(0.05, (0.03, 0.05, 0.06))}, measure={"schedule": "exclusive", "repeats": 3})
    own = Target.own(ttft_s=0.05, tpot_s=0.04, e2e_s=1.5)
    assert headings(own) == ["Target", "TTFT ≤ 50 ms", "TPOT ≤ 40 ms", "E2E ≤ 1.5 s", "Tokens in time", "Answers in time", "Goodput"]
    assert [(cell.text, cell.beside) for cell in cells(attained(view, own))] == [
        ("fails", ""),
        ("50.0 ms", "met, 3 of 3"),
        ("50.0 ms", "missed, 1 of 3"),
        ("151 ms", "met, 3 of 3"),
        ("56 %", "5 of 9"),
        ("33 %", "1 of 3"),
        ("2.31 req/s", ""),
    ]
    assert any("99th percentile" in note for note in notes(view.request, read_target("mlperf-llama2-70b")))


# ---- what holds for every run ----

gaps_s = st.lists(st.floats(0.001, 0.3), min_size=1, max_size=6)
limits_s = st.none() | st.floats(0.001, 1.5)


@st.composite
def repeats(draw: st.DrawFn, rows: int) -> Trace:
    times = list(accumulate(draw(gaps_s)))
    lengths = [draw(st.integers(1, len(times))) for _ in range(rows)]
    finish = draw(st.sampled_from(("length", "stop", "cancelled")))
    return trace(times, rows=lengths, finish=(finish,) * rows)


@st.composite
def runs(draw: st.DrawFn) -> list[Trace]:
    rows = draw(st.integers(1, 4))
    return draw(st.lists(repeats(rows), min_size=1, max_size=3))


@st.composite
def own_targets(draw: st.DrawFn) -> Target:
    limits = draw(st.tuples(limits_s, limits_s, limits_s).filter(any))
    return Target.own(*limits)


targets = st.sampled_from(TARGETS) | own_targets()


@given(runs(), targets)
def test_shares_are_shares_and_agree_with_the_verdict(traces: list[Trace], target: Target) -> None:
    found = attained(seen(*traces), target)
    for share in (found.tokens_share, found.answers_share):
        assert share is None or 0 <= share <= 1
    for one in found.limits:
        assert 0 <= one.repeats_met <= one.repeats <= len(traces)
        assert one.met is None or (one.repeats_met > 0) >= one.met, "a median that passes has a repeat that does"
    assert found.met is None or found.met == all(one.met for one in found.limits)
    assert found.goodput_rps is None or (found.goodput_rps > 0) == (found.answers_met != 0)


@given(runs(), own_targets(), st.integers(0, 2), st.floats(0.01, 1))
def test_a_tighter_limit_never_raises_a_share(traces: list[Trace], target: Target, which: int, by: float) -> None:
    limits = [target.ttft_s, target.tpot_s, target.e2e_s[1] if target.e2e_s else None]
    limit_s = limits[which]
    assume(limit_s is not None)
    assert limit_s is not None
    limits[which] = max(limit_s * by, 1e-6)
    before, after = (attained(seen(*traces), one) for one in (target, Target.own(*limits)))
    for share in ("tokens_share", "answers_share", "goodput_rps"):
        wide, tight = getattr(before, share), getattr(after, share)
        assert wide is None or tight is None or tight <= wide, share
    assert not (after.met is True and before.met is not True)


@given(runs(), targets, st.randoms())
def test_the_order_of_rows_changes_nothing(traces: list[Trace], target: Target, random: Any) -> None:
    order = list(range(len(traces[0].output_ids)))
    random.shuffle(order)
    assert attained(seen(*(permuted(one, order) for one in traces)), target) == attained(seen(*traces), target)


def permuted(one: Trace, order: Sequence[int]) -> Trace:
    def take(rows: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(rows[row] for row in order)

    steps = tuple(
        replace(step, token_ids={at: step.token_ids[row] for at, row in enumerate(order) if row in step.token_ids}) for step in one.steps
    )
    return replace(one, steps=steps, output_ids=take(one.output_ids))


@given(runs(), own_targets())
def test_what_beam_search_cannot_know_stays_unknown(traces: list[Trace], target: Target) -> None:
    rows = len(traces[0].output_ids)
    found = attained(seen(*traces, label=f"bf16/beam(num_beams=2)@{rows}"), target)
    assert (found.tokens_met, found.tokens_share) == (None, None)
    if target.tpot_s is not None:
        assert found.met is not True
        assert not found.answers_met


@given(runs())
def test_a_timing_counts_every_token_once(traces: list[Trace]) -> None:
    for one in seen(*traces).lanes[0].repeats:
        found = timing(one)
        later = sum(count * len(gaps) for count, gaps in found.gaps or ())
        assert later + len(found.answers) == sum(map(len, one.output_ids))
        assert found.e2e_ms is None or found.e2e_ms == round(one.end_s * 1e3, 3)


def test_equal_limits_are_attained_alike() -> None:
    view = played({"bf16": Ran(0.05, (0.03, 0.04, 0.05))}, measure={"schedule": "exclusive", "repeats": 3})
    chat = read_target("chat")
    assert attained(view, chat) == attained(view, replace(Target.own(ttft_s=0.2), name="chat"))
