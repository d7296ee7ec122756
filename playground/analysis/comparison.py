"""A lane against the baseline lane: what was seen, its interval, and one sentence that says no more than these carry. Pure.

Repeats are paired by their number, so that what the machine did to both (heat, other programs) cancels. Ratios are of the lane's figure
to the baseline's, the geometric mean over the pairs; the interval is explained in stats.py.
"""

from __future__ import annotations

from playground.analysis.metric import OfLane
from playground.analysis.metrics import METRICS, figure_of, lane_figure, values
from playground.analysis.pairing import level, pairs
from playground.analysis.stats import Estimate, Paired, Pairs, difference, interval
from playground.formatting import between, count, significant
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Comparison

SAME = 0.0005
"""A ratio that differs from 1 by less is none: it would be written 1.000, and rounding alone makes such."""


def comparison(view: RunState, lane: LaneState) -> Comparison | None:
    """In TPOT, else (beam search, answers of one token) in E2E; None for the baseline itself."""
    both = values(lane, "tpot_s") and values(view.baseline, "tpot_s")
    return compare(view, lane, "tpot_s" if both else "e2e_s")


def compare(view: RunState, lane: LaneState, metric: str) -> Comparison | None:
    """In a metric (a field of `Metrics`); None for the baseline itself. What cannot be compared says why, and has no figures."""
    if lane is view.baseline:
        return None
    why = _why_not(view, lane, metric)
    found = None if why else paired(view, lane, view.baseline, metric)
    apart = difference(_pairs(lane, view.baseline, metric), level(view.request.measure)) if found else None
    low, high = (found.ratio.ends if found else None) or (None, None)
    less, more = (apart.ends if apart else None) or (None, None)
    return Comparison(
        metric=metric,
        baseline=view.baseline.index,
        pairs=found.pairs if found else 0,
        ratio=found.ratio.value if found else None,
        low=low,
        high=high,
        difference=apart.value if apart else None,
        difference_low=less,
        difference_high=more,
        needed=found.needed if found else None,
        verdict=_verdict(view, lane, metric, found) if found else why or "not compared: no repeat has a pair",
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
    """Whether the interval says so; one pair says nothing."""
    return found.ratio.ends is not None and _leaves_out_one(*found.ratio.ends)


def _leaves_out_one(low: float, high: float) -> bool:
    return low > 1 + SAME or high < 1 / (1 + SAME)


def brief(said: Comparison) -> str:
    """Its verdict in a few words, beside a lane whose baseline is known: `1.42× faster (1.38–1.47)`, `no difference (0.981–1.02×)`."""
    if said.ratio is None:
        return "not compared"
    times = _speed(said.ratio, said.metric)
    seen = f"{_times(max(times, 1 / times))}× {'faster' if times > 1 else 'slower'}{_in(said.metric)}"
    if said.low is None or said.high is None:
        return f"{seen}, one repeat"
    if _leaves_out_one(said.low, said.high):
        return f"{seen} ({_between((said.low, said.high))})"
    low, high = sorted(_speed(end, said.metric) for end in (said.low, said.high))
    return f"no difference{_in(said.metric)} ({between(significant(low), significant(high))}×)"


def name(view: RunState, lane: LaneState) -> str:
    """The label; labels may repeat, and then a lane is known by its number."""
    twin = sum(one.label == lane.label for one in view.lanes) > 1
    return f"lane {lane.index + 1} ({lane.label})" if twin else lane.label


def _pairs(lane: LaneState, other: LaneState, metric: str) -> Pairs:
    return pairs(lane.counted, other.counted, lambda repeat: figure_of(repeat, metric))


def _why_not(view: RunState, lane: LaneState, metric: str) -> str:
    """Empty when nothing is in the way."""
    baseline = view.baseline
    if lane.state == "failed":
        return "not compared: this lane failed"
    if baseline.state == "failed":
        return f"not compared: the baseline {name(view, baseline)} failed"
    for one in (lane, baseline):
        if all(figure_of(repeat, metric) is None for repeat in one.counted):
            return f"not compared: {name(view, one)} has no {METRICS[metric].spoken}"
        if METRICS[metric].whole and one.cut_short:
            return f"not compared: {name(view, one)} was cut short, and its {METRICS[metric].spoken} is of a part"
    return ""


def _verdict(view: RunState, lane: LaneState, metric: str, found: Paired) -> str:
    ends = found.ratio.ends
    if ends is None:
        return f"{_seen(view, lane, metric, found)} in one repeat, which shows no interval"
    if differs(found):
        return f"{_seen(view, lane, metric, found)} (95 %: {_between(ends)})"
    none = f"no difference{_in(metric)} that {count(found.pairs, 'repeat')} can show"
    if found.needed is not None:
        return f"{none}; about {found.needed} would"
    most = max(ends[1], 1 / ends[0], 1.001) - 1
    return f"{none}; any is below {significant(100 * most, 2)} %"


def _seen(view: RunState, lane: LaneState, metric: str, found: Paired) -> str:
    """`1.42× faster than bf16`."""
    times, baseline = _speed(found.ratio.value, metric), view.baseline
    row = " a row" if metric == "tpot_s" and lane.lane.batch != baseline.lane.batch else ""
    if max(times, 1 / times) < 1 + SAME:
        return f"as fast as {name(view, baseline)}{row}{_in(metric)}"
    return f"{_times(max(times, 1 / times))}× {'faster' if times > 1 else 'slower'} than {name(view, baseline)}{row}{_in(metric)}"


def _between(ends: tuple[float, float]) -> str:
    """The ends of an interval that leaves 1 out, as multiples above 1."""
    low, high = sorted(max(end, 1 / end) for end in ends)
    return between(_times(low), _times(high))


def _speed(ratio: float, metric: str) -> float:
    """How many times as fast, whether the metric is a time or a rate."""
    return ratio if metric.endswith("per_s") else 1 / ratio


def _times(multiple: float) -> str:
    """Near 1 with the decimals that tell it from 1."""
    return f"{multiple:.3f}" if multiple < 1.1 else significant(multiple)


def _in(metric: str) -> str:
    return "" if metric == "tpot_s" else f" in {METRICS[metric].spoken}"
