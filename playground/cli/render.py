"""What the command line shows: progress while a run is on, the table after. Lane texts hold brackets, so nothing here is read as markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from playground.analysis.metrics import live_figures
from playground.formatting import count, duration
from playground.report.section import Cell, Heading, Row, Section
from playground.report.wording.lane import lane_words
from playground.report.wording.run import place_words
from playground.timeline.events import Event, LaneFailed, LaneLoaded, RepeatFinished, RepeatsAdded, RunQueued
from playground.timeline.state import RunState

REDRAW_S = 0.25
"""Redrawing shares the machine with what is measured; a few times a second is enough to read."""

RATES = ("tok/s", "req/s")
"""Units that always stay the same: said once, in the heading, for a terminal is narrow."""


def console(stderr: bool) -> Console:
    """A terminal's own width; a file or a pipe gets room for every column."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=max(made.width, 140))


def drawn(section: Section) -> Iterator[Table | Text]:
    """A section's title, its main columns, its notes. What stands beside a figure stands beneath it here, for a terminal is narrow."""
    if section.title:
        yield Text(section.title)
    shown = section.main()
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(shown.headings):
        justify: Literal["left", "right"] = "right" if heading.numeric else "left"
        table.add_column(_heading(heading, number), justify=justify, no_wrap=heading.numeric, overflow="fold")
    for row in shown.rows:
        table.add_row(*(Text(_cell(cell, heading, row)) for cell, heading in zip(row.cells, shown.headings, strict=True)))
    yield table
    yield from map(Text, section.notes)


def _heading(heading: Heading, number: int) -> str:
    if not heading.numeric:
        return heading.title if number else heading.title.lower()
    return f"{heading.title}\n{heading.unit}" if heading.unit in RATES else heading.title.replace(" ", "\n", 1)


def _cell(cell: Cell, heading: Heading, row: Row) -> str:
    """Of a lane's own cell only that it failed: why is a sentence of its own."""
    text = cell.text.removesuffix(f" {heading.unit}") if heading.unit in RATES else cell.text
    beneath = cell.mark if cell is row.cells[0] else "".join(cell.beside[:1])
    return f"{text}\n{beneath}" if beneath else text


def failures(view: RunState) -> Iterator[str]:
    """One sentence for each lane that failed."""
    return (f"{lane.label} failed: {lane.error}" for lane in view.lanes if lane.error)


def _progress(view: RunState) -> Table:
    table = Table.grid(padding=(0, 2))
    for _column in ("lane", "what it does"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for lane in view.lanes:
        live = live_figures(lane)
        table.add_row(Text(lane.label), Text(lane_words(view, lane, live)))
    return table


@contextmanager
def progress(err: Console, view: RunState) -> Iterator[Callable[[Event | None], None]]:
    """Gives what to call with each event: in a terminal one line a lane, redrawn; in a file a line for each milestone."""
    if not err.is_terminal:
        yield lambda event: _milestone(err, view, event)
        return
    drawn = time.monotonic()
    with Live(console=err, auto_refresh=False, transient=True) as live:

        def show(_event: Event | None) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= REDRAW_S:
                live.update(_progress(view), refresh=True)
                drawn = time.monotonic()

        yield show


def _milestone(err: Console, view: RunState, event: Event | None) -> None:
    match event:
        case RunQueued():
            err.print(f"waiting, {place_words(view)}")
        case LaneLoaded():
            err.print(f"{view.lanes[event.lane].label}: loaded in {duration(event.load_s)} ({event.load_kind})")
        case RepeatFinished():
            lane = view.lanes[event.lane]
            last = lane.repeats[-1]
            number, alone = event.repeat - view.request.measure.warmup + 1, " alone" if last.alone else ""
            kind = "warm-up" if last.warmup else f"repeat {number} of {view.request.measure.repeats}{alone}"
            tokens = sum(len(row) for row in last.output_ids)
            err.print(f"{lane.label}: {kind} {'stopped' if 'cancelled' in last.finish else 'done'}, {count(tokens, 'token')}")
        case RepeatsAdded():
            err.print(f"not sure yet: {count(event.repeats, 'repeat')} more")
        case LaneFailed():
            err.print(f"{view.lanes[event.lane].label}: failed: {event.message}")
        case _:
            pass
