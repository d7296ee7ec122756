"""Targets on the page: what can be chosen, the reader's own limits as they are typed, and a run's lanes held against them.

The browser asks while a target is typed or dragged; every repeat is read once, when it has ended, so that an answer costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypedDict

from playground.analysis.slo import LIMITS, TARGETS, Limit, Target, Timing, attainment, defines_goodput, timing
from playground.report.slo import MEANINGS, PASSES, Cell, cells, explained_headings, goodput_note, limit_number
from playground.spec.request import RunRequest
from playground.timeline.state import RunState

LEAST_MS, MOST_MS = 0.001, 3.6e6
NUMBER = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
GONE = "This run’s timelines are not held any more; run it again."


class LimitError(ValueError):
    """What was typed is no limit: of which field (empty: of none alone), and one sentence."""

    def __init__(self, limit: str, sentence: str) -> None:
        super().__init__(sentence)
        self.limit = limit


class LimitRecord(TypedDict):
    """A metric that targets limit, and the unit it is typed in."""

    key: str
    title: str
    unit: str


class TargetOption(TypedDict):
    """A published target."""

    name: str
    title: str
    source: str
    fields: list[str]
    """Its limits as they are typed."""
    ends: list[list[float]]
    """In the same units, where its lines stand: of a span, both."""


class TargetTable(TypedDict):
    """The lanes against a target."""

    headings: list[tuple[str, str]]
    """Each with what it means."""
    rows: list[list[tuple[str, str, bool | None]]]
    """A lane's cells: text, what it is of, and whether it is within a limit. None before a run."""
    notes: str


class TargetChoice(TypedDict):
    """What the page offers."""

    limits: list[LimitRecord]
    options: list[TargetOption]
    meanings: tuple[tuple[str, str], ...]
    note: str
    """What goodput is in this run."""
    first: TargetTable
    """Of the first target, before anything has run."""


class WrongLimit(TypedDict):
    """Instead of a table: `LimitError`."""

    limit: str
    wrong: str


def target_choice(request: RunRequest) -> TargetChoice:
    return {
        "limits": [{"key": limit.key, "title": limit.title, "unit": limit.unit} for limit in LIMITS],
        "options": [_option(target) for target in TARGETS],
        "meanings": MEANINGS,
        "note": goodput_note(request),
        "first": target_table(TARGETS[0]),
    }


def _option(target: Target) -> TargetOption:
    given = zip(LIMITS, target.limits_ms(), strict=True)
    fields = ["" if limit_ms is None else limit_number(limit, limit_ms).replace(",", "") for limit, limit_ms in given]
    ends = [[float(field)] if field else [] for field in fields]
    if target.e2e_s is not None:
        ends[-1] = sorted(set(target.e2e_s))
    return {"name": target.name, "title": target.title, "source": target.source, "fields": fields, "ends": ends}


def read_question(question: dict[str, Any]) -> Target:
    """A published target by its `name`, or the reader's own by the `limits` as typed. Raises LimitError."""
    known = next((target for target in TARGETS if target.name == question.get("name")), None)
    if known is not None:
        return known
    limits = question.get("limits")
    return _own_target([str(text).strip() for text in limits] if isinstance(limits, list) else [])


def _own_target(texts: Sequence[str]) -> Target:
    given = {limit.key: _limit_s(limit, text) for limit, text in zip(LIMITS, texts, strict=False) if text}
    if not given:
        raise LimitError("", "No limit is given; allowed: at least one, or the target “none”.")
    return Target.own(**{f"{key}_s": limit_s for key, limit_s in given.items()})


def _limit_s(limit: Limit, text: str) -> float:
    limit_ms = round(float(text) * limit.unit_ms, 3) if NUMBER.fullmatch(text) else 0.0
    if not LEAST_MS <= limit_ms <= MOST_MS:
        ends = f"{limit_number(limit, LEAST_MS)} to {limit_number(limit, MOST_MS)} {limit.unit}"
        raise LimitError(limit.key, f"{limit.title}: “{text}” is no limit; allowed: a number from {ends}, or nothing.")
    return limit_ms / 1e3


def target_table(target: Target, lanes: Sequence[Sequence[Timing]] = (), goodput: bool = False) -> TargetTable:
    """Of each lane its counted repeats; `goodput`: whether it is defined."""
    rows = [[_cell(cell) for cell in cells(attainment(timings, target, goodput))] for timings in lanes]
    return {"headings": explained_headings(target), "rows": rows, "notes": " ".join(filter(None, (PASSES, target.note)))}


def _cell(cell: Cell) -> tuple[str, str, bool | None]:
    return cell.text, cell.beside, cell.met


class RunTimings:
    """What of one run targets are held against: it outlives the run's timelines, which are many times as large."""

    def __init__(self, request: RunRequest) -> None:
        self._goodput = defines_goodput(request)
        self._ended: list[list[Timing]] = [[] for _ in request.lanes]
        self._counted: tuple[tuple[Timing, ...], ...] = ((),) * len(request.lanes)

    def read_on(self, view: RunState) -> None:
        """Reads the repeats that have ended since it was last called."""
        if all(len(ended) == len(lane.repeats) for ended, lane in zip(self._ended, view.lanes, strict=True)):
            return
        counted = []
        for ended, lane in zip(self._ended, view.lanes, strict=True):
            ended.extend(map(timing, lane.repeats[len(ended) :]))
            counts = {id(repeat) for repeat in lane.counted}
            counted.append(tuple(one for one, repeat in zip(ended, lane.repeats, strict=True) if id(repeat) in counts))
        self._counted = tuple(counted)

    def table(self, target: Target) -> TargetTable:
        return target_table(target, self._counted, self._goodput)
