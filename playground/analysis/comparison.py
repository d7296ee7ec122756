"""A lane against the baseline lane: what was seen, its interval, and a verdict that goes no further than these carry. Pure.

Repeats are paired by their number, so that what the machine did to both (heat, other programs) cancels. Ratios are of the lane's figure
to the baseline's, the geometric mean over the pairs; the interval is explained in stats.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playground.analysis.metric import OfLane
from playground.analysis.metrics import METRICS, figure_of, lane_figure, values
from playground.analysis.pairing import level, pairs
from playground.analysis.stats import Estimate, Paired, Pairs, difference, interval
from playground.timeline.state import LaneState, RunState

SAME = 0.0005
"""A ratio that differs from 1 by less is none: it would be written 1.000, and rounding alone makes such."""

Verdict = Literal["faster", "slower", "no difference", "one pair", "not compared"]
"""Faster and slower: the interval leaves 1 out. No difference: it does not. One pair has no interval."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a lane cannot be compared with the baseline."""

    kind: Literal["failed", "unknown", "cut short", "no pair"]
    """Unknown: none of its repeats has the figure. Cut short: the figure is of a whole answer. No pair: no two repeats share a number."""
    lane: int
    """Index of the one of the two that it lies with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A lane against the baseline lane in one metric, paired by repeat."""

    metric: str
    """A key of `METRICS`."""
    baseline: int
    """Index of the lane compared with."""
    pairs: int = 0
    """Repeats that both have."""
    ratio: float | None = None
    """The lane's figure ÷ the baseline's: the geometric mean over the pairs. None: one of the two has none."""
    low: float | None = None
    high: float | None = None
    """The 95 % interval of the ratio; None with fewer than two pairs."""
    difference: float | None = None
    """The lane's figure less the baseline's, in the metric's unit: the mean over the pairs."""
    difference_low: float | None = None
    difference_high: float | None = None
    needed: int | None = None
    """About how many repeats would show a difference, if what was seen stays so; None: these do, or no number that is allowed would."""
    verdict: Verdict = "not compared"
    obstacle: Obstacle | None = None
    """Of what is not compared."""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Of the ratio's interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def comparison(view: RunState, lane: LaneState) -> Comparison | None:
    """In TPOT, else (beam search, answers of one token) in E2E; None for the baseline itself."""
    both = values(lane, "tpot_s") and values(view.baseline, "tpot_s")
    return compare(view, lane, "tpot_s" if both else "e2e_s")


def compare(view: RunState, lane: LaneState, metric: str) -> Comparison | None:
    """In a metric of repeats; None for the baseline itself. What cannot be compared has an obstacle, and no figures."""
    baseline = view.baseline
    if lane is baseline:
        return None
    obstacle = _obstacle(lane, baseline, metric)
    found = None if obstacle else paired(view, lane, baseline, metric)
    if found is None:
        return Comparison(metric=metric, baseline=baseline.index, obstacle=obstacle or Obstacle("no pair", lane.index))
    low, high = found.ratio.ends or (None, None)
    apart = difference(_pairs(lane, baseline, metric), level(view.request.measure))
    less, more = (apart.ends if apart else None) or (None, None)
    return Comparison(
        metric=metric,
        baseline=baseline.index,
        pairs=found.pairs,
        ratio=found.ratio.value,
        low=low,
        high=high,
        difference=apart.value if apart else None,
        difference_low=less,
        difference_high=more,
        needed=found.needed,
        verdict=_verdict(found, metric),
    )


def paired(view: RunState, lane: LaneState, other: LaneState, metric: str, but_last: int = 0) -> Paired | None:
    """Any two lanes, without the last so many pairs; None when there are none in which both figures are known."""
    known = _pairs(lane, other, metric)
    return interval(known[: len(known) - but_last], level(view.request.measure))


def multiple(view: RunState, lane: LaneState, metric: str) -> Estimate | None:
    """The lane's figure ÷ the baseline's; None for the baseline itself, and where the two are not to be compared."""
    one, baseline = METRICS[metric], view.baseline
    if lane is baseline or not one.compared or (one.whole and (lane.cut_short or baseline.cut_short)):
        return None
    if not isinstance(one.of, OfLane):
        found = paired(view, lane, baseline, metric) if one.defined(view.request.measure) else None
        return found.ratio if found else None
    mine, theirs = (lane_figure(view, each, metric).value for each in (lane, baseline))
    alike = one.of.kind(lane) == one.of.kind(baseline) and max(mine or 0.0, theirs or 0.0) >= one.of.least
    return None if mine is None or not theirs or not alike else Estimate(mine / theirs, None)


def differs(found: Paired) -> bool:
    """Whether the interval leaves 1 out; one pair shows nothing."""
    if found.ratio.ends is None:
        return False
    low, high = found.ratio.ends
    return low > 1 + SAME or high < 1 / (1 + SAME)


def speed(ratio: float, metric: str) -> float:
    """How many times as fast a ratio of figures is, whether the metric is a time or a rate."""
    return ratio if METRICS[metric].better == "higher" else 1 / ratio


def _verdict(found: Paired, metric: str) -> Verdict:
    if found.ratio.ends is None:
        return "one pair"
    if not differs(found):
        return "no difference"
    return "faster" if speed(found.ratio.value, metric) > 1 else "slower"


def _pairs(lane: LaneState, other: LaneState, metric: str) -> Pairs:
    return pairs(lane.counted, other.counted, lambda repeat: figure_of(repeat, metric))


def _obstacle(lane: LaneState, baseline: LaneState, metric: str) -> Obstacle | None:
    """What is in the way of a comparison; None when nothing is."""
    for one in (lane, baseline):
        if one.state == "failed":
            return Obstacle("failed", one.index)
    for one in (lane, baseline):
        if all(figure_of(repeat, metric) is None for repeat in one.counted):
            return Obstacle("unknown", one.index)
        if METRICS[metric].whole and one.cut_short:
            return Obstacle("cut short", one.index)
    return None
