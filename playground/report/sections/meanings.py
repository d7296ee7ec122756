"""What every metric means. Pure."""

from __future__ import annotations

from playground.analysis.metrics import METRICS
from playground.report.section import Cell, Heading, Row, Section


def meanings() -> Section:
    """The README's table: tests/test_readme.py holds it to this."""
    headings = tuple(Heading(title, numeric=False) for title in ("Figure", "Unit", "What it is"))
    return Section("", headings, tuple(Row((Cell(one.title), Cell(one.unit), Cell(one.meaning))) for one in METRICS.values()))
