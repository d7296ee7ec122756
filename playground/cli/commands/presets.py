"""`presets`: what can be run by name."""

from __future__ import annotations

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from playground.cli.render import console
from playground.cli.surroundings import Surroundings
from playground.spec.presets import load_presets


def presets(context: typer.Context) -> None:
    """Lists the presets."""
    around: Surroundings = context.obj
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("preset", "title", "lanes"):
        table.add_column(heading, overflow="fold")
    for preset in load_presets(around.settings.presets_dir).values():
        table.add_row(Text(preset.name), Text(preset.title), Text("  ".join(preset.lanes)))
    console(stderr=False).print(table)
