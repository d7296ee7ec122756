"""Recordings of older schemas → today's: as plain JSON, before it is validated.

What has not the shape that its schema promised is left as it is, for validation to name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from playground.timeline.trace import SCHEMA

Object = dict[str, Any]
"""A JSON object."""

SPARSE = 3
"""The first schema whose steps hold only the rows that they touched."""


def upgrade(document: Object, schema: int) -> None:
    """Brings a document of this schema up to date, in place."""
    document["schema"] = SCHEMA
    if schema < SPARSE:
        for repeat in _repeats(document):
            standing: dict[int, int] = {}
            repeat["steps"] = [_sparse(step, standing) for step in _objects(repeat, "steps")] or repeat.get("steps")


def _repeats(document: Object) -> Iterator[Object]:
    for lane in _objects(document, "lanes"):
        yield from _objects(lane, "repeats")


def _objects(of: Object, key: str) -> list[Object]:
    """The list of this name; empty if it is none, or not of objects."""
    found = of.get(key)
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else []


def _sparse(step: Object, standing: dict[int, int]) -> Object:
    """A step that held every row, with those only that it touched. `standing`: how many tokens each row has; it is brought up to date."""
    ids, keep = step.get("token_ids"), step.get("keep")
    if not (_lists(ids) and (keep is None or (isinstance(keep, list) and len(keep) == len(ids)))):
        return step
    kept = dict(enumerate(keep)) if keep is not None else {row: standing.get(row, 0) for row in range(len(ids))}
    touched = [row for row, gained in enumerate(ids) if gained or kept[row] != standing.get(row, 0)]
    standing |= {row: kept[row] + len(ids[row]) for row in touched}
    return step | {"token_ids": {row: ids[row] for row in touched}, "keep": None if keep is None else {row: kept[row] for row in touched}}


def _lists(value: Any) -> TypeGuard[list[list[Any]]]:
    return isinstance(value, list) and all(isinstance(one, list) for one in value)
