"""What the command line shows: progress while a run is on, the table after. Lane texts hold brackets, so nothing here is read as markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from playground.events import Event, LaneFailed, LaneLoaded, RepeatFinished, RunQueued
from playground.runner import Run
from playground.view import LaneView, RunView, lane_tokens

UNKNOWN = "–"
REDRAW_S = 0.25
"""Redrawing shares the machine with what is measured; a few times a second is enough to read."""


def digits(value: float) -> str:
    """Three significant figures, without an exponent: 0.0123 · 1.23 · 123 · 12300."""
    if value == 0:
        return "0"
    rounded = f"{value:.2e}"
    exponent = int(rounded.partition("e")[2])
    return f"{float(rounded):.{max(0, 2 - exponent)}f}"


def seconds(value: float | None) -> str:
    """A duration with its unit: 26.8 ms, 2.53 s."""
    if value is None:
        return UNKNOWN
    return f"{digits(value * 1000)} ms" if value < 0.9995 else f"{digits(value)} s"


def size(value: float | None) -> str:
    """Bytes as MB or GB, of 10⁶ and 10⁹."""
    if value is None:
        return UNKNOWN
    return f"{digits(value / 1e6)} MB" if value < 999.5e6 else f"{digits(value / 1e9)} GB"


def plain(value: float | None, unit: str = "") -> str:
    """A number with its unit, if known."""
    return UNKNOWN if value is None else f"{digits(value)}{unit}"


def console(stderr: bool) -> Console:
    """A terminal's own width; a file or a pipe gets room for every column."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=max(made.width, 140))


# After a run


def results(view: RunView) -> Table:
    """The figures of every lane against the first lane's."""
    table = Table(header_style="bold")
    table.add_column("lane", overflow="fold")
    for heading in ("TTFT", "TPOT", "decode tok/s", "E2E", "load", "memory", "TPOT × first"):
        table.add_column(heading, justify="right")
    baseline = view.lanes[0].figure("tpot_s")
    for lane in view.lanes:
        table.add_row(Text(lane.label), *(Text(cell) for cell in _cells(lane, baseline)))
    return table


def _cells(lane: LaneView, baseline: float | None) -> tuple[str, ...]:
    tpot = lane.figure("tpot_s")
    load = seconds(lane.load_s) + (f" {lane.load_kind}" if lane.load_kind else "")
    return (
        "failed" if lane.error else seconds(lane.figure("ttft_s")),
        seconds(tpot),
        plain(lane.figure("decode_tokens_per_s")),
        seconds(lane.figure("e2e_s")),
        load,
        size(lane.memory_bytes),
        plain(tpot / baseline if tpot and baseline else None, "×"),
    )


def caption(view: RunView) -> str:
    """How the figures came about."""
    measure, request = view.request.measure, view.request
    length = f"{'fixed length' if measure.fixed_length else 'free length, at most'} {_count(measure.max_new_tokens, 'token')}"
    parts = [
        f"{measure.schedule}{', own clock' if measure.schedule == 'interleaved' else ''}",
        _count(measure.warmup, "warm-up"),
        f"median of {measure.repeats} repeats" if measure.repeats > 1 else "1 repeat",
        length,
        f"seed {measure.seed}",
        f"model {request.model}",
    ]
    machine = view.environment.get("device_name")
    stopped = ["stopped before the end"] if view.status == "cancelled" else []
    return " · ".join([*parts, *([str(machine)] if machine else []), *stopped])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def failures(view: RunView) -> Iterator[str]:
    """One sentence for each lane that failed."""
    return (f"{lane.label} failed: {lane.error}" for lane in view.lanes if lane.error)


# While a run is on


def state(lane: LaneView, view: RunView) -> str:
    """What a lane is doing, in words with a number."""
    if lane.error:
        return f"failed: {lane.error}"
    if lane.state == "running" and lane.current:
        return f"{'warm-up' if lane.current.warmup else _repeat(lane, view)}{'' if lane.current.steps else ', first token…'}"
    if view.status == "waiting" and view.ahead:
        return f"waiting, {_count(view.ahead, 'run')} ahead"
    return lane.status or lane.state


def _repeat(lane: LaneView, view: RunView) -> str:
    return f"repeat {len(lane.counted) + 1} of {view.request.measure.repeats}"


def _progress(view: RunView) -> Table:
    table = Table.grid(padding=(0, 2))
    for lane in view.lanes:
        tokens, tpot = _so_far(lane)
        table.add_row(Text(lane.label), Text(state(lane, view)), Text(f"{tokens} tokens"), Text(tpot))
    return table


def _so_far(lane: LaneView) -> tuple[int, str]:
    if lane.current is None:
        return lane_tokens(lane), _rate(lane.figure("tpot_s"))
    figures = lane.live_figures()
    return len(lane.current.steps) * lane.lane.batch, _rate(figures.tpot_s)


def _rate(tpot_s: float | None) -> str:
    return "" if tpot_s is None else f"{seconds(tpot_s)} a token"


@contextmanager
def progress(err: Console, run: Run) -> Iterator[Callable[[Event | None], None]]:
    """Gives what to call with each event: in a terminal one line a lane, redrawn; in a file a line for each milestone."""
    if not err.is_terminal:
        yield lambda event: _milestone(err, run.view, event)
        return
    drawn = time.monotonic()
    with Live(console=err, auto_refresh=False, transient=True) as live:

        def show(_event: Event | None) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= REDRAW_S:
                live.update(_progress(run.view), refresh=True)
                drawn = time.monotonic()

        yield show


def _milestone(err: Console, view: RunView, event: Event | None) -> None:
    match event:
        case RunQueued():
            err.print(f"waiting, {_count(event.ahead, 'run')} ahead")
        case LaneLoaded():
            err.print(f"{view.lanes[event.lane].label}: loaded in {seconds(event.load_s)} ({event.load_kind})")
        case RepeatFinished():
            lane = view.lanes[event.lane]
            last = lane.repeats[-1]
            kind = "warm-up" if last.warmup else f"repeat {len(lane.counted)} of {view.request.measure.repeats}"
            tokens = sum(len(row) for row in last.output_ids)
            err.print(f"{lane.label}: {kind} {'stopped' if 'cancelled' in last.finish else 'done'}, {_count(tokens, 'token')}")
        case LaneFailed():
            err.print(f"{view.lanes[event.lane].label}: failed: {event.message}")
        case _:
            pass
