"""What was read back of lanes' adapters. Pure."""

from __future__ import annotations

from playground.formatting import UNKNOWN
from playground.report.loads import adapter_words
from playground.report.section import Cell, Heading, Row, Section
from playground.timeline.state import RunState


def adapters(view: RunState) -> Section | None:
    """None when no lane has one; what is read back of a lane is unknown until it is loaded."""
    lanes = [lane for lane in view.lanes if lane.lane.variant.adapters]
    rows = tuple(Row((Cell(lane.label), Cell(adapter_words(lane) or UNKNOWN)), lane.index) for lane in lanes)
    headings = (Heading("Lane", numeric=False), Heading("Adapters", numeric=False))
    return Section("Adapters, as read back from the loaded lanes:", headings, rows) if rows else None
