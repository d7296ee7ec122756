"""A table of a report with what there is to say of it: plain values, drawn once each by the page, the terminal and Markdown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "baseline", "failed", "met", "missed", "changed"]


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    beside: tuple[str, ...] = ()
    """What stands beside the text, in small; where there is little room its first part only."""
    hint: str = ""
    """What the text is of, in words: for hover and screen readers."""
    value: float | None = None
    """The text as a number in SI units, for sorting; None for unknown."""
    mark: Mark = ""
    """What sets it apart, never by colour alone."""


@dataclass(frozen=True, slots=True)
class Heading:
    title: str
    meaning: str = ""
    """One sentence."""
    unit: str = ""
    """Of the cells' values; empty where they have none."""
    numeric: bool = True
    main: bool = True
    """Always shown; the others on demand."""


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[Cell, ...]
    """One a heading; the first names the row."""
    lane: int | None = None
    """Index in the request, of a row about a lane."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    """A line above it; may be empty."""
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Sentences beneath it."""

    def main(self) -> Section:
        """Without the columns that are shown on demand."""
        shown = [at for at, heading in enumerate(self.headings) if heading.main]
        rows = tuple(Row(tuple(row.cells[at] for at in shown), row.lane) for row in self.rows)
        return Section(self.title, tuple(self.headings[at] for at in shown), rows, self.notes)
