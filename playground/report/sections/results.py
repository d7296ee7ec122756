"""The results: every lane, every metric, and how it compares with the baseline. Pure."""

from __future__ import annotations

import math
from typing import assert_never

from playground.analysis.comparison import multiple
from playground.analysis.metric import Figure, Metric, OfLane, OfRepeat, OfSamples
from playground.analysis.metrics import METRICS, lane_figure, values
from playground.analysis.stats import Estimate, mad, outliers, percentile
from playground.formatting import between, change, count, ratio
from playground.report.figures import figure_text, interval_words, parts_words
from playground.report.loads import CAME_FROM
from playground.report.section import Cell, Heading, Mark, Row, Section
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

MANY = 5
"""Repeats from which more is said of their spread than its ends."""


def results(view: RunState) -> Section:
    """One row a lane, in the request's order; before and during a run what is known so far."""
    headings = [Heading(metric.title, metric.meaning, metric.unit, main=metric.main(view.request.measure)) for metric in METRICS.values()]
    rows = tuple(Row((_name(view, lane), *(_cell(view, lane, key) for key in METRICS)), lane.index) for lane in view.lanes)
    return Section("", (Heading("Lane", numeric=False), *headings), rows, (_legend(view),) if len(view.lanes) > 1 else ())


def _name(view: RunState, lane: LaneState) -> Cell:
    baseline = "baseline" if lane is view.baseline and len(view.lanes) > 1 else ""
    failed = f"failed: {lane.error}" if lane.error else ""
    mark: Mark = "failed" if failed else "baseline" if baseline else ""
    return Cell(lane.label, tuple(filter(None, (baseline, failed))), mark=mark)


def _legend(view: RunState) -> str:
    higher = " and ".join(one.title for one in METRICS.values() if one.main(view.request.measure) and one.better == "higher")
    return f"With each figure stands its multiple of lane {view.baseline.index + 1}’s. Lower is better, but of {higher} higher."


def _cell(view: RunState, lane: LaneState, key: str) -> Cell:
    metric, found = METRICS[key], lane_figure(view, lane, key)
    value, times = found.value, multiple(view, lane, key)
    kind = metric.of.kind(lane) if isinstance(metric.of, OfLane) and value is not None else None
    beside = () if times is None else (ratio(times.value, 1.0), change(times.value, 1.0))
    hint = [] if value is None else [_basis(view, lane, key, found)]
    compared = [] if times is None else [_compared(view, metric, times)]
    return Cell(
        figure_text(metric, value) + (f", {kind}" if kind else ""),
        beside,
        " · ".join(filter(None, hint + compared)),
        None if value is None or math.isinf(value) else value,
    )


def _compared(view: RunState, metric: Metric, times: Estimate) -> str:
    """The comparison with its metric, its interval and its direction named."""
    interval = f" {words}" if (words := interval_words(times)) else ""
    return f"{ratio(times.value, 1.0)} lane {view.baseline.index + 1}’s {metric.spoken}{interval}; {metric.better} is better"


def _basis(view: RunState, lane: LaneState, key: str, found: Figure) -> str:
    """What a figure is of: how many repeats and how far apart they lie, or where the weights came from."""
    metric = METRICS[key]
    match metric.of:
        case OfRepeat():
            return _repeats(metric, values(lane, key), lane.counted)
        case OfSamples(noun=noun):
            repeats = sum(metric.of.figure(repeat) is not None for repeat in lane.counted)
            return f"{count(found.count, noun)} in {count(repeats, 'repeat')}{_kind(lane.counted)}"
        case OfLane(noun=noun, kind=kind, parts=parts):
            of = [f"over {count(found.count, noun)} {interval_words(Estimate(found.value or 0.0, found.ends))}".rstrip()] if noun else []
            return " · ".join([*of, *filter(None, [CAME_FROM.get(kind(lane) or "", ""), parts_words(view, lane, parts)])])
        case _:
            assert_never(metric.of)


def _repeats(metric: Metric, known: list[float], counted: list[Trace]) -> str:
    if len(known) == 1:
        return f"one repeat{_kind(counted)}"
    ends = between(figure_text(metric, min(known)), figure_text(metric, max(known)))
    return " · ".join([f"median of {len(known)}{_kind(counted)}: {ends}", *(_spread(metric, known) if len(known) >= MANY else [])])


def _kind(repeats: list[Trace]) -> str:
    """What is unusual about those that count, for want of others."""
    cut = ", cut short" if any({"cancelled", "timeout"} & set(repeat.finish) for repeat in repeats) else ""
    return f"{', cold' if all(repeat.cold for repeat in repeats) else ''}{cut}"


def _spread(metric: Metric, known: list[float]) -> list[str]:
    far = sum(outliers(known))
    marked = [f"{far} of {count(len(known), 'repeat')} marked as {'an outlier' if far == 1 else 'outliers'}"] if far else []
    high = [f"p{percent} {figure_text(metric, percentile(known, percent))}" for percent in (95, 99)]
    return [f"MAD {figure_text(metric, mad(known))}", *high, *marked]
