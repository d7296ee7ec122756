"""One timeline by the definitions of several tools: what their published formulas give, worked out by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.definitions import Metric, Reading, as_aiperf, as_guidellm, as_mlperf, as_vllm
from playground.analysis.measuring import measure
from playground.timeline.trace import Trace
from tests.timelines import step, trace

READERS = {"vllm": as_vllm, "guidellm": as_guidellm, "aiperf": as_aiperf, "mlperf": as_mlperf}
METRICS: tuple[Metric, ...] = get_args(Metric)

# The answer of four tokens that the page's own definitions read as TTFT 1, TPOT 0.5, gaps 0.25 0.5 0.75, E2E 2.75, 4 ÷ 2.75 tokens/s;
# tokenizing took 0.125, and 0.25 passed after the last token.
ONE = trace([1.0, 1.25, 1.75, 2.5])
# The same steps by two rows, of which the second ended by itself: the third step gave it its ending token, alone.
TWO = trace([1.0, 1.25, 1.75, 2.5], rows=(4, 3), finish=("length", "stop"))
SHORT = trace([1.0])
BEAM = trace([1.0, 1.25, 1.75, 2.5], revises=True)


def read(tool: str, timeline: Trace) -> Reading:
    return READERS[tool](timeline)


def test_the_page_reads_the_timeline_as_its_comment_says() -> None:
    figures = measure(ONE)
    assert (figures.ttft_s, figures.tpot_s, figures.itl_s, figures.e2e_s) == (1.0, 0.5, (0.25, 0.5, 0.75), 2.75)
    assert figures.output_tokens_per_s == 4 / 2.75


def test_as_vllm() -> None:
    # vllm/benchmarks/lib/endpoint_request_func.py: ttft = first chunk − st; itl = gaps between chunks; latency = last chunk − st.
    # vllm/benchmarks/serve.py, calculate_metrics: tpot = (latency − ttft) / (output_len − 1); output_throughput = tokens / dur_s.
    assert read("vllm", ONE) == Reading(1.0, (2.5 - 1.0) / 3, (0.25, 0.5, 0.75), 2.5, 4 / 2.75)
    # Two requests: TPOT 1.5 / 3 and 0.75 / 2, latencies 2.5 and 1.75, the gaps of both in one list.
    assert read("vllm", TWO) == Reading(1.0, (0.5 + 0.375) / 2, (0.25, 0.5, 0.75, 0.25, 0.5), (2.5 + 1.75) / 2, 7 / 2.75)
    # "if output_len > 1": otherwise it is not in `tpots`.
    assert read("vllm", SHORT) == Reading(1.0, None, (), 1.0, 1 / 1.25)
    # One chunk with four tokens: latency − ttft is 0.
    assert read("vllm", BEAM) == Reading(2.75, 0.0, (), 2.75, 4 / 2.75)


def test_as_guidellm() -> None:
    # src/guidellm/schemas/request_stats.py: time_per_output_token_ms = (last − start) / n; inter_token_latency_ms =
    # (last − first) / (n − 1); request_latency = request_end − request_start. src/guidellm/schemas/statistics.py,
    # rate_distribution_from_timings: its mean is all weights ÷ (last time − first time).
    assert read("guidellm", ONE) == Reading(1.0, 2.5 / 4, (1.5 / 3,), 2.75, 4 / (2.5 - 1.0))
    # src/guidellm/backends/openai/request_handlers.py: a chunk without content is no token iteration, and usage counts the ending token:
    # the second request has its last text at 1.25 and three tokens.
    assert read("guidellm", TWO) == Reading(1.0, (2.5 / 4 + 1.25 / 3) / 2, (1.5 / 3, 0.25 / 2), 2.75, 7 / (2.5 - 1.0))
    assert read("guidellm", SHORT) == Reading(1.0, 1.0, (), 1.25, None)
    assert read("guidellm", BEAM) == Reading(2.75, 2.75 / 4, (0.0,), 2.75, None)


def test_as_aiperf() -> None:
    # src/aiperf/metrics/types: ttft = first content − start; request_latency = last content − start;
    # inter_token_latency = (request_latency − ttft) / (osl − 1); docs/metrics-reference.md: throughput = total osl / benchmark duration,
    # which ends with the last content (max_response_metric.py). It has no TPOT.
    assert read("aiperf", ONE) == Reading(1.0, None, (1.5 / 3,), 2.5, 4 / 2.5)
    # The ending token has no text: the second request has two tokens, the last at 1.25.
    assert read("aiperf", TWO) == Reading(1.0, None, (1.5 / 3, 0.25), (2.5 + 1.25) / 2, 6 / 2.5)
    # "if osl < 2: raise NoMetricValue".
    assert read("aiperf", SHORT) == Reading(1.0, None, (), 1.0, 1.0)
    assert read("aiperf", BEAM) == Reading(2.75, None, (0.0,), 2.75, 4 / 2.75)


def test_as_mlperf() -> None:
    # loadgen/logging.cc, RecordSampleCompletion: tpot = (latency − first token latency) / (n_tokens − 1); loadgen/results.cc, offline:
    # tokens per second = token_count / max_latency. inference_rules.adoc: inputs are token ids, so zero lies 0.125 later. There is no ITL.
    assert read("mlperf", ONE) == Reading(0.875, 1.5 / 3, (), 2.375, 4 / 2.375)
    assert read("mlperf", TWO) == Reading(0.875, (0.5 + 0.375) / 2, (), (2.375 + 1.625) / 2, 7 / 2.375)
    # "Number of tokens need to be greater than 1": an error, and the run is invalid.
    assert read("mlperf", SHORT) == Reading(0.875, None, (), 0.875, None)
    assert read("mlperf", BEAM) == Reading(2.625, 0.0, (), 2.625, 4 / 2.625)


def test_chunks_of_several_tokens_are_single_arrivals() -> None:
    steps = (step(1.0, (1,)), step(2.0, (2, 3, 4)))
    chunked = replace(trace([]), steps=steps, output_ids=((1, 2, 3, 4),), end_s=2.25, finish=("stop",))
    assert read("vllm", chunked) == Reading(1.0, 1 / 3, (1.0,), 2.0, 4 / 2.25)
    assert read("guidellm", chunked).itl_s == (1 / 3,)
    assert read("aiperf", chunked).itl_s == (1 / 2,), "the ending token came with text, and is not counted"


@pytest.mark.parametrize("name", READERS)
def test_a_row_that_ended_at_once_has_no_text(name: str) -> None:
    ended = trace([1.0], finish=("stop",))
    assert read(name, ended).ttft_s == {"vllm": 1.0, "mlperf": 0.875}.get(name)


# ---- properties ----

gaps = st.lists(st.floats(1e-3, 10), min_size=1, max_size=12)


@st.composite
def timelines(draw: st.DrawFn) -> Trace:
    times: list[float] = []
    for gap in draw(gaps):
        times.append((times[-1] if times else 0.5) + gap)
    rows = draw(st.lists(st.integers(1, len(times)), min_size=1, max_size=4).filter(lambda rows: max(rows) == len(times)))
    finish = tuple(draw(st.sampled_from(("length", "stop"))) for _ in rows)
    return trace(times, rows=rows, finish=finish, revises=draw(st.booleans()) and len(rows) == 1)


def permuted(timeline: Trace, order: list[int]) -> Trace:
    def of(values: Any) -> tuple[Any, ...]:
        return tuple(values[row] for row in order)

    steps = tuple(
        replace(one, token_ids={at: one.token_ids[row] for at, row in enumerate(order) if row in one.token_ids}) for one in timeline.steps
    )
    rows: dict[str, Any] = {name: of(getattr(timeline, name)) for name in ("output_ids", "finish", "texts", "prompt_tokens")}
    return replace(timeline, steps=steps, **rows)


@pytest.mark.parametrize("name", READERS)
@given(timeline=timelines(), seed=st.integers(0, 2**16))
def test_the_order_of_rows_changes_nothing(name: str, timeline: Trace, seed: int) -> None:
    order = list(range(len(timeline.output_ids)))
    random.Random(seed).shuffle(order)
    one, other = read(name, timeline), read(name, permuted(timeline, order))
    assert [one.figure(metric) for metric in METRICS] == [other.figure(metric) for metric in METRICS]


@pytest.mark.parametrize("name", READERS)
@given(timeline=timelines())
def test_what_is_there_is_finite_and_in_order(name: str, timeline: Trace) -> None:
    reading = read(name, timeline)
    assert all(value is None or value >= 0 for value in (reading.figure(metric) for metric in METRICS))
    if reading.ttft_s is not None and reading.e2e_s is not None:
        assert reading.ttft_s <= reading.e2e_s <= timeline.end_s


@pytest.mark.parametrize("name", READERS)
@given(finish=st.sampled_from(("length", "stop")), at=st.floats(0.2, 100))
def test_of_one_token_no_time_between_tokens_is_known(name: str, finish: Any, at: float) -> None:
    reading = read(name, trace([at], finish=(finish,)))
    assert reading.itl_s == ()
    assert reading.tpot_s is None or name == "guidellm", "GuideLLM’s holds the wait for the first"


@pytest.mark.parametrize("name", READERS)
def test_of_nothing_nothing_is_known(name: str) -> None:
    reading = read(name, replace(trace([]), output_ids=((),)))
    assert [reading.figure(metric) for metric in METRICS] == [None] * 5
