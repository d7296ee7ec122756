"""What the command line shows: progress while a run is on, the table after. Lane texts hold brackets, so nothing here is read as markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from playground.analysis.comparison import paired
from playground.analysis.figures import live_figures
from playground.analysis.slo import Target
from playground.formatting import UNKNOWN, count, duration, ratio
from playground.report.columns import Column
from playground.report.loads import adapter_words
from playground.report.published import published_table
from playground.report.slo import headings, notes
from playground.report.slo import rows as target_rows
from playground.report.table import Cell, main_cells, main_columns, rows
from playground.report.wording import lane_words, place_words
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


def results(view: RunState) -> Table:
    """The main figures of every lane, and its time per token as a multiple of the baseline's."""
    shown = main_columns(view)
    drawn = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("lane", overflow="fold")
    for heading in (*map(_heading, shown), f"TPOT ×\nlane {view.baseline.index + 1}"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for row in rows(view):
        first, *cells = [_narrow(column, cell) for column, cell in zip(shown, main_cells(view, row), strict=True)]
        found = paired(view, view.lanes[row["lane"]], view.baseline, "tpot_s")
        texts = ["failed" if row["error"] and first == UNKNOWN else first, *cells, ratio(found.ratio.value if found else None, 1.0)]
        drawn.add_row(Text(row["label"]), *map(Text, texts))
    return drawn


def published(view: RunState) -> Iterator[Table | Text]:
    """What others have published of such lanes beside the measured, and what there is to say of it; nothing when nothing was."""
    if (known := published_table(view)) is None:
        return
    yield Text(f"Published: {known['source']}.")
    drawn = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(known["headings"]):
        drawn.add_column(heading, justify="left" if number < 2 else "right", overflow="fold")
    for row in known["rows"]:
        drawn.add_row(Text(row["label"]), *map(Text, row["texts"]))
    yield drawn
    yield from map(Text, filter(None, [*known["also"], known["why"]]))


def attainment(view: RunState, target: Target) -> Iterator[Table | Text]:
    """How the lanes stand against a target."""
    yield Text(f"Target: {target.title}.")
    drawn = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("lane", overflow="fold")
    for number, heading in enumerate(headings(target)):
        drawn.add_column(heading.replace(" ≤", "\n≤").replace(" in ", "\nin "), justify="right" if number else "left", no_wrap=True)
    for lane, cells in target_rows(view, target):
        drawn.add_row(Text(lane.label), *(Text("\n".join(filter(None, (cell.text, cell.beside)))) for cell in cells))
    yield drawn
    yield Text(" ".join(notes(view.request, target)))


def adapters(view: RunState) -> Iterator[str]:
    """Of each lane with adapters, what was read back of them."""
    return (f"{lane.label}: {words}" for lane in view.lanes if (words := adapter_words(lane)))


def _heading(column: Column) -> str:
    return f"{column.title}\n{column.unit}" if column.unit in RATES else column.title.replace(" ", "\n")


def _narrow(column: Column, cell: Cell) -> str:
    return cell["text"].removesuffix(f" {column.unit}") if column.unit in RATES else cell["text"]


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
