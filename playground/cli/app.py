"""The commands. Bad input is one sentence on standard error and exit 2; a lane that failed is exit 1; stopped is 130."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from json import dumps
from types import FrameType
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from playground.analysis.definitions import tool_of
from playground.analysis.machine_noise import noise_words
from playground.analysis.slo import Target, read_target
from playground.cli import render as report
from playground.cli.commands import cache as kept_cache
from playground.cli.commands.compare import compare
from playground.cli.commands.doctor import diagnose, show
from playground.cli.options import Adapters, Given, Models, PresetName, TargetText, place, read_options, takes_settings
from playground.cli.output import Write, outputs
from playground.cli.read_as import ReadAs, readings
from playground.engines.base import EngineError
from playground.engines.registry import Fleet, open_fleet
from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.report.export import csv_text, markdown_text
from playground.report.script import script
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording import caption
from playground.runs.runner import Run, Runner
from playground.settings import Settings
from playground.spec.presets import load_presets
from playground.spec.request import SETTINGS, RunRequest
from playground.timeline.state import RunState

PROGRAM = "python -m playground"
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

# typer's own class for every mistake in an option; where it lives differs between its versions.
_UsageError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the commands work with; tests give their own."""

    settings: Settings
    open_fleet: Callable[[Settings], Fleet] = open_fleet


app = typer.Typer(
    name="playground",
    help="Race variants of a language model and measure what each costs. Lane texts look like bf16, nf4[double_quant=true], "
    "int8/top_p(p=0.9)@8; quote them in a shell.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None, surroundings: Surroundings | None = None) -> int:
    """Runs one command and returns its exit code; mistakes are told in one sentence, never as a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        obj = surroundings or Surroundings(Settings.read())
        return int(app(given, prog_name=PROGRAM, standalone_mode=False, obj=obj) or 0)
    except InputError as error:
        return _complain(str(error), BAD_INPUT)
    except _UsageError as error:
        return _complain(_sentence(error), BAD_INPUT)
    except EngineError as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("stopped", INTERRUPTED)
    except BrokenPipeError:
        # The reader of standard output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _complain(sentence: str, code: int) -> int:
    print(f"playground: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201
    return code


def _sentence(error: Exception) -> str:
    text: str = getattr(error, "format_message", error.__str__)()
    return text[:1].lower() + text[1:]


@app.command()
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


@app.command()
@takes_settings(setting for setting in SETTINGS if setting.knob.in_script)
def code(
    context: typer.Context,
    *,
    preset: PresetName = None,
    lane: Annotated[
        str | None, typer.Option(metavar="TEXT|N", help="The lane, or the number of one of the preset's.  [default: its first]")
    ] = None,
    model: Models = None,
    adapter: Adapters = None,
    given: Given,
) -> int:
    """Writes a lane as a Python script that needs no playground and gives the same tokens. Nothing is run."""
    around: Surroundings = context.obj
    texts = None if lane is None or lane.isdecimal() else [lane]
    options = read_options(around.settings, preset, texts, model, adapter, given)
    index = place("--lane", int(lane), len(options.lanes)) if lane is not None and texts is None else 0
    # The one lane alone: its prompts need not suit the preset's others.
    request = replace(options, lanes=[options.lanes[index]]).request()
    if (larger := options.preset.model_on_gpu) and not options.model:
        print(f"{request.model} is written; on a GPU, run takes {larger} for this preset", file=sys.stderr)  # noqa: T201
    text = script(request, 0, show_folders=True)
    if sys.stdout.encoding.lower().replace("-", "") != "utf8":  # then what is not ASCII, all of it in string literals, is escaped
        text = text.encode("ascii", "backslashreplace").decode()
    sys.stdout.write(text)
    return 0


app.command()(compare)


def _on_gpu(fleet: Fleet) -> bool:
    """Whether the larger model of a preset is worth it and can be had."""
    environment = fleet.environment()
    return str(environment.get("device", "")).startswith("cuda") and bool(environment.get("hub_reachable"))


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
    said = [*lane_verdicts(view), verdict(view), noise_words(view)]
    for line in (*filter(None, said), *report.failures(view), *report.adapters(view), caption(view)):
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


@app.command()
def presets(context: typer.Context) -> None:
    """Lists the presets."""
    given: Surroundings = context.obj
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("preset", "title", "lanes"):
        table.add_column(heading, overflow="fold")
    for preset in load_presets(given.settings.presets_dir).values():
        table.add_row(Text(preset.name), Text(preset.title), Text("  ".join(preset.lanes)))
    report.console(stderr=False).print(table)


@app.command()
def doctor(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> int:
    """Says what is here: device, driver against CUDA build, versions, memory budget, models at hand."""
    given: Surroundings = context.obj
    found = diagnose(given.settings, given.open_fleet)
    if json:
        sys.stdout.write(dumps(found, indent=2, default=str) + "\n")
    else:
        show(found, report.console(stderr=False))
    return FAILED if found["error"] else 0


@app.command()
def cache(
    context: typer.Context,
    prune: Annotated[
        bool, typer.Option("--prune", help="Removes copies that are stale or damaged, and what was left half-written.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --prune: removes every pre-quantized copy.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Reads every copy whole, not only those that changed since they were written.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Lists what the cache folder keeps: converted models and pre-quantized copies, and whether these are of use.

    A copy that was removed is made again when its variant is next loaded; a run that is on keeps what it has. A stale copy was made with
    other versions of the libraries than are installed here. Converted models are never removed: without a Hub they may not come back.
    """
    given: Surroundings = context.obj
    if everything and not prune:
        raise InputError("--all", "goes with --prune; allowed: cache --prune --all")
    looked = kept_cache.look(given.settings.cache_dir, time.time(), prune, everything, check)
    if json:
        sys.stdout.write(dumps(kept_cache.document(looked), indent=2) + "\n")
    else:
        kept_cache.show(looked, report.console(stderr=False))
    for sentence in looked.failed:
        _complain(sentence, FAILED)
    return FAILED if looked.failed else 0
