"""A run as Markdown, for an issue or a README. Pure."""

from __future__ import annotations

import re

from playground.report.section import Cell, Row, Section
from playground.report.sections import NOTHING, Choice, sections
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording.machine import noise_words
from playground.report.wording.run import caption
from playground.timeline.state import RunState


def markdown_text(view: RunState, choice: Choice = NOTHING) -> str:
    """The verdict, the results, every other section that there is something to show of, and how and where it was measured."""
    results, *others = sections(view, choice).values()
    parts = [
        f"**Result:** {escaped(line)}" if (line := verdict(view)) else "",
        section_text(results),
        "\n".join(f"- {escaped(line)}" for line in lane_verdicts(view)),
        escaped(noise_words(view)),
        *map(section_text, others),
        f"Measured: {escaped(caption(view))} · {escaped(view.created_at)}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def section_text(section: Section) -> str:
    """Its title, its main columns as a table, its notes."""
    shown = section.main()
    heading = [escaped(heading.title) for heading in shown.headings]
    aligned = ["---:" if heading.numeric else "---" for heading in shown.headings]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, aligned, *map(_row, shown.rows)))
    bullet = "- " if len(section.notes) > 1 else ""
    notes = "\n".join(bullet + escaped(note) for note in section.notes)
    return "\n\n".join(filter(None, [escaped(section.title), table, notes]))


def _row(row: Row) -> list[str]:
    number = "" if row.lane is None else f"{row.lane + 1} "
    name, *cells = map(_cell, row.cells)
    return [number + name, *cells]


def _cell(cell: Cell) -> str:
    return escaped(cell.text) + (f" ({escaped(' · '.join(cell.beside))})" if cell.beside else "")


_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def escaped(text: str | None) -> str:
    """Text on one line that Markdown takes for nothing but text, in a table's cell too."""
    return _MARKUP.sub(r"\\\1", " ".join((text or "").split()))
