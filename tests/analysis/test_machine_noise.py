"""A machine that was not quiet is said to be so, and one that was is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.machine_noise import noise, noise_words
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


def test_a_quiet_machine_is_not_spoken_of() -> None:
    assert noise(run(QUIET, QUIET, None)) == []
    assert noise_words(run(QUIET)) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"others_share": 0.34}, "among them, if they ran here) took up to 34 % of the processor in 1 of 3 repeats"),
        ({"stolen_share": 0.08}, "the host of this virtual machine took up to 8 % of the processor in 1 of 3 repeats"),
        ({"swapped_bytes": 5_000_000}, "up to 5.00 MB went to or from swap in 1 of 3 repeats"),
        ({"throttled": 2}, "the clock was held back for heat or power in 1 of 3 repeats"),
        ({"clock_share": 0.5}, "the clock lay between 50 % and 90 % of its highest"),
    ],
)
def test_what_disturbs_is_said_with_its_figure(found: dict[str, Any], said: str) -> None:
    (sentence,) = noise(run(QUIET, quiet_but(**found), QUIET))
    assert said in sentence
    assert noise_words(run(QUIET, quiet_but(**found), QUIET)).startswith("Not a quiet machine: ")


def test_a_clock_that_is_always_low_is_no_noise() -> None:
    assert noise(run(*[quiet_but(clock_share=0.4)] * 3)) == []


def test_warm_ups_are_not_spoken_of() -> None:
    view = run(quiet_but(others_share=0.9), QUIET)
    view.lanes[0].repeats[0] = replace(view.lanes[0].repeats[0], warmup=True)
    assert noise(view) == []


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
    assert noise(run(*found)) == noise(run(*shuffled))


def test_nothing_read_is_nothing_said() -> None:
    assert noise(run(Conditions(), Conditions())) == []
