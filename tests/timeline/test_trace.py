"""Recordings and their JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from playground.analysis.metrics import measure
from playground.timeline.environment import Environment
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import SCHEMA, Conditions, LaneRecord, Memory, Recording, Repeat, Step, Trace
from tests import strategies
from tests.timelines import request, trace


def recording() -> Recording:
    made = trace([0.5, 0.75], rows=(2, 1), warmup=True)
    repeat = Repeat(**{field.name: getattr(made, field.name) for field in fields(Trace)}, metrics=measure(made))
    run = request("bf16@2")
    lane = LaneRecord(
        index=0,
        label="bf16@2",
        lane=run.lanes[0],
        error=None,
        load_s=0.5,
        load_kind="cold",
        memory_bytes=7,
        facts=LaneFacts(dtype="bfloat16"),
        repeats=(repeat,),
    )
    return Recording(
        id="a", created_at="2026-01-01T00:00:00+00:00", status="done", environment=Environment(device="cpu"), request=run, lanes=(lane,)
    )


def test_a_recording_reads_back_from_its_json() -> None:
    assert Recording.model_validate_json(recording().model_dump_json()) == recording()


def test_a_recording_says_all_that_it_promises() -> None:
    document: dict[str, Any] = json.loads(recording().model_dump_json())
    assert set(document) == {"schema", "id", "created_at", "status", "environment", "request", "lanes"}
    assert document["schema"] == SCHEMA
    (lane,) = document["lanes"]
    assert {"index", "label", "lane", "error", "load_s", "load_kind", "memory_bytes", "repeats"} <= set(lane)
    (repeat,) = lane["repeats"]
    assert {"warmup", "prompt_tokens", "steps", "output_ids", "finish", "texts", "metrics"} <= set(repeat)
    assert repeat["prompt_tokens"] == [5, 5]
    assert repeat["steps"][1] == {"t_s": 0.75, "wall_s": 0.75, "token_ids": {"0": [1]}, "keep": None, "resumed": False}
    assert {"ttft_s", "tpot_s", "e2e_s", "prefill_s", "decode_s", "post_s", "itl_s", "decode_tokens_per_s"} <= set(repeat["metrics"])


def test_figures_can_be_computed_again_from_what_is_kept() -> None:
    read = Recording.model_validate_json(recording().model_dump_json())
    (repeat,) = read.lanes[0].repeats
    assert measure(repeat) == repeat.metrics


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Recording.model_validate({**recording().model_dump(), "mood": "good"})


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        recording().id = "b"  # type: ignore[misc]


times = st.floats(0, 1e6)
parts = st.none() | st.integers(0, 2**40)
shares = st.none() | st.floats(0, 1)


@given(
    st.builds(
        Trace,
        number=st.none() | st.integers(0, 120),
        warmup=st.booleans(),
        cold=st.booleans(),
        alone=st.booleans(),
        prompt_tokens=strategies.rows_of_counts,
        tokenize_s=times,
        steps=st.lists(st.builds(Step, t_s=times, wall_s=times, token_ids=strategies.gained, resumed=st.booleans()), max_size=4).map(tuple),
        end_s=times,
        end_wall_s=times,
        output_ids=strategies.token_rows,
        finish=strategies.finishes,
        texts=st.lists(st.text(), max_size=3).map(tuple),
        revises=st.booleans(),
        conditions=st.none() | st.builds(Conditions, others_share=shares, stolen_share=shares, swapped_bytes=parts, throttled=parts),
        memory=st.none() | st.builds(Memory, weights_bytes=st.integers(0, 2**40), kv_bytes=parts, rest_bytes=parts, reserved_bytes=parts),
    )
)
def test_any_trace_round_trips(any_trace: Trace) -> None:
    traces = TypeAdapter(Trace)
    assert traces.validate_json(traces.dump_json(any_trace)) == any_trace
