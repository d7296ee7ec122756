"""Figures as text: expectations are rounded as a person would say them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.format import about

UNITS_S = {"s": 1, "min": 60, "h": 3600}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "about 5 s"),
        (4.0, "about 5 s"),
        (13.0, "about 15 s"),
        (38.0, "about 40 s"),
        (54.9, "about 50 s"),
        (55.0, "about 1 min"),
        (100.0, "about 2 min"),
        (9.4 * 60, "about 9 min"),
        (9.6 * 60, "about 10 min"),
        (23 * 60, "about 25 min"),
        (58 * 60, "about 1 h"),
        (3 * 3600, "about 3 h"),
    ],
)
def test_an_expectation_is_said_as_a_person_would(seconds: float, said: str) -> None:
    assert about(seconds) == said


def said_s(seconds: float) -> int:
    found = re.fullmatch(r"about (\d+) (s|min|h)", about(seconds))
    assert found
    return int(found[1]) * UNITS_S[found[2]]


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_longer_wait_never_sounds_shorter(one: float, other: float) -> None:
    assert said_s(min(one, other)) <= said_s(max(one, other))


@given(st.floats(5, 1e5))
def test_what_is_said_is_near_the_truth(seconds: float) -> None:
    assert said_s(seconds) == pytest.approx(seconds, rel=0.5)
