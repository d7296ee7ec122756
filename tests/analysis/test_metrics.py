"""Every figure, exact, on timelines that can be worked out on paper. All times are sums of powers of two."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.metrics import measure, measure_running, median, row_times
from playground.timeline.state import RunningRepeat
from playground.timeline.trace import Step
from tests.timelines import trace


def test_one_row() -> None:
    figures = measure(trace([0.5, 0.75, 1.25, 1.5]))
    assert figures.tokenize_s == 0.125
    assert figures.ttft_s == 0.5
    assert figures.prefill_s == 0.375
    assert figures.decode_s == 1.0
    assert figures.post_s == 0.25
    assert figures.e2e_s == 1.75
    assert figures.tpot_s == 1.0 / 3
    assert figures.itl_s == (0.25, 0.5, 0.25)
    assert figures.step_s == 0.25
    assert figures.decode_tokens_per_s == 3.0
    assert figures.output_tokens_per_s == 4 / 1.75
    assert figures.requests_per_s == 1 / 1.75


@given(st.lists(st.integers(1, 2**20), min_size=1, max_size=50))
def test_the_parts_sum_to_the_whole(gaps: list[int]) -> None:
    times = [0.125 + sum(gaps[: number + 1]) / 2**10 for number in range(len(gaps))]
    figures = measure(trace(times))
    parts = (figures.tokenize_s, figures.prefill_s, figures.decode_s, figures.post_s)
    assert sum(part for part in parts if part is not None) == figures.e2e_s


def test_a_batch_step_counts_once_in_the_gaps_and_once_a_row_in_throughput() -> None:
    figures = measure(trace([1.0, 1.5, 2.0], rows=(3, 3, 3, 3)))
    assert figures.itl_s == (0.5, 0.5)
    assert figures.tpot_s == 0.5
    assert figures.decode_tokens_per_s == 4 * 2 / 1.0
    assert figures.output_tokens_per_s == 12 / 2.25
    assert figures.requests_per_s == 4 / 2.25


def test_tpot_of_a_batch_is_the_median_over_rows_of_different_length() -> None:
    # Rows end after 2, 3 and 5 tokens: (2-1)/1, (4-1)/2, (16-1)/4 seconds a token.
    figures = measure(trace([1.0, 2.0, 4.0, 8.0, 16.0], rows=(2, 3, 5)))
    assert figures.tpot_s == 1.5
    # Tokens after each row's first: 1 + 2 + 4, from the earliest first to the latest last.
    assert figures.decode_tokens_per_s == 7 / 15.0
    assert figures.output_tokens_per_s == 10 / 16.25


def test_a_row_of_one_token_is_left_out_of_tpot() -> None:
    assert measure(trace([1.0, 2.0, 3.0], rows=(1, 3))).tpot_s == 1.0


def test_one_token_has_a_ttft_and_no_tpot() -> None:
    figures = measure(trace([0.5]))
    assert figures.ttft_s == 0.5
    assert figures.decode_s == 0.0
    assert figures.e2e_s == 0.75
    assert figures.tpot_s is figures.step_s is figures.decode_tokens_per_s is None
    assert figures.itl_s == ()
    assert figures.output_tokens_per_s == 1 / 0.75


def test_an_answer_in_one_event_has_no_tpot() -> None:
    one = trace([0.5], output_ids=((1, 2, 3),), steps=(Step(t_s=0.5, wall_s=0.5, token_ids=((1, 2, 3),)),))
    assert measure(one).tpot_s is None
    assert measure(one).decode_tokens_per_s is None


def test_tokens_that_come_in_chunks_count_as_tokens() -> None:
    steps = (Step(t_s=1.0, wall_s=1.0, token_ids=((1,),)), Step(t_s=2.0, wall_s=2.0, token_ids=((2, 3, 4, 5),)))
    figures = measure(trace([1.0, 2.0], steps=steps, output_ids=((1, 2, 3, 4, 5),)))
    assert figures.tpot_s == 0.25
    assert figures.itl_s == (1.0,)


def test_beam_search_shows_nothing_certain_before_the_end() -> None:
    figures = measure(trace([0.5, 0.75, 1.25], revises=True))
    assert figures.ttft_s == figures.e2e_s == 1.5
    assert figures.tpot_s is figures.decode_tokens_per_s is None
    assert figures.itl_s == ()
    assert figures.prefill_s == 0.375
    assert figures.decode_s == 0.75
    assert figures.step_s == 0.375
    assert figures.output_tokens_per_s == 3 / 1.5


def test_nothing_decoded_leaves_everything_unknown() -> None:
    figures = measure(trace([], output_ids=((),)))
    assert figures.tokenize_s == 0.125
    assert {name for name, value in asdict(figures).items() if value is not None and value != ()} == {"tokenize_s"}


def test_requests_per_second_are_of_the_wall_and_the_rest_of_the_own_clock() -> None:
    shared = measure(trace([1.0, 2.0], end_wall_s=9.0))
    assert shared.requests_per_s == 1 / 9.0
    assert shared.e2e_s == 2.25


def test_row_times_follow_each_row() -> None:
    assert row_times(trace([1.0, 2.0, 4.0], rows=(3, 1))) == ((1.0, 2.0, 4.0), (1.0,))


@pytest.mark.parametrize(("values", "middle"), [([], None), ([None], None), ([3.0, None, 1.0], 2.0), ([0.0], 0.0)])
def test_the_median_is_of_what_is_known(values: list[float | None], middle: float | None) -> None:
    assert median(values) == middle


@st.composite
def timelines(draw: st.DrawFn) -> tuple[list[Step], bool]:
    """Steps of a repeat, with rows that end early, chunks, and for beams revisions."""
    rows, revises = draw(st.integers(1, 3)), draw(st.booleans())
    steps, standing, t_s = [], [0] * rows, 0.0
    for _ in range(draw(st.integers(0, 8))):
        t_s += draw(st.integers(0, 64)) / 64
        keep = tuple(draw(st.integers(0, count)) for count in standing) if revises else None
        ids = tuple((7,) * draw(st.integers(0, 3)) for _ in range(rows))
        standing = [(kept if keep else count) + len(row) for kept, count, row in zip(keep or standing, standing, ids, strict=True)]
        steps.append(Step(t_s=t_s, wall_s=t_s, token_ids=ids, keep=keep))
    return steps, revises


@given(timelines())
def test_a_meter_tells_at_every_step_what_the_whole_trace_would(timeline: tuple[list[Step], bool]) -> None:
    steps, revises = timeline
    if not steps:
        return
    rows: list[list[int]] = [[] for _ in steps[0].token_ids]
    running = RunningRepeat(0, False, False, False, (5,) * len(rows), 0.125, len(rows), revises)
    for count, step in enumerate(steps, start=1):
        running.steps.append(step)
        for index, ids in enumerate(step.token_ids):
            del rows[index][len(rows[index]) if step.keep is None else step.keep[index] :]
            rows[index] += ids
        whole = trace([0.0], steps=tuple(steps[:count]), output_ids=tuple(map(tuple, rows)), end_s=step.t_s, finish=(), revises=revises)
        expected = replace(measure(whole), itl_s=(), post_s=None, requests_per_s=None)
        assert measure_running(running) == expected
