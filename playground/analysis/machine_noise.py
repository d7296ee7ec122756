"""Whether the machine was quiet while it was measured, in sentences. Pure.

A repeat's conditions (trace.py) are told only where they can have moved the figures by more than what repeats usually differ by:

- others: a tenth of all cores' time, for a decoding that uses every core then waits about so much for them;
- stolen: a twentieth, for it comes in pieces of some milliseconds, which hit single tokens;
- swap: a megabyte, for a page that comes back from disk takes as long as a token, and 256 of them are no accident;
- throttling: once;
- the clock: a tenth lower in one repeat than in another. A clock that is always low is slow, not noisy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from playground.formatting import count, share, size
from playground.timeline.state import RunState
from playground.timeline.trace import Conditions

OTHERS, STOLEN, SWAPPED_BYTES, CLOCK = 0.10, 0.05, 1_000_000, 0.10


def noise(view: RunState) -> list[str]:
    """What was noticed, most telling first, over the repeats that count; empty when the machine was quiet, or does not say."""
    found = [repeat.conditions for lane in view.lanes for repeat in lane.counted if repeat.conditions is not None]
    return list(_noticed(found))


def noise_words(view: RunState) -> str:
    """In one line; empty when nothing was noticed."""
    return f"Not a quiet machine: {'; '.join(said)}." if (said := noise(view)) else ""


def _noticed(found: Sequence[Conditions]) -> Iterator[str]:
    others = [one.others_share for one in found if one.others_share is not None and one.others_share >= OTHERS]
    if others:
        where = _where(len(others), len(found))
        most = share(max(others))
        yield f"other programs (this page and its browser among them, if they ran here) took up to {most} of the processor {where}"
    stolen = [one.stolen_share for one in found if one.stolen_share is not None and one.stolen_share >= STOLEN]
    if stolen:
        yield f"the host of this virtual machine took up to {share(max(stolen))} of the processor {_where(len(stolen), len(found))}"
    swapped = [one.swapped_bytes for one in found if one.swapped_bytes is not None and one.swapped_bytes >= SWAPPED_BYTES]
    if swapped:
        yield f"up to {size(max(swapped))} went to or from swap {_where(len(swapped), len(found))}"
    throttled = sum(1 for one in found if one.throttled)
    if throttled:
        yield f"the clock was held back for heat or power {_where(throttled, len(found))}"
    clocks = [one.clock_share for one in found if one.clock_share is not None]
    if clocks and min(clocks) < (1 - CLOCK) * max(clocks):
        yield f"the clock lay between {share(min(clocks))} and {share(max(clocks))} of its highest"


def _where(some: int, all_: int) -> str:
    """In how many of the lanes' repeats."""
    return f"in {some} of {count(all_, 'repeat')}"
