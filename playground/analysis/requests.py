"""A trace's rows as requests over time: when each arrived, was admitted, got its tokens and ended. Pure.

All times count from a request's own arrival. In a static batch all arrive and are admitted at zero, and are handed back together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from playground.analysis.stats import percentile
from playground.timeline.trace import RequestTimes, Trace


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Seconds on the lane's own clock."""

    times: RequestTimes
    tokenize_s: float
    token_s: tuple[float, ...]
    """When each of its tokens was certain."""

    @property
    def queue_s(self) -> float:
        return self.times.admitted_s - self.times.arrived_s

    @property
    def ttft_s(self) -> float | None:
        return self.token_s[0] - self.times.arrived_s if self.token_s else None

    @property
    def prefill_s(self) -> float | None:
        """From when it was admitted and its ids were ready."""
        return self.token_s[0] - max(self.times.admitted_s, self.tokenize_s) if self.token_s else None

    @property
    def tpot_s(self) -> float | None:
        """None of a single token, and of several that came at once."""
        times = self.token_s
        return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 and times[-1] > times[0] else None

    @property
    def e2e_s(self) -> float:
        return self.times.end_s - self.times.arrived_s


def requests(trace: Trace) -> tuple[Request, ...]:
    """One a row; worked out once."""
    return trace.derive(_requests)


def _requests(trace: Trace) -> tuple[Request, ...]:
    together = RequestTimes(arrived_s=0.0, admitted_s=0.0, end_s=trace.end_s)
    times = trace.requests or (together,) * len(trace.output_ids)
    return tuple(Request(one, trace.tokenize_s, tokens) for one, tokens in zip(times, _token_times(trace, times), strict=True))


def _token_times(trace: Trace, times: Iterable[RequestTimes]) -> Iterable[tuple[float, ...]]:
    """Beam search is certain of no token before a request's end."""
    if trace.revises:
        return ((one.end_s,) * len(ids) for one, ids in zip(times, trace.output_ids, strict=True))
    return row_times(trace)


def row_times(trace: Trace) -> tuple[tuple[float, ...], ...]:
    """Per row, the own-clock time in seconds of each of its tokens; those that came in one step have all its time."""
    rows: list[list[float]] = [[] for _ in trace.output_ids]
    for step in trace.steps:
        for row, ids in step.token_ids.items():
            rows[row].extend([step.t_s] * len(ids))
    return tuple(tuple(row) for row in rows)


def request_percentile(traces: Iterable[Trace], figure: Callable[[Request], float | None], percent: float) -> float | None:
    """Over the requests of all these repeats, where the figure is known; None where it is of none."""
    found = [figure(one) for trace in traces for one in requests(trace)]
    return percentile([value for value in found if value is not None], percent)
