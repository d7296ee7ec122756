"""What counts as fast enough: published limits and one's own, and whether lanes keep within them. Pure.

Everything is read from the traces, so another target costs no run. Times are compared in milliseconds rounded to the microsecond, and a
limit is met by what equals it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from playground.analysis.measuring import measure, median
from playground.analysis.requests import requests, row_times
from playground.errors import InputError
from playground.formatting import milliseconds
from playground.spec.request import RunRequest
from playground.timeline.state import RunState
from playground.timeline.trace import Trace

_SEED = 'Latency Optimization, section 7, "Target Latency Benchmarks (Interactive AI)"'
_MLPERF = (
    "MLPerf Inference rules, inference_rules.adoc of mlcommons/inference_policies at ac93e89 (23 July 2026), "
    "datacenter benchmarks; a limit for the 99th percentile of requests to a server under load"
)
_MLPERF_NOTE = (
    "The limits are published for the 99th percentile of requests to a server under load; compared is the median here, "
    "so a lane that passes has no MLPerf result."
)
LEAST_S, MOST_S = 1e-6, 3600.0
"""Between these an own limit may lie."""
OWN = "own"
FORM = "limits such as ttft=200ms,tpot=50ms,e2e=2s"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a target may limit, and the unit in which a limit is given."""

    key: str
    title: str
    unit: str
    unit_ms: float
    """How many milliseconds the unit has."""


LIMITS = (Limit("ttft", "TTFT", "ms", 1.0), Limit("tpot", "TPOT", "ms", 1.0), Limit("e2e", "E2E", "s", 1e3))


@dataclass(frozen=True, slots=True)
class Target:
    """Upper limits in seconds; None: this target says nothing of the metric."""

    name: str
    title: str
    ttft_s: float | None
    tpot_s: float | None
    e2e_s: tuple[float, float] | None
    """From ideal to still good: the source gives a span, and its far end is the limit. An own target has both ends in one."""
    source: str
    """Which text says so, and what was read into it."""
    note: str = ""
    """What a reader has to know of it, in one sentence."""

    @classmethod
    def own(cls, ttft_s: float | None = None, tpot_s: float | None = None, e2e_s: float | None = None) -> Target:
        """Raises InputError when a limit is out of range or not a number, or none is given."""
        given = {"ttft": ttft_s, "tpot": tpot_s, "e2e": e2e_s}
        if all(limit_s is None for limit_s in given.values()):
            raise InputError("--target", f"no limit is given; allowed: {FORM}")
        for metric, limit_s in given.items():
            if limit_s is not None and not LEAST_S <= limit_s <= MOST_S:
                raise InputError("--target", f"{metric}={limit_s:g} s is out of range; allowed: 0.001 ms to 3600 s")
        ttft_s, tpot_s, e2e_s = (None if one is None else round(one, 6) for one in given.values())
        return cls(OWN, "Own target", ttft_s, tpot_s, None if e2e_s is None else (e2e_s, e2e_s), "typed or dragged by the reader")

    def limits_ms(self) -> tuple[float | None, float | None, float | None]:
        """In the order of `LIMITS`."""
        return milliseconds(self.ttft_s), milliseconds(self.tpot_s), milliseconds(self.e2e_s[1] if self.e2e_s else None)


TARGETS = (
    Target("chat", "Chat", 0.2, None, None, _SEED),
    Target("voice", "Voice assistant", 0.3, None, None, f"{_SEED}; it names no metric here, read as TTFT like that of chat"),
    Target("search", "Search assistant", 0.5, None, None, f"{_SEED}; it names no metric here, read as TTFT like that of chat"),
    Target(
        "documents",
        "Document generation",
        None,
        None,
        (1.0, 2.0),
        f"{_SEED}; it names no metric here, read as E2E",
        "The source gives 1–2 s; its far end is the limit.",
    ),
    Target("mlperf-llama3.1-8b", "MLPerf interactive, Llama 3.1 8B", 0.5, 0.03, None, _MLPERF, _MLPERF_NOTE),
    Target("mlperf-llama2-70b", "MLPerf interactive, Llama 2 70B", 0.45, 0.04, None, _MLPERF, _MLPERF_NOTE),
    Target("mlperf-llama3.1-405b", "MLPerf interactive, Llama 3.1 405B", 4.5, 0.08, None, _MLPERF, _MLPERF_NOTE),
)


def read_target(text: str) -> Target:
    """A published target by its name, or `ttft=200ms,tpot=50ms,e2e=2s` with any of the three. Raises InputError."""
    if (known := next((target for target in TARGETS if target.name == text.strip()), None)) is not None:
        return known
    if "=" not in text:
        names = ", ".join(target.name for target in TARGETS)
        raise InputError("--target", f"{text!r} is no target; allowed: {names}, or {FORM}")
    limits: dict[str, float] = {}
    for part in text.split(","):
        metric, _, value = (one.strip() for one in part.partition("="))
        if metric not in ("ttft", "tpot", "e2e") or metric in limits:
            raise InputError(
                "--target", f"{part.strip()!r} is no limit; allowed: ttft, tpot and e2e, each once, such as ttft=200ms,tpot=50ms,e2e=2s"
            )
        limits[metric] = _seconds(metric, value)
    return Target.own(**{f"{metric}_s": limit_s for metric, limit_s in limits.items()})


def _seconds(metric: str, text: str) -> float:
    """Of "200ms" or "2 s"."""
    found = re.fullmatch(r"(.*?)\s*(ms|s)", text)
    try:
        return float(found[1]) * (1e-3 if found[2] == "ms" else 1.0) if found else float("")
    except ValueError:
        raise InputError(
            "--target", f"{metric}={text!r} is not a number with its unit; allowed: 0.001 ms to 3600 s, such as 200ms or 2s"
        ) from None


# ---- attainment ----


@dataclass(frozen=True, slots=True)
class Timing:
    """What of a repeat a target is held against, in milliseconds. None: unknown or undefined, as in `Metrics`."""

    ttft_ms: float | None
    tpot_ms: float | None
    e2e_ms: float | None
    """None also of a repeat that was cut short: its answers did not come to their end."""
    wall_ms: float
    answers: tuple[tuple[float | None, float | None], ...]
    """TTFT and TPOT of each row; a batch is handed back together, so E2E is the repeat's."""
    gaps: tuple[tuple[int, tuple[float, ...]], ...] | None
    """The gap before each token after a row's first, as (how many tokens had such a gap, ascending gaps): most batches step together, and
    one gap is all rows'. None for beam search, none of whose tokens is certain before the end."""

    @property
    def figures_ms(self) -> tuple[float | None, float | None, float | None]:
        """In the order of `LIMITS`."""
        return self.ttft_ms, self.tpot_ms, self.e2e_ms


@dataclass(frozen=True, slots=True)
class LimitAttainment:
    """One metric of a lane against its limit."""

    limit: Limit
    limit_ms: float
    figure_ms: float | None
    """The median of the counted repeats."""
    repeats_met: int
    repeats: int
    """Those whose figure is known."""

    @property
    def met(self) -> bool | None:
        return None if self.figure_ms is None else self.figure_ms <= self.limit_ms


@dataclass(frozen=True, slots=True)
class Attainment:
    """A lane against a target."""

    limits: tuple[LimitAttainment, ...]
    """Those that the target sets."""
    tokens_met: int | None
    """A first token is in time when its TTFT is within the limit, a later one when the gap before it is within that of TPOT. Tokens of
    which the target says nothing are left out; None: none is left, or none is certain before the end (beam search)."""
    tokens: int
    answers_met: int | None
    """Answers (rows × counted repeats) that were within every limit. None: one that missed no limit lacks a figure or was cut short."""
    answers: int
    goodput_rps: float | None
    """`answers_met` ÷ the wall time of their repeats. None where goodput is undefined (`defines_goodput`); in contended runs it is what
    the lane gets done beside the others."""

    @property
    def met(self) -> bool | None:
        """Whether every limit is met, by the medians of the counted repeats; False as soon as one is not; None: not known."""
        return _all([one.met for one in self.limits])

    @property
    def tokens_share(self) -> float | None:
        return self.tokens_met / self.tokens if self.tokens_met is not None and self.tokens else None

    @property
    def answers_share(self) -> float | None:
        return self.answers_met / self.answers if self.answers_met is not None and self.answers else None


def attainments(view: RunState, target: Target) -> list[Attainment]:
    """Every lane's counted repeats against a target."""
    goodput = defines_goodput(view.request)
    return [attainment([timing(repeat) for repeat in lane.counted], target, goodput) for lane in view.lanes]


def defines_goodput(request: RunRequest) -> bool:
    """Not in interleaved runs: lanes take turns there, and the wall's time is not one lane's."""
    return request.measure.schedule != "interleaved"


def attainment(timings: Sequence[Timing], target: Target, goodput: bool) -> Attainment:
    """One lane's counted repeats against a target; `goodput`: whether it is defined."""
    limits_ms = target.limits_ms()
    tokens_met, tokens = _tokens(timings, limits_ms[0], limits_ms[1])
    answers = [_answer(one, answer, limits_ms) for one in timings for answer in one.answers]
    met = None if None in answers or not answers else answers.count(True)
    wall_ms = sum(one.wall_ms for one in timings)
    return Attainment(
        limits=tuple(_limit(timings, number, limit_ms) for number, limit_ms in enumerate(limits_ms) if limit_ms is not None),
        tokens_met=tokens_met,
        tokens=tokens,
        answers_met=met,
        answers=len(answers),
        goodput_rps=met / wall_ms * 1e3 if goodput and met is not None and wall_ms > 0 else None,
    )


def timing(repeat: Trace) -> Timing:
    """What of a repeat targets are held against."""
    cut, figures = bool({"cancelled", "timeout"} & set(repeat.finish)), measure(repeat)
    return Timing(
        ttft_ms=milliseconds(figures.ttft_s),
        tpot_ms=milliseconds(figures.tpot_s),
        e2e_ms=None if cut else milliseconds(figures.e2e_s),
        wall_ms=round(repeat.end_wall_s * 1e3, 3),
        answers=tuple((milliseconds(one.ttft_s), milliseconds(one.tpot_s)) for one in requests(repeat)),
        gaps=None if repeat.revises else _gaps(row_times(repeat)),
    )


def _gaps(rows: Sequence[Sequence[float]]) -> tuple[tuple[int, tuple[float, ...]], ...]:
    tokens = Counter(round((later - earlier) * 1e3, 3) for row in rows for earlier, later in pairwise(row))
    alike: defaultdict[int, list[float]] = defaultdict(list)
    for gap_ms, count in sorted(tokens.items()):
        alike[count].append(gap_ms)
    return tuple((count, tuple(gaps)) for count, gaps in sorted(alike.items()))


def _limit(timings: Sequence[Timing], number: int, limit_ms: float) -> LimitAttainment:
    values = [one.figures_ms[number] for one in timings]
    known = [value for value in values if value is not None]
    return LimitAttainment(LIMITS[number], limit_ms, median(values), sum(value <= limit_ms for value in known), len(known))


def _tokens(timings: Sequence[Timing], ttft_ms: float | None, tpot_ms: float | None) -> tuple[int | None, int]:
    """How many tokens were in time, of how many."""
    met = tokens = 0
    for one in timings:
        if one.gaps is None:
            return None, 0
        firsts = [(1, tuple(sorted(first for first, _ in one.answers if first is not None)))]
        for limit_ms, groups in ((ttft_ms, firsts), (tpot_ms, one.gaps)):
            if limit_ms is not None:
                tokens += sum(count * len(times) for count, times in groups)
                met += sum(count * bisect_right(times, limit_ms) for count, times in groups)
    return (met, tokens) if tokens else (None, 0)


def _answer(one: Timing, answer: tuple[float | None, float | None], limits_ms: tuple[float | None, ...]) -> bool | None:
    """Whether one row was within every limit; one that was cut short was not answered, whatever it met until then."""
    values = zip((*answer, one.e2e_ms), limits_ms, strict=True)
    met = [None if value is None else value <= limit_ms for value, limit_ms in values if limit_ms is not None]
    return _all([*met, None if one.e2e_ms is None else True])


def _all(met: Sequence[bool | None]) -> bool | None:
    """False as soon as one is; else unknown as soon as one is, or there is none."""
    return False if False in met else None if None in met or not met else True
