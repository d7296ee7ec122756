"""`run`: lanes on a prompt, progress while they decode, what each cost after."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from playground.analysis.definitions import tool_of
from playground.analysis.machine_noise import noise_words
from playground.analysis.slo import Target, read_target
from playground.cli import render as report
from playground.cli.options import Adapters, Given, Models, PresetName, TargetText, place, read_options, takes_settings
from playground.cli.output import Write, outputs
from playground.cli.read_as import ReadAs, readings
from playground.cli.surroundings import FAILED, INTERRUPTED, Surroundings
from playground.engines.registry import Fleet
from playground.recordings.build import build_recording
from playground.report.export import csv_text, markdown_text
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording import caption
from playground.runs.runner import Run, Runner
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
    held_against = None if target is None else read_target(target)
    options = read_options(around.settings, preset, lane, model, adapter, given)
    if baseline is not None:
        options = replace(options, baseline=place("--baseline", baseline, len(options.lanes)))
    request = options.request()
    if read_as is not None:
        tool_of(read_as)
    with outputs({"--json": json, "--csv": csv, "--markdown": markdown}) as writes, around.open_fleet(around.settings) as fleet:
        if options.preset.model_on_gpu and not options.model and _on_gpu(fleet):
            request = options.request(on_gpu=True)
        return _run(fleet, request, writes, "-" in (json, csv, markdown), read_as, held_against)


def _on_gpu(fleet: Fleet) -> bool:
    """Whether the larger model of a preset is worth it and can be had."""
    environment = fleet.environment()
    return environment.is_cuda and bool(environment.hub_reachable)


DOCUMENTS: Mapping[str, Callable[[RunState, Target | None], str]] = {
    "--json": lambda view, _target: build_recording(view).model_dump_json() + "\n",
    "--csv": lambda view, _target: csv_text(view),
    "--markdown": markdown_text,
}


def _run(
    fleet: Fleet, request: RunRequest, writes: Mapping[str, Write], to_stdout: bool, read_as: str | None, target: Target | None
) -> int:
    err = report.console(stderr=True)
    started = Runner(fleet.engine_for).start(request)
    reader = started.reader()
    view = reader.view
    with _stopped_by_interrupt(started), report.progress(err, view) as show_progress:
        for event in reader.events(poll_s=report.REDRAW_S):
            show_progress(event)
    for option, write in writes.items():
        write(DOCUMENTS[option](view, target))
    out = err if to_stdout else report.console(stderr=False)
    out.print(report.results(view))
    lines = [*lane_verdicts(view), verdict(view), noise_words(view)]
    for line in (*filter(None, lines), *report.failures(view), *report.adapters(view), caption(view)):
        out.print(Text(line), soft_wrap=True)
    attainment = report.attainment(view, target) if target is not None else iter(())
    for part in (*attainment, *report.published(view), *readings(view, read_as)):
        out.print(part, soft_wrap=isinstance(part, Text))
    if started.cancelled.is_set():
        return INTERRUPTED
    return FAILED if any(one.error for one in view.lanes) else 0


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
