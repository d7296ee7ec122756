"""Repeats of two lanes that are pairs, and what they show. Pure.

Repeats are paired by their number, so that what the machine did to both (heat, other programs) cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from playground.analysis.measuring import measure
from playground.analysis.stats import LEVEL, Paired, Pairs, interval
from playground.spec.measure import Measure
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

UNTIL_LEVEL = 0.965
"""A run that ends when its intervals are narrow ends too often when they look narrower than they are. By simulation
(tests/benchmarks/coverage.py), 95 % intervals then hold the truth 91 to 95 % of the time, depending on how large lognormal noise is. Ended
only when it was sure twice, and with Student's quantile of 96.5 %, they hold it 95 to 97 % of the time (heavy tails too; where one repeat
in ten is hit 96 to 98 %): these are the run's 95 % intervals."""


def level(how: Measure) -> float:
    """The level at which a run's intervals are worked out, to hold the truth 95 % of the time."""
    return UNTIL_LEVEL if how.until else LEVEL


def pairs(repeats: Sequence[Trace], others: Sequence[Trace], figure: Callable[[Trace], float | None]) -> Pairs:
    """A figure of two lanes' repeats by their number. A figure of 0 has no ratio."""
    mine, theirs = _numbered(repeats, figure), _numbered(others, figure)
    return tuple((mine[number], theirs[number]) for number in sorted(mine.keys() & theirs.keys()))


def _numbered(repeats: Sequence[Trace], figure: Callable[[Trace], float | None]) -> dict[int, float]:
    known = {repeat.number: figure(repeat) for repeat in repeats}
    return {number: value for number, value in known.items() if value}


def slowdown(view: RunState, lane: LaneState) -> Paired | None:
    """Of a contended run: what the lane takes among the others ÷ what it takes alone, paired by repeat. In TPOT, else in E2E."""
    alone, at = [repeat for repeat in lane.alone if not repeat.cold], level(view.request.measure)
    if tpot := pairs(lane.counted, alone, lambda repeat: measure(repeat).tpot_s):
        return interval(tpot, at)
    return None if lane.cut_short else interval(pairs(lane.counted, alone, lambda repeat: measure(repeat).e2e_s), at)
