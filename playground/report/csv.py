"""A run as CSV: every metric of every lane. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping

from playground.analysis.comparison import comparison
from playground.analysis.metrics import METRICS, lane_figure, values
from playground.analysis.stats import mad, outliers, percentile
from playground.report.figures import NEVER
from playground.report.wording.comparison import comparison_sentence
from playground.timeline.state import LaneState, RunState

Value = str | int | float | bool | None

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or skips before one."""


def csv_text(view: RunState) -> str:
    """One row a lane under one of headings, RFC 4180. Figures are medians in SI units; what is unknown is an empty cell.

    Text that a spreadsheet would take for a formula stands behind an apostrophe; numbers are never touched.
    """
    lines = [
        {**_what(view, lane), **_outcome(view, lane), **_figures(view, lane), **_spread(lane), **_compared(view, lane)}
        for lane in view.lanes
    ]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, lines[0])
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in line.items()} for line in lines)
    return file.getvalue()


def _what(view: RunState, lane: LaneState) -> Mapping[str, Value]:
    """What the lane is, and how it was measured."""
    variant, measure = lane.lane.variant, view.request.measure
    model = variant.model or view.request.model
    return {
        "run": view.run_id,
        "created_at": view.created_at,
        "lane": lane.index + 1,
        "label": lane.label,
        "baseline": lane is view.baseline,
        "model": model,
        "model_id": view.request.model_id(lane.lane),
        "precision": variant.weights.scheme,
        "adapter": variant.adapter,
        "decoding": str(lane.lane.decoding),
        "batch": lane.lane.batch,
        "device": view.environment.device_name,
        "schedule": measure.schedule,
        "warmup": measure.warmup,
        "max_new_tokens": measure.max_new_tokens,
        "fixed_length": measure.fixed_length,
        "seed": measure.seed,
    }


def _outcome(view: RunState, lane: LaneState) -> Mapping[str, Value]:
    """How it ended; `repeats` are those the figures are medians of."""
    stopped = "stopped" if view.status == "cancelled" else "timed out"
    status = "failed" if lane.state == "failed" else stopped if lane.cut_short else lane.state
    return {"status": status, "error": lane.error, "repeats": len(lane.counted), "load_kind": lane.load_kind}


def _figures(view: RunState, lane: LaneState) -> Mapping[str, Value]:
    """That no token differs is a word: it is neither a number nor unknown."""
    found = {key: lane_figure(view, lane, key).value for key in METRICS}
    return {key: NEVER if value is not None and math.isinf(value) else value for key, value in found.items()}


def _spread(lane: LaneState) -> Mapping[str, Value]:
    """Of the figures that matter most: how their repeats lie."""
    found: dict[str, Value] = {}
    for key in ("ttft_s", "tpot_s", "e2e_s"):
        known, stem = values(lane, key), key.removesuffix("_s")
        found |= {f"{stem}_p{percent}_s": percentile(known, percent) for percent in (90, 95, 99)}
        found |= {f"{stem}_mad_s": mad(known), f"{stem}_outliers": sum(outliers(known)) if known else None}
    return found


def _compared(view: RunState, lane: LaneState) -> Mapping[str, Value]:
    """With the baseline, by repeats that are paired."""
    found = comparison(view, lane)
    keys = ("metric", "pairs", "ratio", "low", "high", "difference", "difference_low", "difference_high", "needed")
    numbers = {f"compared_{key}": None if found is None else getattr(found, key) for key in keys}
    return numbers | {"compared_verdict": None if found is None else comparison_sentence(view, lane, found)}


def _cell(value: Value) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(FORMULA) else value
        case _:
            return value
