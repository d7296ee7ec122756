"""Where a repeat's time went, from the request to the whole answer: T = tokenizing + prefill + decoding + post. Pure.

Medians of parts do not add up to the median of the whole. So one of a lane's repeats stands for it: the one whose E2E is the median of
those that count, the lower of the two middle ones. Its parts are whole microseconds between four instants, and add up to its E2E exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from playground.analysis.measuring import Metrics, measure_running
from playground.timeline.state import LaneState
from playground.timeline.trace import Trace

PARTS = ("tokenizing", "prefill", "decoding", "post")
"""Beam search: prefill is its first step, decoding the others. Of a server a fifth would be known, the network."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Of one repeat."""

    parts_us: tuple[int, ...]
    """In the order of `PARTS`; of a repeat in progress those that are known, of which the last still grows."""
    repeats: int
    """Of how many it is the middle one; 0: it is in progress."""

    @property
    def e2e_us(self) -> int:
        return sum(self.parts_us)


def breakdown(lane: LaneState) -> Breakdown | None:
    """Of the lane's middle repeat, else of the one in progress, if it counts; None before the first token."""
    if known := sorted((repeat for repeat in lane.counted if repeat.steps), key=lambda repeat: repeat.end_s):
        return Breakdown(_between(_instants(known[(len(known) - 1) // 2])), len(known))
    if lane.current is None or lane.current is not lane.first:
        return None
    instants = _known_instants(measure_running(lane.current))
    return Breakdown(_between(instants), 0) if instants else None


def _instants(repeat: Trace) -> list[float]:
    return [repeat.tokenize_s, repeat.steps[0].t_s, repeat.steps[-1].t_s, repeat.end_s]


def _known_instants(live: Metrics) -> list[float]:
    if live.tokenize_s is None or live.prefill_s is None or live.decode_s is None:
        return []
    first = live.tokenize_s + live.prefill_s
    return [live.tokenize_s, first, first + live.decode_s]


def _between(instants: list[float]) -> tuple[int, ...]:
    """Rounding the instants, not the parts: so nothing is lost between them."""
    return tuple(later - earlier for earlier, later in pairwise([0, *(round(instant * 1e6) for instant in instants)]))
