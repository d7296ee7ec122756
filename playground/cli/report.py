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

from playground.events import Event, LaneFailed, LaneLoaded, RepeatFinished, RunQueued
from playground.format import UNKNOWN, count, duration, ratio, significant, size
from playground.trace import Metrics
from playground.view import LaneView, RunView
from playground.words import environment_words, lane_words, measure_words, place_words

REDRAW_S = 0.25
"""Redrawing shares the machine with what is measured; a few times a second is enough to read."""


def console(stderr: bool) -> Console:
    """A terminal's own width; a file or a pipe gets room for every column."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=max(made.width, 140))


def results(view: RunView) -> Table:
    """The figures of every lane against the first lane's."""
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("lane", overflow="fold")
    for heading in ("TTFT", "TPOT", "decode\ntok/s", "E2E", "load", "memory", "TPOT ×\nfirst"):
        table.add_column(heading, justify="right", no_wrap=True)
    baseline = view.lanes[0].figure("tpot_s")
    for lane in view.lanes:
        table.add_row(Text(lane.label), *(Text(cell) for cell in _cells(lane, baseline)))
    return table


def _cells(lane: LaneView, baseline: float | None) -> tuple[str, ...]:
    load = f"{duration(lane.load_s)} {lane.load_kind}" if lane.load_kind else UNKNOWN
    throughput = lane.figure("decode_tokens_per_s")
    return (
        "failed" if lane.error else duration(lane.figure("ttft_s")),
        duration(lane.figure("tpot_s")),
        significant(throughput) if throughput else UNKNOWN,
        duration(lane.figure("e2e_s")),
        load,
        size(lane.memory_bytes),
        ratio(lane.figure("tpot_s"), baseline),
    )


def caption(view: RunView) -> str:
    """How the figures came about, and where."""
    stopped = ["stopped before the end"] if view.status == "cancelled" else []
    machine = [environment_words(view.environment)] if view.environment else []
    return " · ".join([measure_words(view.request), f"model {view.request.model}", *machine, *stopped])


def failures(view: RunView) -> Iterator[str]:
    """One sentence for each lane that failed."""
    return (f"{lane.label} failed: {lane.error}" for lane in view.lanes if lane.error)


def _progress(view: RunView) -> Table:
    table = Table.grid(padding=(0, 2))
    for _column in ("lane", "what it does"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for lane in view.lanes:
        live = lane.live_figures() if lane.current else Metrics()
        table.add_row(Text(lane.label), Text(lane_words(view, lane, live)))
    return table


@contextmanager
def progress(err: Console, view: RunView) -> Iterator[Callable[[Event | None], None]]:
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


def _milestone(err: Console, view: RunView, event: Event | None) -> None:
    match event:
        case RunQueued():
            err.print(f"waiting, {place_words(view)}")
        case LaneLoaded():
            err.print(f"{view.lanes[event.lane].label}: loaded in {duration(event.load_s)} ({event.load_kind})")
        case RepeatFinished():
            lane = view.lanes[event.lane]
            last = lane.repeats[-1]
            kind = "warm-up" if last.warmup else f"repeat {len(lane.counted)} of {view.request.measure.repeats}"
            tokens = sum(len(row) for row in last.output_ids)
            err.print(f"{lane.label}: {kind} {'stopped' if 'cancelled' in last.finish else 'done'}, {count(tokens, 'token')}")
        case LaneFailed():
            err.print(f"{view.lanes[event.lane].label}: failed: {event.message}")
        case _:
            pass
