"""The same timelines, read as other tools define the same words. Pure.

Their formulas are applied to what a client of theirs would have seen: each row of a batch is a request of its own, all sent at zero; a
decode event is a chunk; beam search is one chunk at its end. What no formula can make the same is said in `NOTE`. A tool prints several
statistics of its requests; here it is the median over them, then over the repeats, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypedDict

from playground.analysis.metrics import measure, median
from playground.errors import InputError
from playground.formatting import duration, rate
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Metrics, Trace

Metric = Literal["ttft_s", "tpot_s", "itl_s", "e2e_s", "output_tokens_per_s"]

METRICS: Mapping[Metric, str] = {"ttft_s": "TTFT", "tpot_s": "TPOT", "itl_s": "ITL", "e2e_s": "E2E", "output_tokens_per_s": "Output"}
"""The metrics that are compared, with their titles."""

NOTE = (
    "Only the definitions change: these are the steps measured here. The tools’ own clocks stand in a client, so their figures also "
    "hold the network and the server’s queue. A row of a batch is read as a request of its own, sent with the others; the answer of "
    "beam search as one chunk at its end. Figures are medians over the requests, and over the repeats that count."
)

AT_ONCE = "The whole answer comes in one chunk: no time passes from its first token to its last, which makes 0."
LAST_TOKEN = "It ends with the last token: what follows, such as turning all tokens into text, is not in it."
EACH_ROW = "Each row is a request that ends with its own last token."


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
    steps = [step for step in trace.steps if step.token_ids[row]]
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
    """This page's own definitions (metrics.py)."""
    return Reading(metrics.ttft_s, metrics.tpot_s, metrics.itl_s, metrics.e2e_s, metrics.output_tokens_per_s)


Why = Mapping[Metric, str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: how it reads a timeline, and why its figures are others."""

    title: str
    read: Callable[[Trace], Reading]
    why: Why
    """Of a figure that both have; E2E apart."""
    none: Why
    """Of a figure that the tool does not have."""
    ended: Why
    """What comes to it where rows have ended by themselves."""


_TPOT = "(last token − first token) ÷ (tokens − 1) of each request."
_IN_IDS = "The prompt comes as token ids, so tokenizing is not in it."
_ONE_AVERAGE = "One average for each request, ({}) ÷ (tokens − 1), where this page takes the gaps themselves."
_COUNTED = "The token that ends an answer is counted but has no text, so the time stops at the one before."
_LEFT_OUT = "The token that ends an answer has no text: it is neither counted nor waited for."
_INVALID = "LoadGen logs an error for an answer of one token, which makes the run invalid."

TOOLS: Mapping[str, Tool] = {
    "vllm": Tool(
        "vLLM",
        as_vllm,
        {
            "tpot_s": _TPOT,
            "itl_s": "Each row is a request: a step’s gap counts once for every row that was still writing.",
        },
        {"tpot_s": "vLLM leaves an answer of one token out, prints 0 when there is no other, and counts it as 0 for goodput."},
        {},
    ),
    "guidellm": Tool(
        "GuideLLM",
        as_guidellm,
        {
            "ttft_s": "It waits for the first text.",
            "tpot_s": "All the time up to the last token, the wait for the first included, ÷ all tokens.",
            "itl_s": _ONE_AVERAGE.format("last − first"),
            "output_tokens_per_s": "All tokens, the first included, ÷ the time from the first token to the last.",
        },
        {"output_tokens_per_s": "Everything comes at once, so there is no time from the first token to the last to divide by."},
        dict.fromkeys(("tpot_s", "itl_s", "output_tokens_per_s"), _COUNTED),
    ),
    "aiperf": Tool(
        "AIPerf",
        as_aiperf,
        {
            "ttft_s": "It waits for the first text.",
            "itl_s": _ONE_AVERAGE.format("E2E − TTFT"),
            "output_tokens_per_s": "All tokens ÷ the time until the last one, without what follows.",
        },
        {"tpot_s": "AIPerf has no figure of this name: what is TPOT here is its ITL."},
        dict.fromkeys(("itl_s", "e2e_s", "output_tokens_per_s"), _LEFT_OUT),
    ),
    "mlperf": Tool(
        "MLPerf",
        as_mlperf,
        {
            "ttft_s": _IN_IDS,
            "tpot_s": _TPOT,
            "output_tokens_per_s": "All tokens ÷ the longest E2E, as in the offline scenario.",
        },
        {"tpot_s": _INVALID, "itl_s": "MLPerf has none.", "output_tokens_per_s": _INVALID},
        {},
    ),
}
"""By the name that is typed."""


class ReadCell(TypedDict):
    text: str
    here: str | None
    """This page's figure, where it is another."""


class ReadRow(TypedDict):
    lane: int
    """Index in the request."""
    label: str
    cells: list[ReadCell]
    """One a metric, in the order of `METRICS`."""


class ReadTable(TypedDict):
    tool: str
    title: str
    headings: list[str]
    rows: list[ReadRow]
    why: list[str]
    """A sentence for each reason why a figure is another, or is not there."""


def tool_of(name: str) -> Tool:
    """Raises InputError."""
    try:
        return TOOLS[name]
    except KeyError:
        raise InputError("--read-as", f"{name!r} is not known; allowed: {', '.join(TOOLS)}") from None


def read_table(view: RunState, name: str) -> ReadTable:
    """Lanes × metrics as the tool would give them, as plain JSON values; a lane without a counted repeat has none. Raises InputError."""
    tool = tool_of(name)
    rows: list[ReadRow] = []
    reasons: list[tuple[Metric, str]] = []
    for lane in view.lanes:
        figures = list(_figures(tool, lane))
        rows.append({"lane": lane.index, "label": lane.label, "cells": [figure.cell() for figure in figures]})
        reasons += [(figure.metric, sentence) for figure in figures for sentence in _why(tool, lane, figure)]
    why = [f"{title}: {' '.join(said)}" for metric, title in METRICS.items() if (said := _distinct(reasons, metric))]
    return {"tool": name, "title": tool.title, "headings": ["Lane", *METRICS.values()], "rows": rows, "why": why}


def read_tables(view: RunState) -> dict[str, ReadTable]:
    """Of every tool."""
    return {name: read_table(view, name) for name in TOOLS}


def about_definitions() -> dict[str, Any]:
    """What is known before a run, as plain JSON values."""
    tools = [{"name": name, "title": tool.title} for name, tool in TOOLS.items()]
    return {"tools": tools, "headings": ["Lane", *METRICS.values()], "note": NOTE}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of a lane by both definitions: medians over the counted repeats."""

    metric: Metric
    value: float | None
    own: float | None

    @property
    def text(self) -> str:
        return self._show(self.value)

    @property
    def changed(self) -> bool:
        """Figures that are written alike are not told apart."""
        return self.text != self._show(self.own)

    def cell(self) -> ReadCell:
        return {"text": self.text, "here": self._show(self.own) if self.changed else None}

    def _show(self, value: float | None) -> str:
        return rate(value) if self.metric == "output_tokens_per_s" else duration(value)


def _figures(tool: Tool, lane: LaneState) -> Iterator[Figure]:
    readings = [(tool.read(repeat), as_here(measure(repeat))) for repeat in lane.counted]
    for metric in METRICS:
        yield Figure(metric, median([one.figure(metric) for one, _ in readings]), median([own.figure(metric) for _, own in readings]))


def _why(tool: Tool, lane: LaneState, figure: Figure) -> Iterator[str]:
    """Why a figure is another than this page's, or is not there."""
    metric = figure.metric
    requests = [request for repeat in lane.counted for request in requests_of(repeat)]
    if figure.value is None:
        if figure.changed or (metric == "tpot_s" and any(request.tokens == 1 for request in requests)):
            yield tool.none.get(metric, "There is nothing to take it from.")
    elif figure.changed and figure.value == 0:
        yield AT_ONCE
    elif figure.changed and metric == "e2e_s":
        yield from [_IN_IDS] if tool.read is as_mlperf else []
        yield from [] if lane.lane.decoding.revises else [LAST_TOKEN]
        yield from [EACH_ROW] if lane.lane.batch > 1 else []
    elif figure.changed:
        yield tool.why.get(metric, "It is defined otherwise.")
    if figure.value and figure.changed and metric in tool.ended and any(request.written_tokens < request.tokens for request in requests):
        yield tool.ended[metric]


def _distinct(reasons: Sequence[tuple[Metric, str]], metric: Metric) -> list[str]:
    """The metric's sentences, each once, in the order in which lanes gave them."""
    return [*dict.fromkeys(sentence for one, sentence in reasons if one == metric)]
