"""`code`: a lane as a Python script of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from playground.cli.options import Adapters, Given, Models, PresetName, place, read_options, takes_settings
from playground.cli.surroundings import Surroundings
from playground.report.script import script
from playground.spec.request import SETTINGS


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
