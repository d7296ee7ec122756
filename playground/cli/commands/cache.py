"""What the cache folder keeps, shown and pruned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground.errors import InputError
from playground.formatting import about, size
from playground.models.cache import CacheItem, all_kept, remove, useless

_DAY_S = 86_400.0


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
