"""Making a lane's variant ready: how long it took, from where it came, and what hangs on it, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from playground.analysis.metrics import METRICS
from playground.formatting import count
from playground.report.figures import figure_text
from playground.timeline.state import LaneState
from playground.timeline.trace import Load

MOST_TARGETS = 3
"""More kinds of layers are counted, not named."""

CAME_FROM: Mapping[str, str] = {
    "cold": "read from its files",
    "prequantized": "from its pre-quantized copy",
    "host": "back from the host’s memory",
    "attached": "put on a base in place",
    "resident": "in place already",
}


def load_time(load_s: float) -> str:
    return figure_text(METRICS["load_s"], load_s)


def swap_words(lane: LaneState) -> str:
    """The lane's first load; later ones, for which others had to make room, are counted. Empty before there is one."""
    if not lane.loads:
        return ""
    later = f" (and {count(len(lane.loads) - 1, 'time')} more)" if len(lane.loads) > 1 else ""
    return f"ready in {_words(lane.loads[0])}{later}"


def every_swap(lane: LaneState) -> str:
    """All of the lane's loads, in order."""
    first, *later = [_words(load) for load in lane.loads] or [""]
    return "; ".join([f"Ready in {first}", *(f"had to make room, and ready again in {words}" for words in later)]) if first else ""


def _words(load: Load) -> str:
    return f"{load_time(load.load_s)}, {CAME_FROM[load.load_kind]}"


def adapter_words(lane: LaneState) -> str:
    """What was read back of a loaded lane's adapters: `faq: rank 8 on q_proj, v_proj, 60 modules`; empty when it has none."""
    return "; ".join(_adapters(lane))


def _adapters(lane: LaneState) -> Iterator[str]:
    """Of facts that a reader of old recordings may lack, what is there."""
    for one in lane.facts.adapters:
        targets = [one.targets] if isinstance(one.targets, str) else list(one.targets or ())
        named = ", ".join(targets) if len(targets) <= MOST_TARGETS else f"{len(targets)} kinds of layers"
        parts = [
            f"rank {one.rank} on {named}",
            count(one.modules or 0, "module"),
            *(["untrained"] if one.sha256 is None else []),
            *(["merged"] if lane.facts.merged else []),
            *([_rows(one.rows)] if len(one.rows) < lane.lane.batch else []),
        ]
        yield f"{one.name}: {', '.join(parts)}"


def _rows(rows: tuple[int, ...]) -> str:
    numbers = [str(row + 1) for row in rows]
    return f"row {numbers[0]}" if len(rows) == 1 else f"rows {', '.join(numbers)}"
