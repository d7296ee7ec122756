"""How lanes stand against a target, in words: one table for the page, the command line and Markdown. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from playground.analysis.metrics import METRICS
from playground.analysis.slo import LIMITS, Attainment, Limit, LimitAttainment, Target, attainments, defines_goodput
from playground.formatting import UNKNOWN, duration, request_rate, share
from playground.spec.request import RunRequest
from playground.timeline.state import LaneState, RunState

PASSES = "A lane passes when the median of its counted repeats is within every limit."
MEANINGS = (
    ("Target", PASSES),
    (
        "Tokens in time",
        "A row’s first token is in time when its TTFT is within the limit, a later one when the gap before it is within the limit of TPOT. "
        "Tokens of which the target says nothing are left out; beam search is certain of none before its end.",
    ),
    (
        "Answers in time",
        "Answers (rows × counted repeats) that are within every limit; a batch is handed back together, so all its rows have the same E2E.",
    ),
    ("Goodput", "Answers within every limit ÷ the wall time of the lane’s counted repeats."),
)


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    beside: str = ""
    """What the figure is of."""
    met: bool | None = None
    """Of a figure that a limit is set for: whether it is within."""


def headings(target: Target) -> list[str]:
    return [title for title, _ in explained_headings(target)]


def explained_headings(target: Target) -> list[tuple[str, str]]:
    """Each heading with what it means, in one sentence."""
    given = [(limit, limit_ms) for limit, limit_ms in zip(LIMITS, target.limits_ms(), strict=True) if limit_ms is not None]
    limits = [(f"{limit.title} ≤ {limit_words(limit, limit_ms)}", METRICS[f"{limit.key}_s"].meaning) for limit, limit_ms in given]
    return [MEANINGS[0], *limits, *MEANINGS[1:]]


def limit_words(limit: Limit, limit_ms: float) -> str:
    """All its digits: it is given, not measured."""
    return f"{limit_number(limit, limit_ms)} {limit.unit}"


def limit_number(limit: Limit, limit_ms: float) -> str:
    return f"{limit_ms / limit.unit_ms:,.6f}".rstrip("0").rstrip(".")


def cells(attainment: Attainment) -> list[Cell]:
    """One a heading."""
    met = attainment.met
    return [
        Cell(UNKNOWN if met is None else "passes" if met else "fails", met=met),
        *map(_limit, attainment.limits),
        _part(attainment.tokens_share, attainment.tokens_met, attainment.tokens),
        _part(attainment.answers_share, attainment.answers_met, attainment.answers),
        Cell(request_rate(attainment.goodput_rps)),
    ]


def _limit(one: LimitAttainment) -> Cell:
    if one.figure_ms is None:
        return Cell(UNKNOWN)
    repeats = f", {one.repeats_met} of {one.repeats}" if one.repeats > 1 else ""
    return Cell(duration(one.figure_ms / 1e3), ("met" if one.met else "missed") + repeats, one.met)


def _part(part: float | None, met: int | None, whole: int) -> Cell:
    return Cell(UNKNOWN) if part is None else Cell(share(part), f"{met:,} of {whole:,}")


def rows(view: RunState, target: Target) -> list[tuple[LaneState, list[Cell]]]:
    return [(lane, cells(one)) for lane, one in zip(view.lanes, attainments(view, target), strict=True)]


def notes(request: RunRequest, target: Target) -> list[str]:
    """What a reader of the table has to know."""
    return [one for one in (PASSES, target.note, goodput_note(request)) if one]


def goodput_note(request: RunRequest) -> str:
    if not defines_goodput(request):
        return "Goodput is undefined here: lanes take turns, so the wall’s time is not one lane’s."
    return "Goodput is what a lane gets done beside the others, all at once." if request.measure.schedule == "contended" else ""
