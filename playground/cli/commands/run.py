"""`run`: lanes on a prompt, progress while they decode, what each cost after."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from playground.analysis.slo import read_target
from playground.cli import render as report
from playground.cli.options import Adapters, Given, Models, PresetName, ReadAs, TargetText, place, read_options, takes_settings
from playground.cli.output import Write, outputs
from playground.cli.surroundings import FAILED, INTERRUPTED, Surroundings
from playground.engines.registry import Fleet
from playground.recordings.build import build_recording
from playground.recordings.writing import dump_recording
from playground.report.csv import csv_text
from playground.report.markdown import markdown_text
from playground.report.sections import Choice, sections
from playground.report.sections.read_as import tool_of
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording.machine import noise_words
from playground.report.wording.run import caption
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.spec.request import SETTINGS, RunRequest
from playground.timeline.state import RunState


@takes_settings(SETTINGS)
def run(
    context: typer.Context,
    *,
    preset: PresetName = None,
    lane: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A lane; repeat it. Replaces the preset's; none is needed.")
    ] = None,
    model: Models = None,
    adapter: Adapters = None,
    given: Given,
    target: TargetText = None,
    baseline: Annotated[int | None, typer.Option(metavar="N", help="The lane the others are compared with.  [default: 1]")] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes the recording as JSON; - is standard output.")] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="PATH|-", help="Writes every metric as CSV, one row a lane, in seconds and bytes; - is as above.")
    ] = None,
    markdown: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes the table as Markdown; - is as above.")] = None,
    read_as: ReadAs = None,
) -> int:
    """Runs lanes on a prompt and shows what each cost. The defaults below are the preset's where it sets them."""
    around: Surroundings = context.obj
    choice = Choice(None if target is None else read_target(target), None if read_as is None else tool_of(read_as))
    options = read_options(around.settings, preset, lane, model, adapter, given)
    if baseline is not None:
        options = replace(options, baseline=place("--baseline", baseline, len(options.lanes)))
    request = options.request()
    with outputs({"--json": json, "--csv": csv, "--markdown": markdown}) as writes, around.open_fleet(around.settings) as fleet:
        if options.preset.model_on_gpu and not options.model and _on_gpu(fleet):
            request = options.request(on_gpu=True)
        return _run(fleet, request, writes, "-" in (json, csv, markdown), choice)


def _on_gpu(fleet: Fleet) -> bool:
    """Whether the larger model of a preset is worth it and can be had."""
    environment = fleet.environment()
    return environment.is_cuda and bool(environment.hub_reachable)


DOCUMENTS: Mapping[str, Callable[[RunState, Choice], str]] = {
    "--json": lambda view, _choice: dump_recording(build_recording(view)) + "\n",
    "--csv": lambda view, _choice: csv_text(view),
    "--markdown": markdown_text,
}


def _run(fleet: Fleet, request: RunRequest, writes: Mapping[str, Write], to_stdout: bool, choice: Choice) -> int:
    err = report.console(stderr=True)
    started = Runner(fleet.engine_for).start(request)
    reader = started.reader()
    view = reader.view
    with _stopped_by_interrupt(started), report.progress(err, view) as show_progress:
        for event in reader.events(poll_s=report.REDRAW_S):
            show_progress(event)
    for option, write in writes.items():
        write(DOCUMENTS[option](view, choice))
    _show(err if to_stdout else report.console(stderr=False), view, choice)
    if started.cancelled.is_set():
        return INTERRUPTED
    return FAILED if any(one.error for one in view.lanes) else 0


def _show(out: Console, view: RunState, choice: Choice) -> None:
    results, *others = sections(view, choice).values()
    lines = [*lane_verdicts(view), verdict(view), noise_words(view), *report.failures(view), caption(view)]
    for part in (*report.drawn(results), *map(Text, filter(None, lines)), *(part for one in others for part in report.drawn(one))):
        out.print(part, soft_wrap=isinstance(part, Text))


@contextmanager
def _stopped_by_interrupt(started: Run) -> Iterator[None]:
    """Ctrl+C asks the run to stop and what it has is kept; a second one does not wait for that."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if started.cancelled.is_set():
            raise KeyboardInterrupt
        started.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
