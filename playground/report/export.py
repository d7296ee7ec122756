"""A run as CSV and as Markdown, from the same table as the page's. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

from playground.analysis.comparison import comparison
from playground.analysis.figures import values
from playground.analysis.machine_noise import noise_words
from playground.analysis.slo import Target
from playground.analysis.stats import mad, outliers, percentile
from playground.formatting import UNKNOWN
from playground.report.columns import COLUMNS
from playground.report.published import published_table
from playground.report.slo import Cell as TargetCell
from playground.report.slo import headings, notes
from playground.report.slo import rows as target_rows
from playground.report.table import EQUAL, Row, main_cells, main_columns, rows
from playground.report.verdict import lane_verdicts, verdict
from playground.report.wording import caption
from playground.timeline.state import LaneState, RunState

Value = str | int | float | bool | None

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or skips before one."""


def csv_text(view: RunState) -> str:
    """One row a lane under one of headings, RFC 4180. Figures are medians in SI units; what is unknown is an empty cell.

    Text that a spreadsheet would take for a formula stands behind an apostrophe; numbers are never touched.
    """
    told = [(view.lanes[row["lane"]], row) for row in rows(view)]
    lines = [{**_what(view, lane), **_outcome(view, lane), **_figures(row), **_spread(lane), **_compared(view, lane)} for lane, row in told]
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


def _figures(row: Row) -> Mapping[str, Value]:
    """That no token differs is said as a word: it is neither a number nor unknown."""
    cells = zip(COLUMNS, row["cells"], strict=True)
    return {column.key: EQUAL if cell["text"] == EQUAL else cell["value"] for column, cell in cells}


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
    keys = ("metric", "pairs", "ratio", "low", "high", "difference", "difference_low", "difference_high", "needed", "verdict")
    return {f"compared_{key}": None if found is None else getattr(found, key) for key in keys}


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


def markdown_text(view: RunState, target: Target | None = None) -> str:
    """The verdict, the main columns against the baseline, how lanes stand against a target, and how and where it was measured; for an issue
    or a README."""
    table = rows(view)
    failed = [f"- Lane {row['lane'] + 1}, {escaped(row['label'])}, failed: {escaped(row['error'])}" for row in table if row["error"]]
    heading = ["Lane", *(column.title for column in main_columns(view))]
    drawn = _drawn([heading, ["---", *(["---:"] * (len(heading) - 1))], *([_lane(row), *_main(view, row)] for row in table)])
    said = f"**Result:** {escaped(line)}" if (line := verdict(view)) else ""
    parts = [
        said,
        drawn,
        _legend(view),
        "\n".join(f"- {escaped(line)}" for line in lane_verdicts(view)),
        "\n".join(failed),
        escaped(noise_words(view)),
        *(_attainment(view, target) if target is not None else ()),
        *_published(view),
        f"Measured: {escaped(caption(view))} · {escaped(view.created_at)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _drawn(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _attainment(view: RunState, target: Target) -> list[str]:
    titles = [escaped(one) for one in headings(target)]
    lines = [[f"{lane.index + 1} {escaped(lane.label)}", *map(_target_cell, cells)] for lane, cells in target_rows(view, target)]
    aligned = ["---", "---", *(["---:"] * (len(titles) - 1))]
    return [f"Target: {escaped(target.title)}.", _drawn([["Lane", *titles], aligned, *lines]), " ".join(notes(view.request, target))]


def _target_cell(cell: TargetCell) -> str:
    return f"{cell.text} ({cell.beside})" if cell.beside else cell.text


def _published(view: RunState) -> list[str]:
    """What others have published of such lanes, beside the measured."""
    if (table := published_table(view)) is None:
        return []
    lines = [[f"{row['lane'] + 1} {escaped(row['label'])}", *map(escaped, row["texts"])] for row in table["rows"]]
    aligned = ["---", "---", *(["---:"] * (len(table["headings"]) - 2))]
    also = "\n".join(f"- {escaped(one)}" for one in table["also"])
    return [f"Published: {escaped(table['source'])}.", _drawn([table["headings"], aligned, *lines]), also, escaped(table["why"])]


def _legend(view: RunState) -> str:
    higher = " and ".join(column.title for column in COLUMNS if column.main and column.better == "higher")
    return f"In brackets: the multiple of lane {view.baseline.index + 1}’s figure, and the change. Lower is better, but of {higher} higher."


def _lane(row: Row) -> str:
    return f"{row['lane'] + 1} {escaped(row['label'])}{' (baseline)' if row['baseline'] else ''}"


def _main(view: RunState, row: Row) -> list[str]:
    cells = main_cells(view, row)
    return [f"{cell['text']} ({cell['against']})" if cell["against"] not in ("", UNKNOWN) else cell["text"] for cell in cells]


_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def escaped(text: str | None) -> str:
    """Text on one line that Markdown takes for nothing but text, in a table's cell too."""
    return _MARKUP.sub(r"\\\1", " ".join((text or "").split()))
