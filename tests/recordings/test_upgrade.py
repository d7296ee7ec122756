"""Steps of older schemas, which held every row: read as they are written now, they are the same timeline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.measuring import measure
from playground.analysis.requests import row_times
from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.recordings.reading import parse_recording
from playground.timeline.trace import Step, Trace
from tests.timelines import Ran, played, trace

Dense = tuple[list[list[int]], list[int] | None]
"""What every row gained, and for beams how much of every row stands."""


@st.composite
def dense_timelines(draw: st.DrawFn) -> tuple[int, list[Dense]]:
    """Of so many rows, most of which gain nothing in most steps; revised or not."""
    rows, revises = draw(st.integers(1, 6)), draw(st.booleans())
    standing, steps = [0] * rows, []
    for _ in range(draw(st.integers(1, 8))):
        ids = [draw(st.one_of(st.just([]), st.lists(st.integers(0, 9), max_size=3))) for _ in range(rows)]
        keep = [draw(st.sampled_from(sorted({0, count // 2, count}))) for count in standing] if revises else None
        standing = [count + len(gained) for count, gained in zip(keep or standing, ids, strict=True)]
        steps.append((ids, keep))
    return rows, steps


def rows_of(rows: int, steps: Sequence[Dense]) -> list[list[int]]:
    """What each row holds at the end."""
    held: list[list[int]] = [[] for _ in range(rows)]
    for ids, keep in steps:
        held = [[*(row if keep is None else row[: keep[at]]), *ids[at]] for at, row in enumerate(held)]
    return held


def as_schema_two(rows: int, steps: Sequence[Dense]) -> bytes:
    """A whole recording of one repeat, as schema 2 wrote it."""
    ids = rows_of(rows, steps)
    shown = played({f"bf16@{rows}": Ran(tokens=1)})
    lane = shown.lanes[0]
    texts = tuple("".join(map(str, row)) for row in ids)
    revises = steps[0][1] is not None
    lane.repeats = [trace([], (0,) * rows, output_ids=tuple(map(tuple, ids)), texts=texts, end_s=9.0, end_wall_s=9.0, revises=revises)]
    document = json.loads(build_recording(shown).model_dump_json()) | {"schema": 2}
    document["lanes"][0]["repeats"][0]["steps"] = [
        {"t_s": 1.0 + at, "wall_s": 1.0 + at, "token_ids": gained, "keep": keep, "resumed": False}
        for at, (gained, keep) in enumerate(steps)
    ]
    return json.dumps(document).encode()


def replayed(one: Trace) -> list[list[int]]:
    """What each row holds at the end, by its sparse steps."""
    held: list[list[int]] = [[] for _ in one.output_ids]
    for step in one.steps:
        for row, ids in step.token_ids.items():
            held[row] = [*(held[row] if step.keep is None else held[row][: step.keep[row]]), *ids]
    return held


def dense(rows: int, steps: Sequence[Dense]) -> tuple[Step, ...]:
    """The same with every row in every step: a timeline too, for a row may gain nothing."""
    return tuple(
        Step(
            t_s=1.0 + at, wall_s=1.0 + at, token_ids=dict(enumerate(map(tuple, ids))), keep=None if keep is None else dict(enumerate(keep))
        )
        for at, (ids, keep) in enumerate(steps)
    )


@given(dense_timelines())
def test_dense_and_sparse_steps_are_the_same_rows_figures_and_texts(timeline: tuple[int, list[Dense]]) -> None:
    rows, steps = timeline
    (read,) = parse_recording(as_schema_two(rows, steps), "old.json").lanes[0].repeats
    assert replayed(read) == rows_of(rows, steps) == [list(row) for row in read.output_ids]
    assert read.texts == tuple("".join(map(str, row)) for row in rows_of(rows, steps))
    whole = replace(read, steps=dense(rows, steps))
    assert measure(read) == measure(whole)
    assert row_times(read) == row_times(whole)


@given(dense_timelines())
def test_a_step_holds_no_row_that_it_did_not_touch(timeline: tuple[int, list[Dense]]) -> None:
    rows, steps = timeline
    (read,) = parse_recording(as_schema_two(rows, steps), "old.json").lanes[0].repeats
    for at, step in enumerate(read.steps):
        before, after = rows_of(rows, steps[:at]), rows_of(rows, steps[: at + 1])
        gained, keep = steps[at]
        touched = {row for row in range(rows) if gained[row] or (keep is not None and keep[row] != len(before[row]))}
        assert set(step.token_ids) == touched >= {row for row in range(rows) if before[row] != after[row]}


def test_a_damaged_old_document_is_still_one_sentence() -> None:
    whole: dict[str, Any] = json.loads(as_schema_two(1, [([[1]], None)]))
    for damage in (None, 7, [7], [{"t_s": 1.0}], [{"t_s": 1.0, "wall_s": 1.0, "token_ids": [7]}]):
        whole["lanes"][0]["repeats"][0]["steps"] = damage
        with pytest.raises(InputError, match=r"does not fit schema 2 at lanes\.0\.repeats\.0\.steps"):
            parse_recording(json.dumps(whole).encode(), "old.json")
