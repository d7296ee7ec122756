"""Recordings of older schemas → today's: as plain JSON, before it is validated.

Schemas 1 and 2 kept figures among the facts, which are dropped, every row in every step, and no text changes: a repeat's whole text comes
with its last step. Schema 1 knew no repeat's number: they are counted as they lie. Of a failure neither knew the kind, nor how far the
repeat had come.

What has not the shape that its schema promised is left as it is, for validation to name.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from playground.recordings.schema import SCHEMA

Object = dict[str, Any]
"""A JSON object."""


def upgrade(document: Object, schema: int) -> None:
    """Brings a document of this schema up to date, in place."""
    document["schema"] = SCHEMA
    if schema < 3:
        for lane in _objects(document, "lanes"):
            _facts_only(lane)
            for number, repeat in enumerate(_objects(lane, "repeats")):
                _raw_trace(repeat, number)


def _facts_only(lane: Object) -> None:
    """A lane's record without what follows from the rest of it."""
    for derived in ("index", "label", "comparison"):
        lane.pop(derived, None)
    memory, held = lane.pop("memory", None), lane.pop("memory_bytes", None)
    lane["weights_bytes"] = memory.get("weights_bytes") if isinstance(memory, dict) else held
    load_s, load_kind = lane.pop("load_s", None), lane.pop("load_kind", None)
    if load_s is not None and not lane.get("loads"):
        lane["loads"] = [{"load_s": load_s, "load_kind": load_kind}]
    if (error := lane.pop("error", None)) is not None:
        lane["failure"] = {"kind": "internal", "message": error}


def _raw_trace(repeat: Object, number: int) -> None:
    """A repeat without its figures, with sparse steps and its text. `number`: its place."""
    repeat.pop("metrics", None)
    if repeat.get("number") is None:
        repeat["number"] = number
    standing: dict[int, int] = {}
    repeat["steps"] = [_sparse(step, standing) for step in _objects(repeat, "steps")] or repeat.get("steps")
    repeat["changes"] = _whole_texts(repeat)


def _whole_texts(repeat: Object) -> list[Object]:
    steps, texts = repeat.get("steps"), repeat.get("texts")
    if not (isinstance(steps, list) and steps and isinstance(texts, list)):
        return []
    return [{"row": row, "text": text, "step": len(steps) - 1} for row, text in enumerate(texts) if text]


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
