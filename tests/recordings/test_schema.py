"""What a recording's file holds: raw facts, and beside them what they come to, which nobody reads back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from playground.analysis.measuring import measure
from playground.recordings.build import build_recording
from playground.recordings.replay import events_of
from playground.recordings.schema import SCHEMA, Recording
from playground.recordings.writing import dump_recording, figures_of
from playground.timeline.events import LaneFailed, RepeatStarted, StepsTaken
from playground.timeline.trace import RowText, Step
from tests.timelines import Ran, played


def document(**lanes: Ran) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(dump_recording(build_recording(played(lanes))))
    return written


def test_figures_stand_apart_from_facts() -> None:
    written = document(bf16=Ran(tokens=2), nf4=Ran(tokens=2, error="it broke"))
    assert set(written) == {"schema", "id", "created_at", "status", "environment", "request", "lanes", "derived"}
    assert written["schema"] == SCHEMA
    lane, failed = written["lanes"]
    assert set(lane) == {"lane", "facts", "weights_bytes", "loads", "failure", "agreement", "repeats", "unfinished"}
    assert failed["failure"] == {"kind": "internal", "message": "it broke"}
    (repeat,) = lane["repeats"]
    assert repeat["steps"] == [
        {"t_s": 0.055, "wall_s": 0.055, "token_ids": {"0": [0]}},
        {"t_s": 0.094, "wall_s": 0.094, "token_ids": {"0": [1]}},
    ]
    first, second = written["derived"]["lanes"]
    assert (first["label"], first["load_kind"], first["memory_bytes"], first["comparison"]) == ("bf16", "cold", 269_000_000, None)
    assert second["comparison"]["baseline"] == 0
    assert {"ttft_s", "tpot_s", "e2e_s", "prefill_s", "decode_s", "post_s", "itl_s"} <= set(first["repeats"][0])


def test_figures_are_worked_out_of_the_facts_and_never_read_back() -> None:
    written = document(bf16=Ran())
    written["derived"]["lanes"][0]["repeats"][0]["tpot_s"] = 9.0
    read = Recording.model_validate(written)
    assert figures_of(read).lanes[0].repeats == tuple(map(measure, read.lanes[0].repeats))
    assert json.loads(dump_recording(read)) == document(bf16=Ran())


def test_what_a_repeat_that_was_cut_off_had_done_is_kept() -> None:
    view = played({"bf16": Ran()})
    view.lanes[0].state = "ready"
    step = Step(t_s=0.5, wall_s=0.5, token_ids={0: (7,)})
    view.apply(RepeatStarted(0, 1, False, (5,), 0.125, cold=True))
    view.apply(StepsTaken(0, 1, (step,), (RowText(0, "be"),)))
    view.apply(StepsTaken(0, 1, (step, step), (RowText(0, "cause", step=1),)))
    view.apply(LaneFailed(0, "memory", "no room"))
    unfinished = build_recording(view).lanes[0].unfinished
    assert unfinished is not None
    assert (unfinished.number, unfinished.cold, unfinished.steps) == (1, True, (step, step, step))
    assert unfinished.changes == (RowText(0, "be", step=0), RowText(0, "cause", step=2))
    assert LaneFailed(0, "memory", "no room") in events_of(build_recording(view))


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Recording.model_validate({**document(bf16=Ran()), "mood": "good"})


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        build_recording(played({"bf16": Ran()})).id = "b"  # type: ignore[misc]
