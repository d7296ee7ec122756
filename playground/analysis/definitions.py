"""The same timelines, read as other tools define the same words. Pure.

Their formulas are applied to what a client of theirs would have seen: each row of a batch is a request of its own, all sent at zero; a
decode event is a chunk; beam search is one chunk at its end. A tool prints several statistics of its requests; here it is the median
over them, then over the repeats, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from playground.analysis.measuring import Metrics, median
from playground.timeline.trace import Trace

Metric = Literal["ttft_s", "tpot_s", "itl_s", "e2e_s", "output_tokens_per_s"]


@dataclass(frozen=True, slots=True)
class Request:
    """One row, as a client sees it. All times are own-clock seconds from zero."""

    chunks: tuple[float, ...]
    """When something of it came."""
    written: tuple[float, ...]
    """When text came: a chunk that holds the ending token alone has none."""
    tokens: int
    """The ending token included."""
    written_tokens: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One repeat by one tool's definitions; None: the tool has no such figure, or none of this timeline."""

    ttft_s: float | None
    tpot_s: float | None
    itl_s: tuple[float, ...]
    """All the values its distribution is of: gaps, or one average for each request."""
    e2e_s: float | None
    output_tokens_per_s: float | None

    def figure(self, metric: Metric) -> float | None:
        """The median, where there are several values."""
        return median([*self.itl_s]) if metric == "itl_s" else getattr(self, metric)


def requests_of(trace: Trace) -> tuple[Request, ...]:
    """The rows of which anything came."""
    return tuple(_request(trace, row) for row, ids in enumerate(trace.output_ids) if ids and trace.steps)


def _request(trace: Trace, row: int) -> Request:
    tokens, ended = len(trace.output_ids[row]), trace.finish[row] == "stop"
    if trace.revises:
        return Request((trace.end_s,), (trace.end_s,) if tokens > ended else (), tokens, tokens - ended)
    steps = [step for step in trace.steps if step.token_ids.get(row)]
    chunks = tuple(step.t_s for step in steps)
    silent = ended and bool(steps) and len(steps[-1].token_ids[row]) == 1
    return Request(chunks, chunks[:-1] if silent else chunks, tokens, tokens - ended)


def as_vllm(trace: Trace) -> Reading:
    """`vllm bench serve`, as of vLLM 009e6d4a: `calculate_metrics` in vllm/benchmarks/serve.py; TTFT, gaps and latency are taken in
    vllm/benchmarks/lib/endpoint_request_func.py, where the latency ends with the last chunk and the run with the last response.

    A request of one token has no TPOT there; its goodput counts it as 0.
    """
    rows = requests_of(trace)
    return Reading(
        ttft_s=median([row.chunks[0] for row in rows]),
        tpot_s=median([(row.chunks[-1] - row.chunks[0]) / (row.tokens - 1) for row in rows if row.tokens > 1]),
        itl_s=tuple(gap for row in rows for gap in _gaps(row.chunks)),
        e2e_s=median([row.chunks[-1] for row in rows]),
        output_tokens_per_s=_rate(sum(row.tokens for row in rows), trace.end_s),
    )


def as_guidellm(trace: Trace) -> Reading:
    """GuideLLM, as of ee7a7745: `GenerativeRequestStats` in src/guidellm/schemas/request_stats.py, stamped in
    src/guidellm/backends/openai/http.py (a token chunk has text, the request ends with its response); tokens per second as printed:
    the mean of `rate_distribution_from_timings` in src/guidellm/schemas/statistics.py, all tokens ÷ (last chunk − first chunk).
    """
    rows = requests_of(trace)
    written = [row for row in rows if row.written]
    last = [row.written[-1] if row.written else trace.end_s for row in rows]
    first = [row.written[0] if row.written else trace.end_s for row in rows]
    averages = ((row.written[-1] - row.written[0]) / (row.tokens - 1) for row in written if row.tokens > 1)
    return Reading(
        ttft_s=median([row.written[0] for row in written]),
        tpot_s=median([at / row.tokens for row, at in zip(rows, last, strict=True)]),
        itl_s=tuple(averages),
        e2e_s=trace.end_s if rows else None,
        output_tokens_per_s=_rate(sum(row.tokens for row in rows), max(last, default=0.0) - min(first, default=0.0)),
    )


def as_aiperf(trace: Trace) -> Reading:
    """AIPerf, as of 58dd5dea: src/aiperf/metrics/types/ttft_metric.py, inter_token_latency_metric.py, request_latency_metric.py (until
    the last chunk with text), max_response_metric.py; docs/metrics-reference.md for the throughput. Tokens are counted in the text.
    """
    rows = [row for row in requests_of(trace) if row.written]
    averages = ((row.written[-1] - row.written[0]) / (row.written_tokens - 1) for row in rows if row.written_tokens > 1)
    return Reading(
        ttft_s=median([row.written[0] for row in rows]),
        tpot_s=None,
        itl_s=tuple(averages),
        e2e_s=median([row.written[-1] for row in rows]),
        output_tokens_per_s=_rate(sum(row.written_tokens for row in rows), max((row.written[-1] for row in rows), default=0.0)),
    )


def as_mlperf(trace: Trace) -> Reading:
    """MLPerf inference, as of b66003e1: `AsyncLog::RecordSampleCompletion` in loadgen/logging.cc, where an answer of one token is an
    error; tokens per second of the offline scenario, loadgen/results.cc. Prompts and answers are token ids (inference_rules.adoc,
    untimed preprocessing), so the clock starts after tokenizing and stops with the last token.
    """
    rows = requests_of(trace)
    latencies = [row.chunks[-1] - trace.tokenize_s for row in rows]
    valid = all(row.tokens > 1 for row in rows)
    return Reading(
        ttft_s=median([row.chunks[0] - trace.tokenize_s for row in rows]),
        tpot_s=median([(row.chunks[-1] - row.chunks[0]) / (row.tokens - 1) for row in rows]) if valid else None,
        itl_s=(),
        e2e_s=median([*latencies]),
        output_tokens_per_s=_rate(sum(row.tokens for row in rows), max(latencies, default=0.0)) if valid else None,
    )


def _gaps(times: Sequence[float]) -> Iterator[float]:
    return (later - earlier for earlier, later in pairwise(times))


def _rate(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if tokens and seconds > 0 else None


def as_here(metrics: Metrics) -> Reading:
    """This page's own definitions (measuring.py)."""
    return Reading(metrics.ttft_s, metrics.tpot_s, metrics.itl_s, metrics.e2e_s, metrics.output_tokens_per_s)
