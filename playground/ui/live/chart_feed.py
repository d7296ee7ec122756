"""The charts as the browser gets them: every figure once when a run begins, then of each what has changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from playground.report.charts import PALETTES, Chart, Figure, charts
from playground.timeline.state import LaneState, RunState


def palettes() -> dict[str, Any]:
    return {name: asdict(palette) for name, palette in PALETTES.items()}


class ChartFeed:
    """What of one run's charts has been sent."""

    def __init__(self, view: RunState) -> None:
        self._view, self._charts = view, charts()
        self._made_of: tuple[Any, ...] = ()
        self._sent: dict[str, Figure] = {}

    def start(self) -> dict[str, Any]:
        """All charts by their keys, with how they grow and where a target is drawn."""
        self._made_of = _made_of(self._view)
        self._sent = {chart.key: chart.make(self._view) for chart in self._charts}
        return {chart.key: self._whole(chart) for chart in self._charts}

    def _whole(self, chart: Chart) -> dict[str, Any]:
        grows, target = (asdict(one) if one is not None else None for one in (chart.grows, chart.target))
        return {"figure": self._sent[chart.key], "grows": grows, "target": target}

    def changes(self) -> dict[str, Any]:
        """By chart, what `figure_change` gives. Figures are made anew when something that they may show has ended or begun."""
        if (made_of := _made_of(self._view)) == self._made_of:
            return {}
        self._made_of, changes = made_of, {}
        for chart in self._charts:
            figure = chart.make(self._view)
            if change := figure_change(self._sent[chart.key], figure):
                changes[chart.key] = change
            self._sent[chart.key] = figure
        return changes


def figure_change(before: Figure, now: Figure) -> dict[str, Any]:
    """`layout`: its fields that differ. `data`: of each trace, by its number, the fields that differ (null: it has none any more); with
    more or fewer traces than before the list of all."""
    change: dict[str, Any] = {}
    if layout := _differing(before["layout"], now["layout"]):
        change["layout"] = layout
    if len(before["data"]) != len(now["data"]):
        return change | {"data": now["data"]}
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
