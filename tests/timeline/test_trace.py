"""Traces and their JSON."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from playground.timeline.trace import Conditions, Memory, Step, Trace
from tests import strategies

times = st.floats(0, 1e6)
parts = st.none() | st.integers(0, 2**40)
shares = st.none() | st.floats(0, 1)


@given(
    st.builds(
        Trace,
        number=st.integers(0, 120),
        warmup=st.booleans(),
        cold=st.booleans(),
        alone=st.booleans(),
        prompt_tokens=strategies.rows_of_counts,
        tokenize_s=times,
        steps=st.lists(st.builds(Step, t_s=times, wall_s=times, token_ids=strategies.gained, resumed=st.booleans()), max_size=4).map(tuple),
        changes=st.lists(strategies.row_texts, max_size=3).map(tuple),
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
