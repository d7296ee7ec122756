"""Hypothesis strategies over the project's values."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from playground.spec.decoding import Beam, Decoding, Greedy, MinP, TopK, TopP
from playground.spec.lane import MAX_BATCH, Lane
from playground.spec.names import NO_ADAPTER
from playground.spec.runtime import Runtime
from playground.spec.variant import Variant
from playground.spec.weights import Bf16, Fp4, Fp16, Fp32, Int8, Nf4, Weights
from playground.timeline.environment import Environment
from playground.timeline.events import (
    Event,
    FailureKind,
    LaneCompared,
    LaneFailed,
    LaneLoaded,
    LaneStatus,
    RepeatFinished,
    RepeatStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepsTaken,
)
from playground.timeline.facts import AdapterFacts, LaneFacts
from playground.timeline.trace import Finish, LoadKind, RowText, Step

names = st.from_regex(r"[a-z0-9._-]{1,12}", fullmatch=True).filter(lambda name: not name.endswith(".merged"))
adapters = names.filter(lambda name: name != NO_ADAPTER)
several = st.lists(names, min_size=2, max_size=3).filter(lambda found: set(found) != {NO_ADAPTER}).map("|".join)
devices = st.one_of(st.just("cpu"), st.integers(0, 99).map(lambda number: f"cuda:{number}"))
seeds = st.none() | st.integers(0, 2**32 - 1)
temperatures = st.floats(0, 10, exclude_min=True)
probabilities = st.floats(0, 1, exclude_min=True)


dtypes = st.none() | st.sampled_from(("fp32", "bf16", "fp16"))
weights: st.SearchStrategy[Weights] = st.one_of(
    st.sampled_from((Fp32(), Bf16(), Fp16())),
    st.builds(Int8, threshold=st.none() | st.floats(0, 1000)),
    st.builds(Nf4, double_quant=st.none() | st.booleans(), compute=dtypes),
    st.builds(Fp4, double_quant=st.none() | st.booleans(), compute=dtypes),
)
runtimes = st.builds(Runtime, attention=st.none() | st.sampled_from(("sdpa", "eager")), device=st.none() | devices)


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    adapter = draw(st.none() | adapters | several)
    return Variant(
        model=draw(st.none() | names),
        weights=draw(weights),
        runtime=draw(runtimes),
        adapter=adapter,
        merged=adapter is not None and "|" not in adapter and draw(st.booleans()),
    )


decodings: st.SearchStrategy[Decoding] = st.one_of(
    st.just(Greedy()),
    st.builds(TopK, k=st.integers(1, 100_000), temperature=temperatures, seed=seeds),
    st.builds(TopP, p=probabilities, temperature=temperatures, seed=seeds),
    st.builds(MinP, p=probabilities, temperature=temperatures, seed=seeds),
    st.builds(Beam, num_beams=st.integers(2, 16), length_penalty=st.floats(-5, 5)),
)


@st.composite
def lane_values(draw: st.DrawFn) -> Lane:
    variant = draw(variants())
    return Lane(variant=variant, decoding=draw(decodings), batch=draw(st.integers(max(1, len(variant.adapters)), MAX_BATCH)))


lanes = lane_values()

lane_numbers = st.integers(0, 63)
times = st.floats(0, 1e6)
token_rows = st.lists(st.lists(st.integers(0, 200_000), max_size=3).map(tuple), max_size=3).map(tuple)
rows_of_counts = st.lists(st.integers(0, 4096), max_size=3).map(tuple)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
facts = st.dictionaries(st.text(), plain_json, max_size=3)
"""Such as no version knows."""
adapter_facts = st.builds(AdapterFacts, name=names, targets=st.none() | st.text() | st.lists(names).map(tuple), modules=st.integers(0, 500))
lane_facts = facts.map(LaneFacts.model_validate) | st.builds(
    LaneFacts, dtype=st.none() | names, quantized_share=st.floats(0, 1), adapters=st.lists(adapter_facts, max_size=2).map(tuple)
)
machines = facts.map(Environment.model_validate) | st.builds(
    Environment, device=st.none() | devices, threads=st.none() | st.integers(1, 512), versions=st.dictionaries(names, st.none() | names)
)
environments = st.builds(lambda one, others: one | Environment(other_devices=tuple(others)), machines, st.lists(machines, max_size=2))
gained = st.dictionaries(st.integers(0, 31), st.lists(st.integers(0, 200_000), max_size=3).map(tuple), max_size=3)
steps = st.builds(
    Step, t_s=times, wall_s=times, token_ids=gained, keep=st.none() | st.dictionaries(st.integers(0, 31), st.integers(0, 4096), max_size=3)
)
row_texts = st.builds(RowText, row=st.integers(0, 31), text=st.text(), keep=st.none() | st.integers(0, 10_000), step=st.integers(0, 10))
finishes = st.lists(st.sampled_from(get_args(Finish)), max_size=3).map(tuple)
statuses = st.sampled_from(("done", "cancelled"))

events: st.SearchStrategy[Event] = st.one_of(
    st.builds(RunQueued, ahead=st.integers(0, 100), expected_s=st.none() | st.floats(0, 1e6)),
    st.builds(RunStarted, labels=st.lists(lanes.map(str), max_size=3).map(tuple), environment=environments),
    st.builds(LaneStatus, lane=lane_numbers, text=st.text()),
    st.builds(
        LaneLoaded,
        lane=lane_numbers,
        load_s=times,
        load_kind=st.sampled_from(get_args(LoadKind)),
        memory_bytes=st.integers(0, 2**60),
        facts=lane_facts,
    ),
    st.builds(
        RepeatStarted, lane=lane_numbers, repeat=st.integers(0, 120), warmup=st.booleans(), prompt_tokens=rows_of_counts, tokenize_s=times
    ),
    st.builds(
        StepsTaken,
        lane=lane_numbers,
        repeat=st.integers(0, 120),
        steps=st.lists(steps, max_size=3).map(tuple),
        text=st.lists(row_texts, max_size=3).map(tuple),
    ),
    st.builds(
        RepeatFinished,
        lane=lane_numbers,
        repeat=st.integers(0, 120),
        end_s=times,
        end_wall_s=times,
        output_ids=token_rows,
        finish=finishes,
        texts=st.lists(st.text(), max_size=3).map(tuple),
    ),
    st.builds(LaneCompared, lane=lane_numbers, top1=st.floats(0, 1), places=st.integers(0, 2**30)),
    st.builds(LaneFailed, lane=lane_numbers, kind=st.sampled_from(get_args(FailureKind)), message=st.text()),
    st.builds(RunFinished, status=statuses),
)
