"""Figures by their key: the fields of `Metrics`, and what is worked out from a repeat's steps or from several repeats. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from itertools import pairwise

from playground.analysis.metrics import measure, measure_running, median
from playground.analysis.stats import percentile
from playground.timeline.state import LaneState
from playground.timeline.trace import Metrics, Trace

ITL = {"itl_p50_s": 50, "itl_p90_s": 90, "itl_p95_s": 95, "itl_p99_s": 99}
"""Percentiles of the gaps between decode steps."""


def values(lane: LaneState, key: str) -> list[float]:
    """The figure of each repeat that counts, where it is known."""
    found = [figure_of(repeat, key) for repeat in lane.counted]
    return [value for value in found if value is not None]


def figure(lane: LaneState, key: str) -> float | None:
    """The median over the repeats that count; None if unknown."""
    return median([*values(lane, key)])


def figure_of(repeat: Trace, key: str) -> float | None:
    """Of one repeat; None if unknown."""
    if key in ITL:
        return percentile(measure(repeat).itl_s, ITL[key])
    value: float | None = getattr(measure(repeat), key)
    return value


def live_figures(lane: LaneState) -> Metrics:
    """The figures so far of the repeat in progress (empty when there is none)."""
    return measure_running(lane.current) if lane.current is not None else Metrics()


def itl_percentile(repeats: Iterable[Trace], key: str) -> float | None:
    """Over the gaps of all these repeats together."""
    return percentile([gap for repeat in repeats for gap in measure(repeat).itl_s], ITL[key])


def after_turn(repeats: Iterable[Trace]) -> float | None:
    """What a step takes after another lane had the device: the median gap before such steps ÷ that before all others; None without."""
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for repeat in repeats:
        for earlier, later in pairwise(repeat.steps):
            gaps[later.resumed].append(later.t_s - earlier.t_s)
    usual = statistics.median(gaps[False]) if gaps[False] else 0.0
    return statistics.median(gaps[True]) / usual if gaps[True] and usual > 0 else None
