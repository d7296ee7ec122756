"""Figures as text: three significant figures, real signs, units, and "–" for what is unknown; expectations as a person would say them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.formatting import UNKNOWN, about, amount, between, change, ratio, request_rate, share, size

positive = st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("value", "baseline", "text"),
    [
        (0.0268, 0.039, "−31 %"),
        (0.062, 0.039, "+59 %"),
        (0.0402, 0.039, "+3.1 %"),
        (0.039, 0.039, "0 %"),
        (0.03902, 0.03898, "0 %"),
        (0.039051, 0.039049, "0 %"),
        (1.0994, 1.0, "+9.9 %"),
        (1.0996, 1.0, "+10 %"),
        (13.345, 1.0, "+1,230 %"),
        (0.0, 0.039, "−100 %"),
        (None, 0.039, UNKNOWN),
        (0.039, None, UNKNOWN),
        (0.039, 0.0, UNKNOWN),
    ],
)
def test_a_change_has_a_sign_and_a_unit(value: float | None, baseline: float | None, text: str) -> None:
    assert change(value, baseline) == text


@given(positive, positive)
def test_change_and_ratio_point_the_same_way(value: float, baseline: float) -> None:
    text, multiple = change(value, baseline), float(ratio(value, baseline).rstrip("×").replace(",", ""))
    match text[0]:
        case "−":
            assert multiple <= 1
        case "+":
            assert multiple >= 1
        case _:
            assert multiple == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        ("26.1 ms", "28.0 ms", "26.1–28.0 ms"),
        ("980 ms", "1.02 s", "980 ms–1.02 s"),
        ("28.0 ms", "28.0 ms", "28.0 ms"),
        ("1", "2", "1–2"),
    ],
)
def test_a_range_says_a_shared_unit_once(low: str, high: str, text: str) -> None:
    assert between(low, high) == text


def test_requests_have_a_unit_of_their_own() -> None:
    assert (request_rate(0.4567), request_rate(None)) == ("0.457 req/s", UNKNOWN)


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


@given(st.integers(0, 10**13), st.floats(0, 1))
def test_an_amount_is_in_the_units_of_its_whole(total: int, share: float) -> None:
    """And with its decimals, so that a line of progress does not jump; the whole of it is the whole."""
    number, whole = size(total).split(" ")[0], size(total)
    part, _, of = amount(share * total, total).partition(" of ")
    assert of == whole
    assert len(part.partition(".")[2]) == len(number.partition(".")[2])
    assert len(part) <= len(number) + 1
    assert amount(0, total).startswith("0")


@given(st.floats(0, 1))
def test_all_and_none_are_said_only_of_all_and_none(part: float) -> None:
    said = share(part)
    assert (said == "100 %") == (part == 1)
    assert (said == "0 %") == (part == 0)
    assert abs(float(said.removesuffix(" %")) - 100 * part) <= 0.5


def test_an_unknown_share_is_unknown() -> None:
    assert share(None) == UNKNOWN
