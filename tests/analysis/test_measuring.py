"""Every figure, exact, on timelines that can be worked out on paper. All times are sums of powers of two."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.measuring import measure, measure_running, median
from playground.analysis.requests import row_times
from playground.timeline.state import RunningRepeat
from playground.timeline.trace import Step
from tests.timelines import step, trace


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
    one = trace([0.5], output_ids=((1, 2, 3),), steps=(step(0.5, (1, 2, 3)),))
    assert measure(one).tpot_s is None
    assert measure(one).decode_tokens_per_s is None


def test_tokens_that_come_in_chunks_count_as_tokens() -> None:
    steps = (step(1.0, (1,)), step(2.0, (2, 3, 4, 5)))
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
def timelines(draw: st.DrawFn) -> tuple[list[Step], int, bool]:
    """Steps of a repeat, with rows that end early, chunks, and for beams revisions."""
    rows, revises = draw(st.integers(1, 3)), draw(st.booleans())
    steps, standing, t_s = [], [0] * rows, 0.0
    for _ in range(draw(st.integers(0, 8))):
        t_s += draw(st.integers(0, 64)) / 64
        keep = tuple(draw(st.integers(0, count)) for count in standing) if revises else None
        ids = tuple((7,) * draw(st.integers(0, 3)) for _ in range(rows))
        standing = [(kept if keep else count) + len(row) for kept, count, row in zip(keep or standing, standing, ids, strict=True)]
        steps.append(step(t_s, *ids, keep=keep))
    return steps, rows, revises


@given(timelines())
def test_a_meter_tells_at_every_step_what_the_whole_trace_would(timeline: tuple[list[Step], int, bool]) -> None:
    steps, count_of_rows, revises = timeline
    rows: list[list[int]] = [[] for _ in range(count_of_rows)]
    running = RunningRepeat(0, False, False, False, (5,) * len(rows), 0.125, len(rows), revises)
    for count, one in enumerate(steps, start=1):
        running.steps.append(one)
        for row, ids in one.token_ids.items():
            del rows[row][len(rows[row]) if one.keep is None else one.keep[row] :]
            rows[row] += ids
        whole = trace([0.0], steps=tuple(steps[:count]), output_ids=tuple(map(tuple, rows)), end_s=one.t_s, finish=(), revises=revises)
        expected = replace(measure(whole), itl_s=(), post_s=None, requests_per_s=None)
        assert measure_running(running) == expected


@st.composite
def chunked(draw: st.DrawFn) -> tuple[list[list[int]], list[float]]:
    """Per row how many tokens came in each step, and when the steps came: sums of powers of two."""
    times = [0.5]
    for gap in draw(st.lists(st.integers(1, 64), max_size=10)):
        times.append(times[-1] + gap / 64)
    rows = [draw(st.lists(st.integers(0, 4), min_size=len(times), max_size=len(times))) for _ in range(draw(st.integers(1, 4)))]
    return rows, times


@given(chunked())
def test_figures_of_chunks_are_those_of_the_ids(made: tuple[list[list[int]], list[float]]) -> None:
    """Against a count that knows nothing of steps: every token of every row with the time at which it came."""
    rows, times = made
    steps = tuple(step(t, *((7,) * row[at] for row in rows)) for at, t in enumerate(times))
    figures = measure(trace(times, steps=steps, output_ids=tuple((7,) * sum(row) for row in rows)))
    tokens = [[t for count, t in zip(row, times, strict=True) for _ in range(count)] for row in rows]
    known = [(row[-1] - row[0]) / (len(row) - 1) for row in tokens if len(row) > 1 and row[-1] > row[0]]
    assert figures.tpot_s == median([*known])
    assert figures.itl_s == tuple(later - earlier for earlier, later in pairwise(times)), "of events, not of tokens"
    events = [len(set(row)) for row in tokens]
    assert figures.tokens_per_event == (sum(map(len, tokens)) / sum(events) if any(events) else None)
    assert figures.output_tokens_per_s == sum(map(len, tokens)) / figures.e2e_s if figures.e2e_s else None
