"""Two recordings side by side: what each lane took in both, and in what the runs differ. Pure.

The repeats of two runs are no pairs, so an interval is Welch's, of the logarithms: it holds for the two runs as they were, and knows
nothing of how one run of a machine differs from the next.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from playground.analysis.metrics import values
from playground.formatting import UNKNOWN, between, count, duration, significant
from playground.recordings.fingerprint import differences
from playground.recordings.schema import LaneRecord, Recording
from playground.timeline.state import LaneState

METRICS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "E2E"}
MOST = 60
"""Differences that are listed; what has more is something else altogether."""
EQUAL = "The fingerprints are equal: nothing that is known of what ran differs."
NO_INTERVAL = "Where either has a single repeat the ratio, second ÷ first, has no interval, and may be noise."
UNPAIRED = (
    "Ratios are second ÷ first, of geometric means; in brackets the 95 % interval (Welch, of logarithms), which holds for these two runs: "
    "how much runs differ from one another it cannot know."
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """The second's figure ÷ the first's."""

    value: float
    low: float | None = None
    high: float | None = None
    """The 95 % interval; None with fewer than two repeats in either."""

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{significant(self.value)}×"
        return f"{significant(self.value)}× ({between(significant(self.low), significant(self.high))})"


class Compared(TypedDict):
    """One lane in both, as plain JSON values."""

    label: str
    first: int | None
    second: int | None
    """Index of the lane in either recording; None: it is not there."""
    cells: list[str]
    """Under the headings after the first: of each metric the first's median, the second's, and the ratio."""
    figures: dict[str, dict[str, float | None]]
    """The same by metric: `first`, `second`, `ratio`, `low`, `high`."""


class TwoRecordings(TypedDict):
    first: str
    second: str
    """Which recordings, in words."""
    headings: list[str]
    rows: list[Compared]
    differences: list[str]
    """Empty: the fingerprints are equal."""
    notes: list[str]


def compare_recordings(first: Recording, second: Recording, names: tuple[str, str]) -> TwoRecordings:
    """Lanes are matched by label, those of one label in their order; `names` says what the two are called."""
    pairs = matched(first.lanes, second.lanes)
    rows = [_compared(first, second, mine, theirs) for mine, theirs in pairs]
    found = differences(first, second, [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None])
    more = [f"and {count(len(found) - MOST, 'more difference')}"] if len(found) > MOST else []
    return {
        "first": f"{names[0]}, {_words(first)}",
        "second": f"{names[1]}, {_words(second)}",
        "headings": ["Lane", *(f"{title} {what}" for title in METRICS.values() for what in ("first", "second", "ratio"))],
        "rows": rows,
        "differences": found[:MOST] + more,
        "notes": _notes(rows),
    }


def matched(first: Sequence[LaneRecord], second: Sequence[LaneRecord]) -> list[tuple[int | None, int | None]]:
    """Indices of the same lane in both, None where it is only in one."""
    left = list(range(len(second)))
    pairs: list[tuple[int | None, int | None]] = []
    for index, lane in enumerate(first):
        same = next((other for other in left if second[other].label == lane.label), None)
        if same is not None:
            left.remove(same)
        pairs.append((index, same))
    return pairs + [(None, other) for other in left]


def unpaired(first: Sequence[float], second: Sequence[float]) -> Ratio | None:
    """The ratio of the geometric means with Welch's 95 % interval; None where one has no figure above 0.

    B. L. Welch, Biometrika 34 (1947): the degrees of freedom are Satterthwaite's.
    """
    logs = [[math.log(value) for value in values if value > 0] for values in (first, second)]
    if not all(logs):
        return None
    middle = statistics.fmean(logs[1]) - statistics.fmean(logs[0])
    if min(map(len, logs)) < 2:
        return Ratio(_exp(middle))
    parts = [statistics.variance(values) / len(values) for values in logs]
    if not sum(parts):
        return Ratio(_exp(middle), _exp(middle), _exp(middle))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, logs, strict=True))
    half = _t(freedom) * math.sqrt(sum(parts))
    return Ratio(_exp(middle), _exp(middle - half), _exp(middle + half))


def _t(freedom: float) -> float:
    """Student's 97.5 % quantile. SciPy is imported where it is needed: the command line starts without it."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def _exp(power: float) -> float:
    """Without an error where a damaged file holds times that no clock has."""
    return math.exp(min(power, 700.0))


def _compared(first: Recording, second: Recording, mine: int | None, theirs: int | None) -> Compared:
    one = None if mine is None else first.lanes[mine]
    other = None if theirs is None else second.lanes[theirs]
    cells: list[str] = []
    figures: dict[str, dict[str, float | None]] = {}
    for metric in METRICS:
        values, others = _values(one, metric), _values(other, metric)
        medians = [statistics.median(found) if found else None for found in (values, others)]
        ratio = unpaired(values, others)
        cells += [duration(medians[0]), duration(medians[1]), UNKNOWN if ratio is None else str(ratio)]
        bounds = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high} if ratio else dict.fromkeys(("ratio", "low", "high"))
        figures[metric] = {"first": medians[0], "second": medians[1], **bounds}
    lane = one or other
    return {"label": lane.label if lane else "", "first": mine, "second": theirs, "cells": cells, "figures": figures}


def _values(lane: LaneRecord | None, metric: str) -> list[float]:
    """Of the repeats that count; of an answer cut short only what does not depend on its end."""
    if lane is None:
        return []
    view = LaneState(0, lane.lane, repeats=[*lane.repeats])
    return [] if metric == "e2e_s" and view.cut_short else values(view, metric)


def _words(recording: Recording) -> str:
    """Which one it is, in words."""
    device = recording.environment.name or "unknown device"
    stopped = ["stopped before the end"] if recording.status == "cancelled" else []
    return ", ".join([f"run {recording.id} of {recording.created_at[:16].replace('T', ' ')}", " ".join(device.split())[:80], *stopped])


def _notes(rows: Sequence[Compared]) -> list[str]:
    one_sided = [
        f"Lane {row['label']} is only in the {'second' if row['first'] is None else 'first'}."
        for row in rows
        if None in (row["first"], row["second"])
    ]
    ratios = [figure for row in rows for figure in row["figures"].values() if figure["ratio"] is not None]
    sure = [UNPAIRED] if any(figure["low"] is not None for figure in ratios) else []
    unsure = [NO_INTERVAL] if any(figure["low"] is None for figure in ratios) else []
    return one_sided + sure + unsure
