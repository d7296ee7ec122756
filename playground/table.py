"""The results table: one definition of its columns and rows, for the page, the command line, CSV and Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypedDict

from playground.difference import difference
from playground.format import UNKNOWN, between, change, count, duration, rate, ratio, request_rate, share, size
from playground.metrics import median
from playground.swaps import CAME_FROM, LEAST_LOAD_S, load_time
from playground.view import LaneView, RunView

Better = Literal["lower", "higher"]
EQUAL = "none"
"""In place of the number of the first token that differs."""


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of the table."""

    key: str
    """A field of `Metrics`, or what else is known of the lane; its ending is the unit of a cell's value."""
    title: str
    unit: str
    meaning: str
    """One sentence."""
    better: Better | None
    """None: says how the output differs from the baseline's, which is neither."""
    show: Callable[[float | None], str] = duration
    main: bool = False
    """Always shown; the others on demand."""
    whole: bool = False
    """Says something of a whole answer only: not compared when a repeat was cut short."""


COLUMNS = (
    Column(
        "ttft_s",
        "TTFT",
        "s",
        "Time to first token: from handing over the request, with the variant loaded, until the first output token is known; "
        "beam search is certain of none before its end.",
        "lower",
        main=True,
    ),
    Column("tokenize_s", "Tokenizing", "s", "From handing over the request to input ids that are ready, chat template included.", "lower"),
    Column("prefill_s", "Prefill", "s", "Reading the prompt: TTFT without tokenizing, generate’s own set-up included.", "lower"),
    Column(
        "tpot_s",
        "TPOT",
        "s",
        "Time per output token after the first, decode time ÷ (tokens − 1); of a batch the median over its rows; "
        "beam search and answers of one token have none.",
        "lower",
        main=True,
    ),
    Column(
        "step_s",
        "Step",
        "s",
        "The median time from one decode step to the next, which counts once for a whole batch and once for all beams.",
        "lower",
    ),
    Column("decode_s", "Decode time", "s", "From the first output token to the last.", "lower", whole=True),
    Column(
        "decode_tokens_per_s",
        "Decode",
        "tok/s",
        "Tokens per second after the first, all rows of the batch together.",
        "higher",
        show=rate,
        main=True,
    ),
    Column(
        "output_tokens_per_s",
        "Output",
        "tok/s",
        "Output tokens of all rows ÷ E2E, so the wait for the first token counts too.",
        "higher",
        show=rate,
        whole=True,
    ),
    Column("post_s", "Post", "s", "What generate does after the last token, and turning all tokens into text once.", "lower"),
    Column("e2e_s", "E2E", "s", "End to end: tokenizing, prefill, decoding and post, added up.", "lower", main=True, whole=True),
    Column(
        "requests_per_s",
        "Requests",
        "req/s",
        "Answers finished per second of the wall clock; undefined when lanes take turns, for then the wall is not one lane’s.",
        "higher",
        show=request_rate,
        whole=True,
    ),
    Column(
        "load_s",
        "Load",
        "s",
        "From asking for the variant to ready to run, and where it came from: cold files, a prequantized copy, host memory, "
        "an adapter attached to a base in place, or resident.",
        "lower",
        main=True,
    ),
    Column("memory_bytes", "Memory", "B", "The weights as they are held, adapter included.", "lower", show=size, main=True),
    Column(
        "first_difference_token",
        "First difference",
        "token",
        "Number of the first output token that differs from the baseline’s, over rows asked the same prompt; none when all that can be "
        "compared are equal.",
        None,
    ),
    Column(
        "top1_share",
        "Top-1 agreement",
        "share",
        "Share of places at which the lane’s model, reading the baseline’s answer, finds the same token likeliest as the baseline’s model; "
        "measured when outputs are compared (see Settings).",
        None,
    ),
)


class ColumnJson(TypedDict):
    """A column as the browser gets it."""

    key: str
    title: str
    unit: str
    """Of a cell's value: s, tok/s, req/s, B, token or share."""
    meaning: str
    better: Better | None
    main: bool


class Cell(TypedDict):
    text: str
    """The median of the counted repeats with its unit, "–" for unknown."""
    value: float | None
    """The same in SI units, for sorting; null for unknown."""
    against: str
    """Multiple of the baseline lane's value and change, "0.687× · −31 %"; "–" if one of the two is unknown or they are not to be
    compared; "" in the baseline's own row, and where the figure itself is one of the difference."""
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


def main_columns(view: RunView) -> list[Column]:
    """The columns that are always shown: those on the change of output too, in a run that compares outputs."""
    return [one for one in COLUMNS if one.main or (one.better is None and view.request.measure.agreement)]


def columns(view: RunView) -> list[ColumnJson]:
    """The columns after the lane's own, as plain JSON values."""
    main = main_columns(view)
    return [
        {"key": one.key, "title": one.title, "unit": one.unit, "meaning": one.meaning, "better": one.better, "main": one in main}
        for one in COLUMNS
    ]


def rows(view: RunView) -> list[Row]:
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


def main_cells(view: RunView, row: Row) -> list[Cell]:
    """The cells of the main columns."""
    main = main_columns(view)
    return [cell for cell, column in zip(row["cells"], COLUMNS, strict=True) if column in main]


def _cell(view: RunView, lane: LaneView, column: Column) -> Cell:
    match column.key:
        case "first_difference_token":
            return _first_difference(view, lane)
        case "top1_share":
            return _top1(view, lane)
    value = median([*_values(view, lane, column.key)])
    text, source = column.show(value), _source(view, lane, column)
    if column.key == "load_s" and lane.load_kind and value is not None:
        text = f"{load_time(value)}, {lane.load_kind}"
    against = _against(view, lane, column, value)
    compared = [_compared(view, column, against)] if against not in ("", UNKNOWN) else []
    return {"text": text, "value": value, "against": against, "title": " · ".join(source + compared)}


def _first_difference(view: RunView, lane: LaneView) -> Cell:
    found = difference(view, lane)
    if found is None:
        return {"text": UNKNOWN, "value": None, "against": "", "title": ""}
    text = EQUAL if found.first is None else f"{found.first:,}"
    return {"text": text, "value": found.first, "against": "", "title": f"{count(found.compared, 'token')} compared"}


def _top1(view: RunView, lane: LaneView) -> Cell:
    found = lane.agreement
    if found is None:
        return {"text": UNKNOWN, "value": None, "against": "", "title": ""}
    return {"text": share(found.top1), "value": found.top1, "against": "", "title": f"over {count(found.places, 'place')}"}


def _values(view: RunView, lane: LaneView, key: str) -> list[float]:
    """Of each counted repeat; a lane is loaded and weighed once."""
    if key in ("load_s", "memory_bytes"):
        once: float | None = getattr(lane, key)
        return [] if once is None else [once]
    if key == "requests_per_s" and view.request.measure.schedule == "interleaved":
        return []
    return lane.values(key)


def _source(view: RunView, lane: LaneView, column: Column) -> list[str]:
    """What the figure is of: how many repeats and how far apart they lie, or where the weights came from."""
    values = _values(view, lane, column.key)
    if not values or column.key == "memory_bytes":
        return []
    if column.key == "load_s":
        return [CAME_FROM[lane.load_kind]] if lane.load_kind else []
    cut = ", cut short" if lane.cut_short else ""
    if len(values) == 1:
        return [f"one repeat{cut}"]
    return [f"median of {len(values)}{cut}: {between(column.show(min(values)), column.show(max(values)))}"]


def _against(view: RunView, lane: LaneView, column: Column, value: float | None) -> str:
    baseline = view.baseline
    if lane is baseline:
        return ""
    other = median([*_values(view, baseline, column.key)])
    unlike = column.key == "load_s" and (lane.load_kind != baseline.load_kind or max(value or 0, other or 0) < LEAST_LOAD_S)
    if value is None or not other or unlike or (column.whole and (lane.cut_short or baseline.cut_short)):
        return UNKNOWN
    return f"{ratio(value, other)} · {change(value, other)}"


def _compared(view: RunView, column: Column, against: str) -> str:
    """The comparison with its metric and its direction named."""
    metric = column.title if column.title.isupper() else column.title.lower()
    return f"{against.partition(' · ')[0]} lane {view.baseline.index + 1}’s {metric}; {column.better} is better"
