"""What was read back of lanes' adapters. Pure."""

from __future__ import annotations

from playground.report.loads import adapter_words
from playground.report.section import Cell, Heading, Row, Section
from playground.timeline.state import RunState


def adapters(view: RunState) -> Section | None:
    """None when no lane that was loaded has one."""
    known = [(lane, words) for lane in view.lanes if (words := adapter_words(lane))]
    rows = tuple(Row((Cell(lane.label), Cell(words)), lane.index) for lane, words in known)
    headings = (Heading("Lane", numeric=False), Heading("Adapters", numeric=False))
    return Section("Adapters, as read back from the loaded lanes:", headings, rows) if rows else None
