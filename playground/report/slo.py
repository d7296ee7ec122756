"""How lanes stand against a target, in words: for the command line and Markdown. The page says the same (`ui/live/judge.js`). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from playground.analysis.slo import Judged, Judgement, Target, judge
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
_LIMITS_OF = {"TTFT": (1.0, "ms"), "TPOT": (1.0, "ms"), "E2E": (1e3, "s")}
"""In what unit a limit is given, and how many milliseconds it has."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    beside: str = ""
    """What the figure is of."""


def headings(target: Target) -> list[str]:
    limits = [(metric, limit_ms) for metric, limit_ms in zip(_LIMITS_OF, target.limits_ms(), strict=True) if limit_ms is not None]
    return ["Target", *(f"{metric} ≤ {limit_words(metric, limit_ms)}" for metric, limit_ms in limits), *(name for name, _ in MEANINGS[1:])]


def limit_words(metric: str, limit_ms: float) -> str:
    """All its digits: it is given, not measured."""
    scale, unit = _LIMITS_OF[metric]
    return f"{f'{limit_ms / scale:,.6f}'.rstrip('0').rstrip('.')} {unit}"


def cells(judgement: Judgement) -> list[Cell]:
    """One a heading."""
    return [
        Cell(UNKNOWN if judgement.met is None else "passes" if judgement.met else "fails"),
        *(_metric(one) for one in judgement.metrics),
        _part(judgement.tokens_share, judgement.tokens_met, judgement.tokens),
        _part(judgement.answers_share, judgement.answers_met, judgement.answers),
        Cell(request_rate(judgement.goodput_rps)),
    ]


def _metric(one: Judged) -> Cell:
    if one.figure_ms is None:
        return Cell(UNKNOWN)
    return Cell(duration(one.figure_ms / 1e3), _met(one) + (f", {one.repeats_met} of {one.repeats}" if one.repeats > 1 else ""))


def _met(one: Judged) -> str:
    return "met" if one.met else "missed"


def _part(part: float | None, met: int | None, whole: int) -> Cell:
    return Cell(UNKNOWN) if part is None else Cell(share(part), f"{met:,} of {whole:,}")


def rows(view: RunState, target: Target) -> list[tuple[LaneState, list[Cell]]]:
    return [(lane, cells(one)) for lane, one in zip(view.lanes, judge(view, target), strict=True)]


def notes(request: RunRequest, target: Target) -> list[str]:
    """What a reader of the table has to know."""
    return [one for one in (PASSES, target.note, goodput_note(request)) if one]


def goodput_note(request: RunRequest) -> str:
    match request.measure.schedule:
        case "interleaved":
            return "Goodput is undefined here: lanes take turns, so the wall’s time is not one lane’s."
        case "contended":
            return "Goodput is what a lane gets done beside the others, all at once."
        case "exclusive":
            return ""
