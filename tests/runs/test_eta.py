"""Expected waits: exact on an even timeline, unknown rather than guessed, and never negative."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.runs.eta import Progress, UsualPace, wait_s
from playground.timeline.environment import Environment
from playground.timeline.events import Event, LaneFailed, RepeatFinished, RepeatStarted, RunStarted, StepsTaken
from tests.timelines import step

STARTED = RunStarted((), Environment())
STEP = step(0.0, (1,))


def began(lane: int = 0, repeat: int = 0) -> RepeatStarted:
    return RepeatStarted(lane, repeat, False, (5,), 0.0)


def took(steps: int, lane: int = 0) -> StepsTaken:
    return StepsTaken(lane, 0, (STEP,) * steps, ())


def ended(lane: int = 0) -> RepeatFinished:
    return RepeatFinished(lane, 0, 1.0, 1.0, ((1,),), ("length",), ("",))


def after(progress: Progress, *events: tuple[float, Event]) -> Progress:
    for now_s, event in events:
        progress.observe(event, now_s)
    return progress


def test_the_rest_takes_as_long_a_step_as_what_is_done() -> None:
    progress = after(Progress([0], passes=2, tokens=50), (0.0, STARTED), (10.0, began()), (12.0, took(20)))
    assert progress.remaining == 80
    assert progress.remaining_s(12.0, usual_token_s=99.0) == pytest.approx(8.0)
    assert progress.whole_pace_s(12.0) == pytest.approx(0.6), "loading included"


def test_before_enough_is_done_other_runs_say_more() -> None:
    progress = after(Progress([0], passes=1, tokens=100), (0.0, STARTED), (0.0, began()), (30.0, took(9)))
    assert progress.remaining_s(30.0, usual_token_s=0.1) == pytest.approx(9.1)
    assert progress.remaining_s(30.0, usual_token_s=None) is None
    progress.observe(took(1), 30.0)
    assert progress.remaining_s(30.0, usual_token_s=0.1) == pytest.approx(270.0)


def test_an_answer_that_ends_early_and_a_lane_that_fails_leave_nothing_to_do() -> None:
    progress = after(Progress([0, 3], passes=2, tokens=10), (0.0, STARTED), (0.0, began()), (1.0, took(4)), (1.0, ended()))
    assert progress.remaining == 30
    after(progress, (1.0, began(3)), (2.0, took(2, 3)), (2.0, LaneFailed(3, "memory", "full")))
    assert progress.remaining == 10
    after(progress, (3.0, began(repeat=1)), (4.0, took(10)), (4.0, ended()))
    assert progress.remaining == 0
    assert progress.remaining_s(4.0, None) == 0.0


def test_nothing_is_known_before_anything_happened() -> None:
    progress = Progress([0], passes=1, tokens=10)
    assert progress.remaining == 10
    assert (progress.remaining_s(5.0, None), progress.pace_s(5.0), progress.whole_pace_s(5.0)) == (None, None, None)


def test_the_usual_pace_is_the_median_of_the_last_runs() -> None:
    usual = UsualPace()
    assert usual.token_s is None
    for pace_s in (0.25, None, 0.5, 100.0):
        usual.add(pace_s)
    assert usual.token_s == 0.5
    for _ in range(8):
        usual.add(2.0)
    assert usual.token_s == 2.0


@pytest.mark.parametrize(
    ("rest_s", "steps", "step_s", "expected"),
    [(10.0, 0, None, 10.0), (10.0, 100, 0.5, 60.0), (10.0, 100, None, None), (None, 100, 0.5, None), (0.0, 0, 0.5, 0.0)],
)
def test_the_wait_is_the_running_run_and_then_the_waiting_ones(
    rest_s: float | None, steps: int, step_s: float | None, expected: float | None
) -> None:
    assert wait_s(rest_s, steps, step_s) == expected


@given(
    passes=st.integers(1, 3),
    steps=st.integers(1, 20),
    taken=st.lists(st.integers(1, 5), max_size=20),
    step_s=st.floats(0.001, 10),
)
def test_an_even_run_is_foretold_exactly_once_enough_is_done(passes: int, steps: int, taken: list[int], step_s: float) -> None:
    """Every step takes `step_s`, whole passes and parts of them: what is left of the run is what is foretold."""
    progress = after(Progress([0], passes, steps), (0.0, STARTED), (0.0, began()))
    now_s, done, in_pass = 0.0, 0, 0
    for many in taken:
        many = min(many, steps - in_pass)
        now_s += many * step_s
        done, in_pass = done + many, in_pass + many
        progress.observe(took(many), now_s)
        if in_pass == steps:
            after(progress, (now_s, ended()), (now_s, began()))
            in_pass = 0
        if done == passes * steps:
            break
    whole = passes * steps
    assert progress.remaining == whole - done
    foretold = progress.remaining_s(now_s, None)
    assert (foretold is None) == (done == 0 or done < 0.1 * whole)
    if foretold is not None:
        assert foretold == pytest.approx((whole - done) * step_s)


def test_a_step_that_brings_several_tokens_is_so_many_of_them_and_a_batch_counts_its_longest_row() -> None:
    progress = after(Progress([0], passes=1, tokens=10), (0.0, STARTED), (0.0, began()))
    progress.observe(StepsTaken(0, 0, (step(1.0, (1, 2, 3), (4,)), step(2.0, (), (5, 6))), ()), 4.0)
    assert progress.remaining == 7, "three of ten"
    progress.observe(StepsTaken(0, 0, (step(3.0, (), (7, 8)),), ()), 5.0)
    assert progress.remaining == 5, "the other row is longer now"
    assert progress.remaining_s(5.0, None) == 5.0
