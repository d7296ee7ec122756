"""A run's figures by another tool's definitions, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from playground.analysis.definitions import NOTE, TOOLS, ReadCell, read_table
from playground.timeline.state import RunState

ReadAs = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(TOOLS),
        help="After the results, the same timelines by this tool's definitions of TTFT, TPOT, ITL, E2E and throughput, and why.",
    ),
]


def readings(view: RunState, name: str | None) -> Iterator[Table | Text]:
    """The table and what there is to say of it; nothing when no tool is named. Raises InputError."""
    if name is None:
        return
    table = read_table(view, name)
    yield Text(f"Read as {table['title']}; ≠ stands before the playground’s own figure, where it is another.")
    drawn = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in table["headings"]:
        drawn.add_column(
            heading.lower() if heading == "Lane" else heading, justify="left" if heading == "Lane" else "right", overflow="fold"
        )
    for row in table["rows"]:
        drawn.add_row(Text(row["label"]), *map(_cell, row["cells"]))
    yield drawn
    yield from map(Text, [*table["why"], NOTE])


def _cell(cell: ReadCell) -> Text:
    return Text(cell["text"] if cell["here"] is None else f"{cell['text']}  ≠ {cell['here']}")
