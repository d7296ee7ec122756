"""The commands. Bad input is one sentence on standard error and exit 2; a lane that failed is exit 1; stopped is 130."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from playground.cli import report
from playground.cli.doctor import diagnose, show
from playground.cli.output import Write, outputs
from playground.engines.base import EngineError
from playground.engines.fleet import Fleet, open_fleet
from playground.export import csv_text, markdown_text
from playground.presets import SUFFIXES, Preset, load_preset, load_presets
from playground.runner import Run, Runner
from playground.settings import Settings
from playground.spec import SCHEDULES, Lane, RunRequest, SpecError, check_name
from playground.verdict import verdict
from playground.view import RunView
from playground.words import caption

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
    except SpecError as error:
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
def run(
    context: typer.Context,
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET_OR_FILE]", help="A preset's name, or a YAML file of your own.", show_default=False)
    ] = None,
    lane: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A lane; repeat it. Replaces the preset's; none is needed.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ID",
            help="Gives a name to a Hub id or a folder; repeat it. If there is just one and no lane names a model, all lanes run it.",
        ),
    ] = None,
    adapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Gives a name to a LoRA adapter's folder; repeat it. Use it as bf16+NAME.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Replaces the preset's; repeat it to fill the rows of a batch.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="A system prompt.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(metavar="N", help="Output tokens a row.  [default: 64]")] = None,
    fixed_length: Annotated[
        bool | None,
        typer.Option(
            "--fixed-length/--free-length", help="Every row has exactly N tokens, or ends when the model ends it.  [default: fixed]"
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(SCHEDULES),
            help="One lane after the other, or turns by each lane's own clock.  [default: exclusive, unless the preset names one]",
        ),
    ] = None,
    warmup: Annotated[int | None, typer.Option(metavar="N", help="Repeats run first and never counted.  [default: 1]")] = None,
    repeats: Annotated[int | None, typer.Option(metavar="N", help="Repeats that count.  [default: 1]")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of lanes that sample.  [default: 7]")] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="CPU threads of one operation.  [default: the machine's cores]")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The prompt as it stands, not through the model's chat template.")] = False,
    baseline: Annotated[int | None, typer.Option(metavar="N", help="The lane the others are compared with.  [default: 1]")] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes the recording as JSON; - is standard output.")] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="PATH|-", help="Writes every metric as CSV, one row a lane, in seconds and bytes; - is as above.")
    ] = None,
    markdown: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes the table as Markdown; - is as above.")] = None,
) -> int:
    """Runs lanes on a prompt and shows what each cost. The defaults below are the preset's where it sets them."""
    given: Surroundings = context.obj
    chosen = _choose(given.settings, preset, lane)
    measure = {
        "schedule": schedule,
        "max_new_tokens": max_new_tokens,
        "fixed_length": fixed_length,
        "warmup": warmup,
        "repeats": repeats,
        "seed": seed,
        "threads": threads,
    }
    overrides: dict[str, Any] = {"measure": chosen.measure.model_dump(exclude_unset=True) | _known(measure)}
    overrides |= _known({"lanes": lane, "prompts": prompt, "system": system, "chat": False if raw else None})
    overrides |= _known({"baseline": _index(baseline, len(overrides.get("lanes", chosen.lanes)))})
    models, adapters = _named("--model", model), _folders(_named("--adapter", adapter))
    named = _the_one_model(models, overrides.get("lanes", chosen.lanes))
    names: dict[str, Any] = {"models": given.settings.models | models, "adapters": given.settings.adapters | adapters}
    request = chosen.request(**names, **overrides | _known({"model": named}))
    with outputs({"--json": json, "--csv": csv, "--markdown": markdown}) as writes, given.open_fleet(given.settings) as fleet:
        if chosen.model_on_gpu and not named and _on_gpu(fleet):
            request = chosen.request(**names, **overrides, on_gpu=True)
        return _run(fleet, request, writes, to_stdout="-" in (json, csv, markdown))


def _choose(settings: Settings, preset: str | None, lanes: list[str] | None) -> Preset:
    """The preset asked for, by name or as a file; with lanes of one's own none is needed."""
    if preset is None:
        if not lanes:
            raise SpecError("run", f"nothing to run; name a preset (allowed: {_listed(load_presets(settings.presets_dir))}) or give --lane")
        return Preset(name="lanes", title="Lanes", lanes=tuple(str(Lane.parse(text)) for text in lanes))
    path = Path(preset)
    if path.suffix in SUFFIXES:
        return load_preset(path)
    known = load_presets(settings.presets_dir)
    if preset in known:
        return known[preset]
    if path.is_file():
        return load_preset(path)
    raise SpecError("preset", f"{preset!r} is not known (allowed: {_listed(known)}, or a YAML file)")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: an option left out is None."""
    return {name: value for name, value in values.items() if value is not None}


def _named(option: str, texts: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a mapping."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SpecError(option, f"{text!r} is not understood; write NAME={'ID' if option == '--model' else 'PATH'}")
        if name in found:
            raise SpecError(option, f"{name!r} is given twice; allowed: each name once")
        try:
            found[check_name(name)] = value
        except ValueError as error:
            raise SpecError(option, str(error)) from None
    return found


def _folders(adapters: dict[str, str]) -> dict[str, str]:
    """Adapters as absolute paths, for an engine may run elsewhere."""
    for name, path in adapters.items():
        if not Path(path).expanduser().is_dir():
            raise SpecError("--adapter", f"{name}: there is no folder {path!r}; allowed: a folder with a LoRA adapter")
    return {name: str(Path(path).expanduser().resolve()) for name, path in adapters.items()}


def _index(baseline: int | None, lanes: int) -> int | None:
    """The baseline lane's index, from its number as people count."""
    if baseline is not None and not 1 <= baseline <= lanes:
        raise SpecError("--baseline", f"there is no lane {baseline}; allowed: {'1' if lanes == 1 else f'1 to {lanes}'}")
    return None if baseline is None else baseline - 1


def _the_one_model(models: Mapping[str, str], lanes: Sequence[str]) -> str | None:
    """The model of lanes that name none, if the command line gives exactly one and no lane names any."""
    if len(models) != 1 or any(Lane.parse(lane).variant.model for lane in lanes):
        return None
    return next(iter(models))


def _on_gpu(fleet: Fleet) -> bool:
    """Whether the larger model of a preset is worth it and can be had."""
    environment = fleet.environment()
    return str(environment.get("device", "")).startswith("cuda") and bool(environment.get("hub_reachable"))


DOCUMENTS: Mapping[str, Callable[[RunView], str]] = {
    "--json": lambda view: view.recording().model_dump_json() + "\n",
    "--csv": csv_text,
    "--markdown": markdown_text,
}


def _run(fleet: Fleet, request: RunRequest, writes: Mapping[str, Write], to_stdout: bool) -> int:
    err = report.console(stderr=True)
    started = Runner(fleet.engine_for).start(request)
    reader = started.reader()
    view = reader.view
    with _stopped_by_interrupt(started), report.progress(err, view) as show_progress:
        for event in reader.events(poll_s=report.REDRAW_S):
            show_progress(event)
    for option, write in writes.items():
        write(DOCUMENTS[option](view))
    out = err if to_stdout else report.console(stderr=False)
    out.print(report.results(view))
    for line in (verdict(view), *report.failures(view), caption(view)):
        out.print(Text(line), soft_wrap=True)
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
