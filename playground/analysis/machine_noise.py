"""Whether the machine was quiet while it was measured. Pure.

Of a repeat's conditions (trace.py) only what can have moved the figures by more than repeats usually differ by is a disturbance:

- others: a tenth of all cores' time, for a decoding that uses every core then waits about so much for them;
- stolen: a twentieth, for it comes in pieces of some milliseconds, which hit single tokens;
- swap: a megabyte, for a page that comes back from disk takes as long as a token, and 256 of them are no accident;
- throttling: once;
- the clock: a tenth lower in one repeat than in another. A clock that is always low is slow, not noisy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.timeline.state import RunState
from playground.timeline.trace import Conditions

OTHERS, STOLEN, SWAPPED_BYTES, THROTTLED, CLOCK = 0.10, 0.05, 1_000_000, 1, 0.10


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that was not quiet."""

    kind: Literal["others", "stolen", "swap", "throttling", "clock"]
    least: float
    most: float
    """In the disturbed repeats: shares (0 to 1) of the processor or of its highest clock; bytes; times."""
    repeats: int
    """Disturbed ones; of a clock that changed, those that know it."""
    of: int
    """Repeats whose conditions are known."""


def disturbances(view: RunState) -> list[Disturbance]:
    """Over the repeats that count, what weighs most first; empty when the machine was quiet, or its conditions are unknown."""
    found = [repeat.conditions for lane in view.lanes for repeat in lane.counted if repeat.conditions is not None]
    every = (
        _above("others", found, lambda one: one.others_share, OTHERS),
        _above("stolen", found, lambda one: one.stolen_share, STOLEN),
        _above("swap", found, lambda one: one.swapped_bytes, SWAPPED_BYTES),
        _above("throttling", found, lambda one: one.throttled, THROTTLED),
        _changed_clock(found),
    )
    return [one for one in every if one is not None]


def _above(
    kind: Literal["others", "stolen", "swap", "throttling"],
    found: Sequence[Conditions],
    of: Callable[[Conditions], float | None],
    least: float,
) -> Disturbance | None:
    """Repeats in which a condition reaches its limit; None of none."""
    values = [value for one in found if (value := of(one)) is not None and value >= least]
    return Disturbance(kind, min(values), max(values), len(values), len(found)) if values else None


def _changed_clock(found: Sequence[Conditions]) -> Disturbance | None:
    clocks = [one.clock_share for one in found if one.clock_share is not None]
    if not clocks or min(clocks) >= (1 - CLOCK) * max(clocks):
        return None
    return Disturbance("clock", min(clocks), max(clocks), len(clocks), len(found))
