"""How far a lane's output departs from the baseline's: its first other token, and how often its model would choose the same. Pure.

Tokens are compared by their ids, over rows of the same prompt, in the first repeat that counts. Lanes of another model than
the baseline's are not compared: the same id may be another token there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playground.timeline.state import LaneState, RunState

Tokens = Sequence[int]


@dataclass(frozen=True, slots=True)
class Difference:
    """`first`: the number of the first token that differs, counted from 1; None: none of those compared does."""

    first: int | None
    compared: int
    """Tokens, all rows together."""


def difference(view: RunState, lane: LaneState) -> Difference | None:
    """The lane's from the baseline's; None for the baseline itself, and where nothing can be compared."""
    baseline = view.baseline
    if (
        lane is baseline
        or not lane.counted
        or not baseline.counted
        or view.request.model_id(lane.lane) != view.request.model_id(baseline.lane)
    ):
        return None
    pairs = list(_pairs(view, lane.counted[0].output_ids, baseline.counted[0].output_ids))
    compared = sum(min(len(one), len(other)) for one, other in pairs)
    departs = [at for one, other in pairs if (at := first_difference(one, other)) is not None]
    return Difference(min(departs, default=None), compared) if compared else None


def first_difference(one: Tokens, other: Tokens) -> int | None:
    """The number, from 1, of the first token in which two rows differ; None when they are equal as far as both go."""
    return next((at for at, (mine, theirs) in enumerate(zip(one, other, strict=False), start=1) if mine != theirs), None)


def _pairs(view: RunState, rows: Sequence[Tokens], others: Sequence[Tokens]) -> Iterator[tuple[Tokens, Tokens]]:
    """Each row and the baseline's of the same prompt: the one of the same number, else the first one."""
    prompts = len(view.request.workload.prompts)
    for index, row in enumerate(rows):
        same = index if index < len(others) else index % prompts
        if same < len(others):
            yield row, others[same]
