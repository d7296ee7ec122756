"""When a run that goes on until it is sure may end: once every lane's interval is narrow enough, and was so before. Pure."""

from __future__ import annotations

from playground.analysis.comparison import comparison, paired
from playground.analysis.stats import Paired
from playground.timeline.state import LaneState, RunState

SURE_FROM = 6
"""Pairs that a run which goes on until it is sure has at least."""
LOOK_BACK = 2
"""It was sure with so many pairs less, too."""


def unsure(view: RunState) -> list[LaneState]:
    """Of a run that goes on until it is sure: the lanes whose interval is not narrow enough yet, or was not two pairs ago."""
    until = view.request.measure.until
    if until is None or view.baseline.state == "failed":
        return []
    others = [lane for lane in view.lanes if lane is not view.baseline and lane.state != "failed"]
    return [lane for lane in others if not _sure(view, lane, until.width)]


def widest_interval(view: RunState) -> float | None:
    """Of all lanes that are compared, as a share of the ratio; None while there is none."""
    compared = [one for lane in view.lanes if lane.state != "failed" and (one := comparison(view, lane)) is not None]
    widths = [(one.ends[1] - one.ends[0]) / one.ratio for one in compared if one.ratio and one.ends]
    return max(widths, default=None)


def repeats_to_add(view: RunState, spent_s: float) -> int:
    """Of a run that goes on until it is sure: how many repeats now, at this time since its first one began; 0 when it has ended.

    Up to the next even number, so that lanes which run one after the other are as often first as last.
    """
    until, repeats = view.request.measure.until, view.request.measure.repeats
    if until is None or spent_s >= until.limit_s or not unsure(view):
        return 0
    return max(0, min(2 - repeats % 2, until.most - repeats))


def width(found: Paired) -> float | None:
    """Of the ratio's interval, as a share of the ratio."""
    ends = found.ratio.ends
    return None if ends is None else (ends[1] - ends[0]) / found.ratio.value


def _sure(view: RunState, lane: LaneState, least: float) -> bool:
    compared = comparison(view, lane)
    if compared is None or compared.pairs < SURE_FROM:
        return False
    looks = [paired(view, lane, view.baseline, compared.metric, but_last) for but_last in (0, LOOK_BACK)]
    widths = [width(look) for look in looks if look is not None]
    return all(one is not None and one < least for one in widths)
