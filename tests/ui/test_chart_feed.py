"""The charts' records: what the browser makes of them is, after every frame, the figure that Python would draw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from playground.engines.scripted import Script, ScriptedEngine
from playground.report.charts import CHARTS, Chart, charts
from playground.runs.runner import Runner
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from playground.timeline.trace import Step
from playground.ui.live.chart_feed import ChartFeed, figure_change
from playground.ui.live.component import chart_boxes
from playground.ui.live.feed import Feed
from tests.timelines import Ran, played, request


def merged(figure: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """As `chart.js` does it."""
    data = change.get("data", {})
    traces = data if isinstance(data, list) else [trace | data.get(str(at), {}) for at, trace in enumerate(figure["data"])]
    return {"data": traces, "layout": figure["layout"] | change.get("layout", {})}


def without_nulls(figure: dict[str, Any]) -> dict[str, Any]:
    """For Plotly a field that is null is one that is not there."""
    return {"data": [{key: one for key, one in trace.items() if one is not None} for trace in figure["data"]], "layout": figure["layout"]}


def test_after_every_frame_the_browser_has_the_figures_of_the_run() -> None:
    engine = ScriptedEngine(lambda lane: Script(ttft_s=0.05, tpot_s=0.02), sleep=lambda seconds: None)
    asked = request("bf16", "nf4@2", "bf16/beam(num_beams=2)", prompts=("Why?",), measure={"repeats": 3, "max_new_tokens": 5})
    run = Runner(lambda lane, _model_id: engine).start(asked).reader()
    feed = Feed(run.view)
    shown = {key: one["figure"] for key, one in json.loads(feed.start())["start"]["charts"].items()}
    for _ in run.events():
        for line in feed.frame().splitlines():
            for key, change in json.loads(line).get("charts", {}).items():
                shown[key] = merged(shown[key], change)
        for chart in charts():
            assert without_nulls(shown[chart.key]) == without_nulls(chart.make(run.view)), chart.key


def test_a_frame_without_news_of_a_chart_has_nothing_of_it() -> None:
    feed = ChartFeed(played({"bf16": Ran()}))
    feed.start()
    assert feed.changes() == {}


def test_more_repeats_bring_traces_and_a_field_that_goes_is_null() -> None:
    before = {"data": [{"x": [1], "name": "a"}], "layout": {"title": "t", "bargap": 0.3}}
    assert figure_change(before, before) == {}
    assert figure_change(before, {"data": [{"x": [2]}], "layout": {"title": "t", "bargap": 0.2}}) == {
        "layout": {"bargap": 0.2},
        "data": {"0": {"x": [2], "name": None}},
    }
    assert figure_change(before, {"data": [], "layout": before["layout"]}) == {"data": []}


def test_a_new_chart_is_on_the_page_and_in_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeats(view: RunState) -> dict[str, Any]:
        return {"data": [{"type": "bar", "x": [len(lane.repeats) for lane in view.lanes]}], "layout": {}}

    monkeypatch.setitem(CHARTS, "made", Chart("made", "Repeats so far", "repeats, by lane", repeats))
    assert 'data-chart="made"' in chart_boxes()
    assert "Chart: repeats, by lane. The results table holds its figures." in chart_boxes()
    assert "Save the chart of repeats so far as PNG" in chart_boxes()
    view = RunState(request("bf16"), "id", "")
    feed = ChartFeed(view)
    assert feed.start()["made"] == {"figure": {"data": [{"type": "bar", "x": [0]}], "layout": {}}, "grows": None, "target": None}
    view.apply(RepeatStarted(0, 0, False, (5,), 0.0))
    view.apply(StepsTaken(0, 0, (Step(t_s=0.05, wall_s=0.05, token_ids={0: (1,)}),), ()))
    view.apply(RepeatFinished(0, 0, 0.06, 0.06, ((1,),), ("length",), ("",)))
    assert feed.changes()["made"] == {"data": {"0": {"x": [1]}}}
