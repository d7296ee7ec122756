"""Targets are what their sources say."""

from __future__ import annotations

import pytest

from playground.analysis.slo import TARGETS, Target, read_target
from playground.errors import InputError


@pytest.mark.parametrize(
    ("name", "ttft_s", "tpot_s", "e2e_s"),
    [
        ("chat", 0.2, None, None),
        ("voice", 0.3, None, None),
        ("search", 0.5, None, None),
        ("documents", None, None, (1.0, 2.0)),
        ("mlperf-llama3.1-8b", 0.5, 0.03, None),
        ("mlperf-llama2-70b", 0.45, 0.04, None),
        ("mlperf-llama3.1-405b", 4.5, 0.08, None),
    ],
)
def test_a_target_is_what_was_published(name: str, ttft_s: float | None, tpot_s: float | None, e2e_s: tuple[float, float] | None) -> None:
    found = read_target(name)
    assert (found.ttft_s, found.tpot_s, found.e2e_s) == (ttft_s, tpot_s, e2e_s)


def test_every_target_limits_something_and_says_where_it_is_from() -> None:
    assert len({target.name for target in TARGETS}) == len({target.title for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        assert any((target.ttft_s, target.tpot_s, target.e2e_s))
        assert target.source


@pytest.mark.parametrize(
    ("text", "limits_ms"),
    [
        ("chat", (200.0, None, None)),
        (" documents ", (None, None, 2000.0)),
        ("mlperf-llama2-70b", (450.0, 40.0, None)),
        ("ttft=200ms,tpot=50ms,e2e=2s", (200.0, 50.0, 2000.0)),
        ("tpot = 0.03 s", (None, 30.0, None)),
        ("e2e=.5s , ttft=1.0004ms", (1.0, None, 500.0)),
        ("ttft=3600s", (3_600_000.0, None, None)),
        ("ttft=0.001ms", (0.001, None, None)),
    ],
)
def test_a_target_is_read_by_name_or_by_its_limits(text: str, limits_ms: tuple[float | None, ...]) -> None:
    assert read_target(text).limits_ms() == limits_ms


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chatt", "'chatt' is no target; allowed: chat, voice, "),
        ("", "'' is no target"),
        ("ttft=200", "ttft='200' is not a number with its unit"),
        ("ttft=fast ms", "ttft='fast ms' is not a number"),
        ("ttft=", "ttft='' is not a number"),
        ("ttft=-5ms", "ttft=-0.005 s is out of range; allowed: 0.001 ms to 3600 s"),
        ("tpot=0s", "tpot=0 s is out of range"),
        ("tpot=nan s", "tpot=nan s is out of range"),
        ("e2e=1e999s", "e2e=inf s is out of range"),
        ("ttft=1ms,ttft=2ms", "'ttft=2ms' is no limit; allowed: ttft, tpot and e2e, each once"),
        ("itl=2ms", "'itl=2ms' is no limit"),
        ("ttft=1ms,", "'' is no limit"),
    ],
)
def test_what_is_no_target_costs_one_sentence(text: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        read_target(text)
    assert str(error.value).startswith(f"--target: {says}")
    assert "allowed: " in str(error.value)
    assert "\n" not in str(error.value)


def test_an_own_target_limits_something() -> None:
    with pytest.raises(InputError, match="no limit is given"):
        Target.own()
