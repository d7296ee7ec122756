"""What disturbed a machine is found, and nothing where it was quiet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.machine_noise import Disturbance, disturbances
from playground.timeline.state import RunState
from playground.timeline.trace import Conditions
from tests.timelines import Ran, played

QUIET = Conditions(others_share=0.02, stolen_share=0.0, swapped_bytes=0, throttled=0, clock_share=0.9, waited=12)


def run(*found: Conditions | None) -> RunState:
    """One lane, a repeat of each."""
    view = played({"bf16": Ran(tpot_s=[0.04] * len(found))})
    lane = view.lanes[0]
    lane.repeats = [replace(one, conditions=what) for one, what in zip(lane.repeats, found, strict=True)]
    return view


def quiet_but(**what: Any) -> Conditions:
    return replace(QUIET, **what)


def test_a_quiet_machine_has_none() -> None:
    assert disturbances(run(QUIET, QUIET, None)) == []


@pytest.mark.parametrize(
    ("found", "disturbance"),
    [
        ({"others_share": 0.34}, Disturbance("others", 0.34, 0.34, 1, 3)),
        ({"stolen_share": 0.08}, Disturbance("stolen", 0.08, 0.08, 1, 3)),
        ({"swapped_bytes": 5_000_000}, Disturbance("swap", 5_000_000, 5_000_000, 1, 3)),
        ({"throttled": 2}, Disturbance("throttling", 2, 2, 1, 3)),
        ({"clock_share": 0.5}, Disturbance("clock", 0.5, 0.9, 3, 3)),
    ],
)
def test_what_disturbs_comes_with_its_figure(found: dict[str, Any], disturbance: Disturbance) -> None:
    assert disturbances(run(QUIET, quiet_but(**found), QUIET)) == [disturbance]


def test_a_clock_that_is_always_low_is_no_noise() -> None:
    assert disturbances(run(*[quiet_but(clock_share=0.4)] * 3)) == []


def test_warm_ups_are_left_out() -> None:
    view = run(quiet_but(others_share=0.9), QUIET)
    view.lanes[0].repeats[0] = replace(view.lanes[0].repeats[0], warmup=True)
    assert disturbances(view) == []


shares = st.none() | st.floats(0, 1)
conditions = st.builds(
    Conditions,
    others_share=shares,
    stolen_share=shares,
    swapped_bytes=st.none() | st.integers(0, 10**10),
    throttled=st.none() | st.integers(0, 9),
    clock_share=st.none() | st.floats(0.01, 1),
    waited=st.none() | st.integers(0, 10**6),
)


@given(st.lists(conditions, min_size=1, max_size=5), st.randoms())
def test_in_which_order_repeats_came_changes_nothing(found: list[Conditions], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert disturbances(run(*found)) == disturbances(run(*shuffled))


def test_nothing_read_is_no_disturbance() -> None:
    assert disturbances(run(Conditions(), Conditions())) == []
