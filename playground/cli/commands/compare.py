"""`compare`: two recordings side by side, on the terminal, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from playground.cli import render as report
from playground.cli.output import outputs
from playground.recordings.compare import EQUAL, TwoRecordings, compare_recordings
from playground.recordings.reading import read_recording
from playground.report.markdown import escaped


def compare(
    first: Annotated[str, typer.Argument(metavar="A.json", help="A recording, written by run --json or downloaded from the page.")],
    second: Annotated[str, typer.Argument(metavar="B.json", help="Another, which is compared with the first.")],
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes the comparison as JSON; - is standard output.")] = None,
    markdown: Annotated[str | None, typer.Option(metavar="PATH|-", help="Writes it as Markdown; - is as above.")] = None,
) -> None:
    """Compares two recordings lane by lane, and names everything in which they differ. Nothing is run."""
    one, other = read_recording(Path(first), "first recording"), read_recording(Path(second), "second recording")
    found = compare_recordings(one, other, (Path(first).name, Path(second).name))
    with outputs({"--json": json, "--markdown": markdown}) as writes:
        for option, write in writes.items():
            write(dumps(found, indent=2, ensure_ascii=False) + "\n" if option == "--json" else markdown_text(found))
    out = report.console(stderr="-" in (json, markdown))
    for part in shown(found):
        out.print(part, soft_wrap=isinstance(part, Text))


def shown(found: TwoRecordings) -> Iterator[Table | Text]:
    """What the terminal shows."""
    yield Text(f"First:  {found['first']}\nSecond: {found['second']}")
    drawn = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(found["headings"]):
        drawn.add_column(heading.replace(" ", "\n") if number else "lane", justify="right" if number else "left", overflow="fold")
    for row in found["rows"]:
        drawn.add_row(Text(row["label"]), *(Text(cell.replace(" (", "\n(")) for cell in row["cells"]))
    yield drawn
    yield from map(Text, found["notes"])
    yield Text("They differ in:" if found["differences"] else EQUAL)
    yield from (Text(f"- {sentence}") for sentence in found["differences"])


def markdown_text(found: TwoRecordings) -> str:
    """For an issue or a README."""
    aligned = ["---", *(["---:"] * (len(found["headings"]) - 1))]
    lines = [found["headings"], aligned, *([escaped(row["label"]), *row["cells"]] for row in found["rows"])]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    names = f"First: {escaped(found['first'])}. Second: {escaped(found['second'])}."
    differ = "\n".join(["They differ in:", "", *(f"- {escaped(one)}" for one in found["differences"])]) if found["differences"] else EQUAL
    return "\n\n".join([names, table, *map(escaped, found["notes"]), differ]) + "\n"
