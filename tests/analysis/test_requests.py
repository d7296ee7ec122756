"""Rows as requests that come over time, on timelines that can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace

from playground.analysis.measuring import measure
from playground.analysis.requests import Request, request_percentile, requests
from playground.spec.lane import Lane
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from playground.timeline.trace import RequestTimes, Trace
from tests.timelines import request, step, trace

STEPS = (step(1.0, (1,)), step(1.5, (2,)), step(3.0, (3,), (1,)), step(4.0, (), (2, 3)))
TIMES = (RequestTimes(arrived_s=0.0, admitted_s=0.0, end_s=3.25), RequestTimes(arrived_s=0.5, admitted_s=2.0, end_s=4.25))
"""The second comes while the first is written, waits for 1.5 s, and is admitted before the first has ended."""


def over_time() -> Trace:
    return trace([], (3, 3), steps=STEPS, end_s=4.25, end_wall_s=4.25, requests=TIMES)


def figures(one: Request) -> tuple[float | None, ...]:
    return one.queue_s, one.prefill_s, one.ttft_s, one.tpot_s, one.e2e_s


def test_each_request_counts_from_its_own_arrival() -> None:
    first, second = requests(over_time())
    assert figures(first) == (0.0, 0.875, 1.0, 1.0, 3.25)
    assert figures(second) == (1.5, 1.0, 2.5, 0.5, 3.75)


def test_the_figures_of_a_repeat_are_the_medians_over_its_requests() -> None:
    found = measure(over_time())
    assert (found.queue_s, found.prefill_s, found.ttft_s, found.tpot_s, found.e2e_s) == (0.75, 0.9375, 1.75, 0.75, 3.5)
    assert found.itl_s == (0.5, 1.5, 1.0)


def test_in_a_static_batch_all_arrivals_are_zero_and_nothing_changes() -> None:
    static = trace([1.0, 1.5, 2.5], rows=(3, 2))
    spelled_out = replace(static, requests=(RequestTimes(arrived_s=0.0, admitted_s=0.0, end_s=static.end_s),) * 2)
    assert measure(static).queue_s is None
    assert measure(spelled_out) == replace(measure(static), queue_s=0.0)
    assert [figures(one) for one in requests(static)] == [figures(one) for one in requests(spelled_out)]


def test_beam_search_shows_a_request_nothing_before_its_end() -> None:
    (one,) = requests(trace([1.0, 2.0], revises=True))
    assert (one.ttft_s, one.tpot_s, one.e2e_s) == (2.25, None, 2.25)


def test_percentiles_are_over_requests_of_all_repeats() -> None:
    several = [over_time(), trace([1.0, 1.5])]
    assert request_percentile(several, lambda one: one.ttft_s, 50) == 1.0
    assert request_percentile(several, lambda one: one.ttft_s, 100) == 2.5
    assert request_percentile([], lambda one: one.e2e_s, 99) is None


def test_an_engine_tells_the_times_of_its_requests_with_the_end_of_a_repeat() -> None:
    shown = RunState(request(str(Lane.parse("bf16@2"))), "id", "")
    shown.apply(RepeatStarted(0, 0, False, (5, 5), 0.125))
    shown.apply(StepsTaken(0, 0, STEPS, ()))
    shown.apply(RepeatFinished(0, 0, 4.25, 4.25, ((1, 2, 3),) * 2, ("length",) * 2, ("", ""), requests=TIMES))
    (repeat,) = shown.lanes[0].repeats
    assert repeat.requests == TIMES
    assert measure(repeat) == measure(over_time())
