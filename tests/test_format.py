"""Figures as text: three significant figures, real signs, units, and "–" for what is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.format import UNKNOWN, between, change, ratio, request_rate

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
