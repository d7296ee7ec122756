"""Sections of a report → plain JSON for the one drawer in the browser (`section.js`); only what changed is sent again. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import NotRequired, TypedDict, cast

from playground.report.section import Cell, Heading, Mark, Row, Section
from playground.report.sections import NOTHING, sections
from playground.report.sections.read_as import TOOLS, read_as
from playground.timeline.state import RunState


class CellRecord(TypedDict):
    """A `Cell`; what is empty is left out."""

    text: str
    beside: NotRequired[tuple[str, ...]]
    hint: NotRequired[str]
    value: NotRequired[float]
    mark: NotRequired[Mark]


class RowRecord(TypedDict):
    lane: int | None
    cells: list[CellRecord]


class SectionRecord(TypedDict):
    title: str
    headings: tuple[Heading, ...]
    rows: list[RowRecord]
    notes: tuple[str, ...]


class RowsChange(TypedDict):
    """Of a section's rows those that are another, by their places."""

    changed: dict[int, RowRecord]


class ToolRecord(TypedDict):
    name: str
    title: str


class SectionsStart(TypedDict):
    """What a run's first record has of its sections."""

    sections: dict[str, SectionRecord]
    """By key."""
    tools: list[ToolRecord]
    readings: dict[str, SectionRecord]
    """A section for each tool by whose definitions a reader may look at the run."""


class SectionsChanges(TypedDict, total=False):
    """What a frame has of them."""

    sections: dict[str, SectionRecord | RowsChange]
    """By key: the rows that are another, or all of one that is new."""
    readings: dict[str, SectionRecord]


class SectionFeed:
    """One run's sections: whole at first, then the rows that changed."""

    def __init__(self, view: RunState) -> None:
        self._view = view
        self._sent: dict[str, Section] = {}
        self._readings_sent = False

    def start(self) -> SectionsStart:
        self._sent = sections(self._view, NOTHING)
        return {
            "sections": {key: section_record(section) for key, section in self._sent.items()},
            "tools": [{"name": name, "title": tool.title} for name, tool in TOOLS.items()],
            "readings": self._readings(),
        }

    def changes(self) -> SectionsChanges:
        """Of each section that is another now its rows by their place, or all of it when it is new; readings once, when the run is over:
        every timeline is read anew for them, which must not happen beside what is measured."""
        before, self._sent = self._sent, sections(self._view, NOTHING)
        found = {key: _change(before.get(key), section) for key, section in self._sent.items()}
        changes: SectionsChanges = {"sections": known} if (known := {key: change for key, change in found.items() if change}) else {}
        if self._view.status in ("done", "cancelled") and not self._readings_sent:
            self._readings_sent = True
            changes["readings"] = self._readings()
        return changes

    def _readings(self) -> dict[str, SectionRecord]:
        return {name: section_record(read_as(self._view, tool)) for name, tool in TOOLS.items()}


def section_record(section: Section) -> SectionRecord:
    rows = [_row(row) for row in section.rows]
    return {"title": section.title, "headings": section.headings, "rows": rows, "notes": section.notes}


def _row(row: Row) -> RowRecord:
    return {"lane": row.lane, "cells": [_cell(cell) for cell in row.cells]}


def _cell(cell: Cell) -> CellRecord:
    return cast(CellRecord, {name: value for name, value in asdict(cell).items() if value not in ("", (), None)})


def _change(before: Section | None, now: Section) -> SectionRecord | RowsChange | None:
    if before is None or before.headings != now.headings or len(before.rows) != len(now.rows) or before.notes != now.notes:
        return section_record(now)
    rows = {at: _row(row) for at, (row, old) in enumerate(zip(now.rows, before.rows, strict=True)) if row != old}
    return {"changed": rows} if rows else None
