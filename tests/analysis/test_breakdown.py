"""A lane's waterfall is of one repeat, and its parts are that repeat's E2E, to the microsecond."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.breakdown import PARTS, breakdown
from playground.timeline.events import LaneLoaded, RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.facts import LaneFacts
from playground.timeline.state import RunState
from tests.timelines import Ran, played, request, step

durations = st.floats(0, 1_000)


def ran(*repeats: tuple[float, list[float], float], lane: str = "bf16") -> RunState:
    """Of each repeat: tokenizing, then how long every step took, then post."""
    view = RunState(request(lane), "id", "2026-01-01T00:00:00+00:00")
    view.apply(LaneLoaded(0, 0.5, "cold", 1, LaneFacts()))
    for number, (tokenize_s, steps, post_s) in enumerate(repeats):
        view.apply(RepeatStarted(0, number, False, (5,), tokenize_s))
        times = [tokenize_s + sum(steps[: at + 1]) for at in range(len(steps))]
        view.apply(StepsTaken(0, number, tuple(step(t, (1,)) for t in times), ()))
        view.apply(RepeatFinished(0, number, times[-1] + post_s, times[-1] + post_s, ((1,) * len(times),), ("length",), ("",)))
    return view


repeats = st.tuples(durations, st.lists(durations, min_size=1, max_size=6), durations)


@given(st.lists(repeats, min_size=1, max_size=6))
def test_parts_add_up_to_the_e2e_of_a_middle_repeat(found: list[tuple[float, list[float], float]]) -> None:
    view = ran(*found)
    parts = breakdown(view.lanes[0])
    assert parts is not None
    assert len(parts.parts_us) == len(PARTS)
    assert min(parts.parts_us) >= 0
    whole = sorted(round(repeat.end_s * 1e6) for repeat in view.lanes[0].repeats)
    assert sum(parts.parts_us) == parts.e2e_us == whole[(len(whole) - 1) // 2]


@given(st.lists(repeats, min_size=1, max_size=6), st.randoms())
def test_in_which_order_repeats_came_changes_nothing_but_among_equals(found: list[tuple[float, list[float], float]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(found)
    random.shuffle(shuffled)
    one, other = (breakdown(ran(*order).lanes[0]) for order in (found, shuffled))
    assert one is not None
    assert other is not None
    assert one.e2e_us == other.e2e_us


def test_the_parts_are_those_of_the_lower_middle_repeat() -> None:
    view = ran((0.001, [0.05, 0.2], 0.002), (0.001, [0.05, 0.4], 0.002), (0.003, [0.06, 0.3], 0.004), (0.001, [0.05, 0.5], 0.002))
    parts = breakdown(view.lanes[0])
    assert parts is not None
    assert parts.parts_us == (3_000, 60_000, 300_000, 4_000)
    assert parts.repeats == 4


def test_a_repeat_in_progress_has_the_parts_that_are_known() -> None:
    view = RunState(request("bf16/beam(num_beams=4)"), "id", "")
    view.apply(LaneLoaded(0, 0.5, "cold", 1, LaneFacts()))
    view.apply(RepeatStarted(0, 0, False, (5,), 0.001))
    assert breakdown(view.lanes[0]) is None
    view.apply(StepsTaken(0, 0, tuple(step(t, (1,)) for t in (0.1, 0.15)), ()))
    parts = breakdown(view.lanes[0])
    assert parts is not None
    assert (parts.parts_us, parts.repeats) == ((1_000, 99_000, 50_000), 0)


def test_warm_ups_and_lanes_that_wrote_nothing_have_none() -> None:
    view = RunState(request("bf16"), "id", "")
    assert breakdown(view.lanes[0]) is None
    view.apply(RepeatStarted(0, 0, True, (5,), 0.001))
    view.apply(StepsTaken(0, 0, (step(0.1, (1,)),), ()))
    assert breakdown(view.lanes[0]) is None
    assert breakdown(played({"bf16": Ran(tokens=0, error="no room")}).lanes[0]) is None
