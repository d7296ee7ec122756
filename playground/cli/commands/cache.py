"""`cache`: what the cache folder keeps, shown and pruned."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground.cli.render import console
from playground.cli.surroundings import FAILED, Surroundings, complain
from playground.errors import InputError
from playground.formatting import about, size
from playground.models.cache import CacheItem, all_kept, remove, useless

_DAY_S = 86_400.0


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
    around: Surroundings = context.obj
    if everything and not prune:
        raise InputError("--all", "goes with --prune; allowed: cache --prune --all")
    looked = look(around.settings.cache_dir, time.time(), prune, everything, check)
    if json:
        sys.stdout.write(dumps(document(looked), indent=2) + "\n")
    else:
        show(looked, console(stderr=False))
    for sentence in looked.failed:
        complain(sentence, FAILED)
    return FAILED if looked.failed else 0


@dataclass(frozen=True, slots=True)
class Looked:
    """The cache folder as it is now, and what was removed from it just before."""

    folder: Path
    now: datetime
    kept: Sequence[CacheItem]
    removed: Sequence[CacheItem]
    failed: Sequence[str]
    """What could not be removed, one sentence each."""


def look(folder: Path, now_s: float, prune: bool = False, everything: bool = False, thoroughly: bool = False) -> Looked:
    """Lists what is kept; with `prune` what is useless goes first, with `everything` all copies. Raises InputError."""
    try:
        found = all_kept(folder, now_s, thoroughly)
    except OSError as error:
        raise InputError("cache", f"{str(folder)!r} cannot be read: {(error.strerror or str(error)).lower()}") from None
    removed, failed = [], []
    for one in [one for one in found if prune and (useless(one) or (everything and one.kind == "copy"))]:
        try:
            remove(one)
            removed.append(one)
        except OSError as error:
            failed.append(f"{str(one.path)!r} cannot be removed: {(error.strerror or str(error)).lower()}")
    kept = [one for one in found if one not in removed]
    return Looked(folder, datetime.fromtimestamp(now_s, UTC), kept, removed, failed)


def document(looked: Looked) -> dict[str, Any]:
    return {
        "folder": str(looked.folder),
        "total_bytes": _total(looked.kept),
        "kept": [_plain(one) for one in looked.kept],
        "removed": [_plain(one) for one in looked.removed],
        "removed_bytes": _total(looked.removed),
        "failed": list(looked.failed),
    }


def _plain(one: CacheItem) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "what": one.what,
        "path": str(one.path),
        "size_bytes": one.size_bytes,
        "since": one.since.isoformat(timespec="seconds"),
        "state": one.state,
        "why": one.why,
    }


def show(looked: Looked, out: Console) -> None:
    for one in looked.removed:
        out.print(Text(f"removed {one.what}: {one.why or one.state}, {size(one.size_bytes)}"), soft_wrap=True)
    if looked.kept:
        out.print(_table(looked))
    total = f"{size(_total(looked.kept))} in {looked.folder}" if looked.kept else f"nothing is kept in {looked.folder}"
    useless_bytes = _total([one for one in looked.kept if useless(one)])
    out.print(Text(total + (f", {size(useless_bytes)} of it of no use: --prune removes it" if useless_bytes else "")), soft_wrap=True)


def _table(looked: Looked) -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("kind", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("size", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for one in looked.kept:
        state = f"{one.state}: {one.why}" if one.why else one.state
        age = _age((looked.now - one.since).total_seconds())
        table.add_row(*map(Text, (one.kind, one.what, size(one.size_bytes), age, state)))
    return table


def _age(seconds: float) -> str:
    if seconds < _DAY_S:
        return about(max(0.0, seconds)).removeprefix("about ")
    days = round(seconds / _DAY_S)
    return f"{days} day{'' if days == 1 else 's'}"


def _total(kept: Sequence[CacheItem]) -> int:
    return sum(one.size_bytes for one in kept)
