"""The charts as the browser gets them: every figure once when a run begins, then of each what has changed."""

from __future__ import annotations

from typing import Any, TypedDict

from playground.report.charts import Chart, Figure, Grows, TargetLine, charts
from playground.timeline.state import LaneState, RunState


class ChartRecord(TypedDict):
    """A chart whole: its figure, how it grows, and where a target is drawn."""

    figure: Figure
    grows: Grows | None
    target: TargetLine | None


class FigureChange(TypedDict, total=False):
    """What of a figure is another."""

    layout: dict[str, Any]
    """Its fields that differ."""
    data: dict[str, dict[str, Any]] | list[dict[str, Any]]
    """Of each trace, by its number, the fields that differ (null: it has none any more); with more or fewer traces than before, all."""


class ChartFeed:
    """What of one run's charts has been sent."""

    def __init__(self, view: RunState) -> None:
        self._view, self._charts = view, charts()
        self._made_of: tuple[Any, ...] = ()
        self._sent: dict[str, Figure] = {}

    def start(self) -> dict[str, ChartRecord]:
        """All charts by their keys."""
        self._made_of = _made_of(self._view)
        self._sent = {chart.key: chart.make(self._view) for chart in self._charts}
        return {chart.key: self._whole(chart) for chart in self._charts}

    def _whole(self, chart: Chart) -> ChartRecord:
        return {"figure": self._sent[chart.key], "grows": chart.grows, "target": chart.target}

    def changes(self) -> dict[str, FigureChange]:
        """By chart. Figures are made anew when something that they may show has ended or begun."""
        if (made_of := _made_of(self._view)) == self._made_of:
            return {}
        self._made_of = made_of
        changes: dict[str, FigureChange] = {}
        for chart in self._charts:
            figure = chart.make(self._view)
            if change := figure_change(self._sent[chart.key], figure):
                changes[chart.key] = change
            self._sent[chart.key] = figure
        return changes


def figure_change(before: Figure, now: Figure) -> FigureChange:
    change: FigureChange = {}
    if layout := _differing(before["layout"], now["layout"]):
        change["layout"] = layout
    if len(before["data"]) != len(now["data"]):
        change["data"] = now["data"]
        return change
    traces = {str(at): _differing(*pair) for at, pair in enumerate(zip(before["data"], now["data"], strict=True))}
    if data := {at: fields for at, fields in traces.items() if fields}:
        change["data"] = data
    return change


def _differing(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    return {key: now.get(key) for key in {**before, **now} if before.get(key) != now.get(key)}


def _made_of(view: RunState) -> tuple[Any, ...]:
    return view.status, view.request.measure.repeats, *map(_lane_made_of, view.lanes)


def _lane_made_of(lane: LaneState) -> tuple[Any, ...]:
    begun = lane.first is not None and bool(lane.first.steps)
    return lane.state == "failed", len(lane.loads), begun, len(lane.repeats)
