"""The results table: one definition of its columns and rows, for the page, the command line, CSV and Markdown. Pure."""

from __future__ import annotations

from typing import TypedDict

from playground.analysis.comparison import ends_words, paired, slowdown
from playground.analysis.figures import ITL, after_turn, figure_of, itl_percentile
from playground.analysis.metrics import measure, median
from playground.analysis.output_diff import difference
from playground.analysis.stats import mad, outliers, percentile
from playground.formatting import UNKNOWN, between, change, count, ratio, share
from playground.report.columns import COLUMNS, Better, Column
from playground.report.loads import CAME_FROM, LEAST_LOAD_S, load_time
from playground.report.wording import memory_words
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

EQUAL = "none"
"""In place of the number of the first token that differs."""


class ColumnJson(TypedDict):
    """A column as the browser gets it."""

    key: str
    title: str
    unit: str
    """Of a cell's value: s, tok/s, req/s, B, ×, token or share."""
    meaning: str
    better: Better | None
    main: bool


class Cell(TypedDict):
    text: str
    """The median of the counted repeats with its unit, "–" for unknown."""
    value: float | None
    """The same in SI units, for sorting; null for unknown."""
    against: str
    """Multiple of the baseline lane's value, the geometric mean over repeats that are paired, and change, "0.687× · −31 %"; "–" if one of
    the two is unknown or they are not to be compared; "" in the baseline's own row, and where the figure itself compares."""
    title: str
    """What the figure is of and how to read the comparison, in words: for hover and screen readers; may be empty."""


class Row(TypedDict):
    lane: int
    """Index in the request."""
    label: str
    baseline: bool
    error: str | None
    """Why the lane failed, one sentence; its cells hold what it measured before."""
    cells: list[Cell]
    """One a column, in the order of `columns()`."""


def main_columns(view: RunState) -> list[Column]:
    """The columns that are always shown: those on the change of output too, in a run that compares outputs; when lanes run at once, how
    much that slows them."""
    measure = view.request.measure
    return [
        one
        for one in COLUMNS
        if one.main or (one.better is None and measure.agreement) or (one.key == "slowdown" and measure.schedule == "contended")
    ]


def columns(view: RunState) -> list[ColumnJson]:
    """The columns after the lane's own, as plain JSON values."""
    main = main_columns(view)
    return [
        {"key": one.key, "title": one.title, "unit": one.unit, "meaning": one.meaning, "better": one.better, "main": one in main}
        for one in COLUMNS
    ]


def rows(view: RunState) -> list[Row]:
    """One row a lane, in the request's order, as plain JSON values (see `Row` and `Cell`); before and during a run what is known so far.

    `[{"lane": 1, "label": "nf4", "baseline": false, "error": null, "cells": [{"text": "101 ms", "value": 0.101,
    "against": "1.84× · +84 %", "title": "median of 3: 99.8–104 ms · 1.84× lane 1’s TTFT; lower is better"}, …]}, …]`
    """
    return [
        {
            "lane": lane.index,
            "label": lane.label,
            "baseline": lane is view.baseline,
            "error": lane.error,
            "cells": [_cell(view, lane, column) for column in COLUMNS],
        }
        for lane in view.lanes
    ]


def main_cells(view: RunState, row: Row) -> list[Cell]:
    """The cells of the main columns."""
    main = main_columns(view)
    return [cell for cell, column in zip(row["cells"], COLUMNS, strict=True) if column in main]


def _cell(view: RunState, lane: LaneState, column: Column) -> Cell:
    match column.key:
        case "first_difference_token":
            return _first_difference(view, lane)
        case "top1_share":
            return _top1(view, lane)
        case "slowdown":
            return _slowdown(view, lane, column)
        case "after_turn":
            value = after_turn(lane.counted)
            return {"text": column.show(value), "value": value, "against": "", "title": ""}
    value = _value(view, lane, column.key)
    text, source = column.show(value), _source(view, lane, column)
    if column.key == "load_s" and lane.load_kind and value is not None:
        text = f"{load_time(value)}, {lane.load_kind}"
    times = _times(view, lane, column)
    against = "" if lane is view.baseline else UNKNOWN if times is None else f"{ratio(times, 1.0)} · {change(times, 1.0)}"
    compared = [_compared(view, lane, column, times)] if times is not None else []
    return {"text": text, "value": value, "against": against, "title": " · ".join(source + compared)}


def _slowdown(view: RunState, lane: LaneState, column: Column) -> Cell:
    found = slowdown(view, lane)
    if found is None:
        return {"text": UNKNOWN, "value": None, "against": "", "title": ""}
    title = f"over {count(found.pairs, 'pair')} of repeats {ends_words(found)}".rstrip()
    return {"text": column.show(found.ratio.value), "value": found.ratio.value, "against": "", "title": title}


def _first_difference(view: RunState, lane: LaneState) -> Cell:
    found = difference(view, lane)
    if found is None:
        return {"text": UNKNOWN, "value": None, "against": "", "title": ""}
    text = EQUAL if found.first is None else f"{found.first:,}"
    return {"text": text, "value": found.first, "against": "", "title": f"{count(found.compared, 'token')} compared"}


def _top1(view: RunState, lane: LaneState) -> Cell:
    found = lane.agreement
    if found is None:
        return {"text": UNKNOWN, "value": None, "against": "", "title": ""}
    return {"text": share(found.top1), "value": found.top1, "against": "", "title": f"over {count(found.places, 'place')}"}


IN_MEMORY = ("memory_bytes", "weights_bytes", "kv_bytes", "rest_bytes")
ONCE = ("load_s", *IN_MEMORY, "cold_ttft_s")
"""Known once of a lane, not of each repeat."""
MANY = 5
"""Repeats from which more is said of their spread than its ends."""


def _value(view: RunState, lane: LaneState, key: str) -> float | None:
    return itl_percentile(lane.counted, key) if key in ITL else median([*_values(view, lane, key)])


def _values(view: RunState, lane: LaneState, key: str) -> list[float]:
    """Of each counted repeat; of a lane what is known once."""
    if key == "requests_per_s" and view.request.measure.schedule == "interleaved":
        return []
    found = [_once(lane, key)] if key in ONCE else [figure_of(repeat, key) for repeat in lane.counted]
    return [value for value in found if value is not None]


def _once(lane: LaneState, key: str) -> float | None:
    if key == "cold_ttft_s":
        return measure(lane.cold).ttft_s if lane.cold is not None else None
    value: float | None = getattr(lane.memory, key, None) if key in ("kv_bytes", "rest_bytes") else getattr(lane, key)
    return value


def _source(view: RunState, lane: LaneState, column: Column) -> list[str]:
    """What the figure is of: how many repeats and how far apart they lie, or where the weights came from."""
    values = _values(view, lane, column.key)
    if not values or column.key in (*IN_MEMORY, "cold_ttft_s"):
        return [memory_words(lane)] if column.key == "memory_bytes" and lane.memory is not None else []
    if column.key == "load_s":
        return [CAME_FROM[lane.load_kind]] if lane.load_kind else []
    if column.key in ITL:
        gaps = sum(len(measure(repeat).itl_s) for repeat in lane.counted)
        return [f"{count(gaps, 'gap')} in {count(len(values), 'repeat')}{_kind(lane.counted)}"]
    if len(values) == 1:
        return [f"one repeat{_kind(lane.counted)}"]
    ends = between(column.show(min(values)), column.show(max(values)))
    return [f"median of {len(values)}{_kind(lane.counted)}: {ends}", *(_spread(column, values) if len(values) >= MANY else [])]


def _kind(repeats: list[Trace]) -> str:
    """What is unusual about those that count, for want of others."""
    cut = ", cut short" if any({"cancelled", "timeout"} & set(repeat.finish) for repeat in repeats) else ""
    return f"{', cold' if all(repeat.cold for repeat in repeats) else ''}{cut}"


def _spread(column: Column, values: list[float]) -> list[str]:
    far = sum(outliers(values))
    marked = [f"{far} of {count(len(values), 'repeat')} marked as {'an outlier' if far == 1 else 'outliers'}"] if far else []
    high = [f"p{percent} {column.show(percentile(values, percent))}" for percent in (95, 99)]
    return [f"MAD {column.show(mad(values))}", *high, *marked]


def _times(view: RunState, lane: LaneState, column: Column) -> float | None:
    """The multiple of the baseline's figure; None where the two are not to be compared."""
    baseline, key = view.baseline, column.key
    if lane is baseline or (column.whole and (lane.cut_short or baseline.cut_short)) or not _values(view, lane, key):
        return None
    if key not in ONCE:
        found = paired(view, lane, baseline, key)
        return found.ratio.value if found else None
    value, other = _value(view, lane, key), _value(view, baseline, key)
    unlike = key == "load_s" and (lane.load_kind != baseline.load_kind or max(value or 0, other or 0) < LEAST_LOAD_S)
    return None if value is None or not other or unlike else value / other


def _compared(view: RunState, lane: LaneState, column: Column, times: float) -> str:
    """The comparison with its metric, its interval and its direction named."""
    metric = column.title if column.title.isupper() else column.title if column.key in (*ITL, "cold_ttft_s") else column.title.lower()
    found = None if column.key in ONCE else paired(view, lane, view.baseline, column.key)
    interval = f" {words}" if found and (words := ends_words(found)) else ""
    return f"{ratio(times, 1.0)} lane {view.baseline.index + 1}’s {metric}{interval}; {column.better} is better"
