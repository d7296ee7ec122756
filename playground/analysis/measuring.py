"""Traces → figures; pure. One definition of each word, written out in README.md under "What the numbers mean".

All figures are on the lane's own clock. Undefined is None, never 0.
"""

from __future__ import annotations

import statistics
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from playground.analysis.requests import requests, row_times
from playground.timeline.state import RunningRepeat
from playground.timeline.trace import Step, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The figures of one repeat; None: unknown or undefined."""

    tokenize_s: float | None = None
    queue_s: float | None = None
    ttft_s: float | None = None
    prefill_s: float | None = None
    decode_s: float | None = None
    post_s: float | None = None
    e2e_s: float | None = None
    tpot_s: float | None = None
    itl_s: tuple[float, ...] = ()
    step_s: float | None = None
    tokens_per_event: float | None = None
    decode_tokens_per_s: float | None = None
    output_tokens_per_s: float | None = None
    requests_per_s: float | None = None


def measure(trace: Trace) -> Metrics:
    """The figures of one repeat; worked out once."""
    return trace.derive(_measure)


def _measure(trace: Trace) -> Metrics:
    found = _measure_batch(trace)
    return _count_from_arrival(found, trace) if trace.requests else found


def _count_from_arrival(batch: Metrics, trace: Trace) -> Metrics:
    """Of requests that came over time: each counts from its own arrival, and the figure is the median over them."""
    found = requests(trace)
    return replace(
        batch,
        queue_s=median([one.queue_s for one in found]),
        ttft_s=median([one.ttft_s for one in found]),
        prefill_s=median([one.prefill_s for one in found]),
        e2e_s=median([one.e2e_s for one in found]),
    )


def _measure_batch(trace: Trace) -> Metrics:
    """The figures of rows that all arrive at zero.

    TPOT as vLLM's `bench serve` and MLPerf define it, (last − first) / (n − 1) of a row; of a batch the median over its rows.
    Beam search makes no token certain before the end, so its visible TTFT is E2E and TPOT, ITL and throughput of decode are None.
    """
    if not trace.steps:
        return Metrics(tokenize_s=trace.tokenize_s)
    times = [step.t_s for step in trace.steps]
    gaps = tuple(later - earlier for earlier, later in pairwise(times))
    output_tokens = sum(len(row) for row in trace.output_ids)
    finished = sum(finish in ("length", "stop") for finish in trace.finish)
    return Metrics(
        tokenize_s=trace.tokenize_s,
        ttft_s=trace.end_s if trace.revises else times[0],
        prefill_s=times[0] - trace.tokenize_s,
        decode_s=times[-1] - times[0],
        post_s=trace.end_s - times[-1],
        e2e_s=trace.end_s,
        tpot_s=None if trace.revises else _tpot(trace),
        itl_s=() if trace.revises else gaps,
        step_s=statistics.median(gaps) if gaps else None,
        tokens_per_event=None if trace.revises else _tokens_per_event(trace.steps),
        decode_tokens_per_s=None if trace.revises else _decode_throughput(trace),
        output_tokens_per_s=output_tokens / trace.end_s if trace.end_s > 0 else None,
        requests_per_s=finished / trace.end_wall_s if finished and trace.end_wall_s > 0 else None,
    )


def measure_running(repeat: RunningRepeat) -> Metrics:
    """The figures of a repeat in progress, as `measure` gives them for its steps so far, at the cost of each new step alone.

    `itl_s`, `post_s` and `requests_per_s` are left out: they are of a whole repeat.
    """
    return repeat.derive(_Meter).figures()


class _Meter:
    """Reads the steps of a repeat in progress as they come."""

    def __init__(self, repeat: RunningRepeat) -> None:
        self._repeat, self._read = repeat, 0
        self._first_s: float | None = None
        self._last_s = 0.0
        self._gaps: list[float] = []
        """Sorted."""
        self._events = 0
        """Counted once for each row that gained tokens."""
        self._rows = [_Row() for _ in range(repeat.rows)]

    def _take(self, step: Step) -> None:
        if self._first_s is None:
            self._first_s = step.t_s
        else:
            insort(self._gaps, step.t_s - self._last_s)
        self._last_s = step.t_s
        for row, ids in step.token_ids.items():
            self._events += bool(ids)
            self._rows[row].take(step.t_s, len(ids), None if step.keep is None else step.keep[row])

    def figures(self) -> Metrics:
        steps = self._repeat.steps
        for place in range(self._read, len(steps)):
            self._take(steps[place])
        self._read = len(steps)
        if self._first_s is None:
            return Metrics(tokenize_s=self._repeat.tokenize_s)
        return Metrics(
            tokenize_s=self._repeat.tokenize_s,
            ttft_s=self._last_s if self._repeat.revises else self._first_s,
            prefill_s=self._first_s - self._repeat.tokenize_s,
            decode_s=self._last_s - self._first_s,
            e2e_s=self._last_s,
            tpot_s=None if self._repeat.revises else median([row.tpot_s() for row in self._rows]),
            step_s=statistics.median(self._gaps) if self._gaps else None,
            tokens_per_event=None if self._repeat.revises else self._tokens / self._events if self._events else None,
            decode_tokens_per_s=None if self._repeat.revises else self._throughput(),
            output_tokens_per_s=self._tokens / self._last_s if self._last_s > 0 else None,
        )

    @property
    def _tokens(self) -> int:
        """That stand now, all rows together."""
        return sum(row.tokens for row in self._rows)

    def _throughput(self) -> float | None:
        rows = [row for row in self._rows if row.tokens]
        tokens = sum(row.tokens - 1 for row in rows)
        span = max((row.last_s for row in rows), default=0.0) - min((row.first_s for row in rows), default=0.0)
        return tokens / span if tokens and span > 0 else None


class _Row:
    """First and last token of one row, and how many stand."""

    __slots__ = ("first_s", "last_s", "tokens")

    def __init__(self) -> None:
        self.first_s = self.last_s = 0.0
        self.tokens = 0

    def take(self, t_s: float, tokens: int, keep: int | None) -> None:
        if tokens and not self.tokens:
            self.first_s = t_s
        if tokens:
            self.last_s = t_s
        self.tokens = (self.tokens if keep is None else keep) + tokens

    def tpot_s(self) -> float | None:
        return (self.last_s - self.first_s) / (self.tokens - 1) if self.tokens > 1 and self.last_s > self.first_s else None


def _tpot(trace: Trace) -> float | None:
    return median([one.tpot_s for one in requests(trace)])


def _tokens_per_event(steps: Sequence[Step]) -> float | None:
    """Of one row: more than one where tokens come in chunks, as with speculation. None of no token."""
    gained = [len(ids) for step in steps for ids in step.token_ids.values() if ids]
    return sum(gained) / len(gained) if gained else None


def _decode_throughput(trace: Trace) -> float | None:
    rows = [times for times in row_times(trace) if times]
    tokens = sum(len(times) - 1 for times in rows)
    span = max((times[-1] for times in rows), default=0.0) - min((times[0] for times in rows), default=0.0)
    return tokens / span if tokens and span > 0 else None


def median(values: list[float | None]) -> float | None:
    """The median of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
