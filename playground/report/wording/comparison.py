"""A lane beside the baseline, in words with a number that go no further than the pairs of repeats carry."""

from __future__ import annotations

from typing import assert_never

from playground.analysis.comparison import SAME, Comparison, Obstacle, comparison, speed
from playground.analysis.metrics import METRICS, lane_figure
from playground.analysis.output_diff import difference
from playground.formatting import between, count, share, significant
from playground.report.wording.lane import lane_name
from playground.timeline.state import LaneState, RunState


def compared_words(view: RunState, lane: LaneState) -> tuple[str, str]:
    """How the lane compares with the baseline: for its card, and as a sentence. Empty while nothing is compared."""
    if len(view.lanes) == 1 or not lane.counted:
        return "", ""
    if (found := comparison(view, lane)) is None:
        return "baseline", "The other lanes are compared with this one"
    sentence = comparison_sentence(view, lane, found)
    return comparison_brief(found), f"{sentence[:1].upper()}{sentence[1:]}"


def comparison_brief(found: Comparison) -> str:
    """In a few words, beside a lane whose baseline is known: `1.42× faster (1.38–1.47)`, `no difference (0.981–1.02×)`."""
    if found.ratio is None:
        return "not compared"
    times = speed(found.ratio, found.metric)
    change = f"{_times(max(times, 1 / times))}× {'faster' if times > 1 else 'slower'}{_in(found.metric)}"
    if found.ends is None:
        return f"{change}, one repeat"
    if found.verdict != "no difference":
        return f"{change} ({_between(found.ends)})"
    low, high = sorted(speed(end, found.metric) for end in found.ends)
    return f"no difference{_in(found.metric)} ({between(significant(low), significant(high))}×)"


def comparison_sentence(view: RunState, lane: LaneState, found: Comparison) -> str:
    """In one sentence, without its capital: `1.42× faster than bf16 (95 %: 1.38–1.47)`; why, where nothing is compared."""
    if found.obstacle is not None:
        return f"not compared: {_obstacle(view, lane, found.obstacle, METRICS[found.metric].spoken)}"
    if found.ends is None:
        return f"{_change(view, lane, found)} in one repeat, which shows no interval"
    if found.verdict != "no difference":
        return f"{_change(view, lane, found)} (95 %: {_between(found.ends)})"
    none = f"no difference{_in(found.metric)} that {count(found.pairs, 'repeat')} can show"
    if found.needed is not None:
        return f"{none}; about {found.needed} would"
    most = max(found.ends[1], 1 / found.ends[0], 1.001) - 1
    return f"{none}; any is below {significant(100 * most, 2)} %"


def _obstacle(view: RunState, lane: LaneState, found: Obstacle, figure: str) -> str:
    name = lane_name(view, view.lanes[found.lane])
    match found.kind:
        case "failed":
            return "this lane failed" if found.lane == lane.index else f"the baseline {name} failed"
        case "unknown":
            return f"{name} has no {figure}"
        case "cut short":
            return f"{name} was cut short, and its {figure} is of a part"
        case "no pair":
            return "no repeat has a pair"
        case _:
            assert_never(found.kind)


def _change(view: RunState, lane: LaneState, found: Comparison) -> str:
    """`1.42× faster than bf16`."""
    times, baseline = speed(found.ratio or 1.0, found.metric), view.lanes[found.baseline]
    row = " a row" if found.metric == "tpot_s" and lane.lane.batch != baseline.lane.batch else ""
    beside = f"{lane_name(view, baseline)}{row}{_in(found.metric)}"
    if max(times, 1 / times) < 1 + SAME:
        return f"as fast as {beside}"
    return f"{_times(max(times, 1 / times))}× {'faster' if times > 1 else 'slower'} than {beside}"


def _between(ends: tuple[float, float]) -> str:
    """The ends of an interval that leaves 1 out, as multiples above 1."""
    low, high = sorted(max(end, 1 / end) for end in ends)
    return between(_times(low), _times(high))


def _times(multiple: float) -> str:
    """Near 1 with the decimals that tell it from 1."""
    return f"{multiple:.3f}" if multiple < 1.1 else significant(multiple)


def _in(metric: str) -> str:
    return "" if metric == "tpot_s" else f" in {METRICS[metric].spoken}"


def neighbour_words(view: RunState, lane: LaneState) -> str:
    """Of a contended lane: what its neighbours cost it."""
    times = lane_figure(view, lane, "slowdown").value if view.request.measure.schedule == "contended" else None
    return f"{significant(times)}× its time alone" if times is not None else ""


def change_words(view: RunState, lane: LaneState) -> str:
    """How the output departs from the baseline's, in a few words, for a card; empty while nothing is known."""
    if lane is view.baseline:
        return ""
    found = difference(view, lane)
    tokens = [] if found is None else ["same tokens" if found.first is None else f"differs at token {found.first:,}"]
    agreed = [f"{share(lane.agreement.top1)} agree"] if lane.agreement is not None else []
    return " · ".join(tokens + agreed)
