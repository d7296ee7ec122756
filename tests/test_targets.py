"""Targets are what their sources say, and plain JSON."""

from __future__ import annotations

import json

import pytest

from playground.targets import TARGETS, targets


@pytest.mark.parametrize(
    ("name", "ttft_s", "tpot_s", "e2e_s"),
    [
        ("chat", 0.2, None, None),
        ("voice", 0.3, None, None),
        ("search", 0.5, None, None),
        ("documents", None, None, [1.0, 2.0]),
        ("mlperf-llama3.1-8b", 0.5, 0.03, None),
        ("mlperf-llama2-70b", 0.45, 0.04, None),
        ("mlperf-llama3.1-405b", 4.5, 0.08, None),
    ],
)
def test_a_target_is_what_was_published(name: str, ttft_s: float | None, tpot_s: float | None, e2e_s: list[float] | None) -> None:
    (found,) = [target for target in targets() if target["name"] == name]
    assert (found["ttft_s"], found["tpot_s"], found["e2e_s"]) == (ttft_s, tpot_s, e2e_s)


def test_every_target_limits_something_and_says_where_it_is_from() -> None:
    assert len({target.name for target in TARGETS}) == len({target.title for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        assert any((target.ttft_s, target.tpot_s, target.e2e_s))
        assert target.source


def test_targets_are_plain_json() -> None:
    assert json.loads(json.dumps(targets(), allow_nan=False)) == targets()
