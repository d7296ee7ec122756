"""How lanes stand against a target. Pure."""

from __future__ import annotations

from playground.analysis.slo import Target
from playground.report import slo
from playground.report.section import Cell, Heading, Mark, Row, Section
from playground.timeline.state import LaneState, RunState


def targets(view: RunState, target: Target) -> Section:
    headings = [Heading(title, meaning, numeric=number > 0) for number, (title, meaning) in enumerate(slo.explained_headings(target))]
    rows = tuple(_row(lane, cells) for lane, cells in slo.rows(view, target))
    notes = " ".join(slo.notes(view.request, target))
    return Section(f"Target: {target.title}.", (Heading("Lane", numeric=False), *headings), rows, (notes,))


def _row(lane: LaneState, cells: list[slo.Cell]) -> Row:
    return Row((Cell(lane.label), *map(_cell, cells)), lane.index)


def _cell(cell: slo.Cell) -> Cell:
    mark: Mark = "" if cell.met is None else "met" if cell.met else "missed"
    return Cell(cell.text, (cell.beside,) if cell.beside else (), mark=mark)
