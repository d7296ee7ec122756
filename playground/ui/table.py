"""The results table: rows of text from a run's view. Drawn by the live component."""

from __future__ import annotations

from typing import NamedTuple

from playground.format import UNKNOWN, duration, rate, ratio, size
from playground.view import LaneView, RunView


class Column(NamedTuple):
    title: str
    meaning: str
    """One sentence, shown on hover and read by screen readers."""


COLUMNS = (
    Column("Lane", "How the model is held and how it decodes; the first lane is the baseline."),
    Column("TTFT", "Time to first token: from handing over the request, with the variant loaded, to the first output token."),
    Column("TPOT", "Time per output token after the first: decode time ÷ (tokens − 1); of a batch the median over its rows."),
    Column("TPOT ÷ lane 1", "Time per output token as a multiple of the first lane’s: below 1 is faster."),
    Column("Decode, all rows", "Tokens per second after the first token, all rows of the batch together."),
    Column("E2E", "End to end: tokenizing, prefill, decoding and detokenizing."),
    Column("Load", "From asking for the variant to ready to run, and where it came from."),
    Column("Memory", "The weights as they are held, adapter included."),
)


def rows(view: RunView) -> list[list[str]]:
    """One row a lane: medians of the counted repeats, "–" for what is unknown. A short row's last cell spans the rest."""
    baseline = view.lanes[0].figure("tpot_s")
    return [_row(lane, baseline) for lane in view.lanes]


def _row(lane: LaneView, baseline_s: float | None) -> list[str]:
    """A failed lane's last cell is its sentence; it takes the place of all that is not known, and of load and memory."""
    tpot_s = lane.figure("tpot_s")
    figures = [
        duration(lane.figure("ttft_s")),
        duration(tpot_s),
        ratio(tpot_s, baseline_s),
        rate(lane.figure("decode_tokens_per_s")),
        duration(lane.figure("e2e_s")),
    ]
    if lane.state == "failed":
        return [lane.label, *(figures if lane.counted else []), f"failed: {lane.error}"]
    return [lane.label, *figures, f"{duration(lane.load_s)}, {lane.load_kind}" if lane.load_kind else UNKNOWN, size(lane.memory_bytes)]
