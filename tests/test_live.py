"""The records the browser is fed: complete, append-only, and nothing in them can be taken for markup. And the charts' points."""

from __future__ import annotations

import json
from typing import Any

from playground.charts import Curve, figures
from playground.engines.scripted import Script, ScriptedEngine
from playground.runner import Run, Runner
from playground.spec import Lane, RunRequest
from playground.trace import Step
from playground.ui.live import Feed

PAYLOAD = ("<img src=x onerror=alert(1)>", "${alert(1)}", "</script>")


def run_of(script: Script, lanes: list[str], **measure: Any) -> Run:
    engine = ScriptedEngine(lambda lane: script, sleep=lambda seconds: None)
    request = RunRequest.build(lanes=lanes, prompts=["hi"], models={"smollm2-135m": "x"}, measure={"max_new_tokens": 6, **measure})
    return Runner(lambda lane: engine).start(request)


def records_of(run: Run) -> list[dict[str, Any]]:
    """Every record, a frame an event."""
    feed = Feed(run.view, clock=iter(range(10**6)).__next__)
    value = feed.start()
    for _ in run.events():
        value += feed.frame()
    assert value.endswith("\n")
    assert "<" not in value
    return [json.loads(line) for line in value.splitlines()]


def replay(records: list[dict[str, Any]], lane: int, batch: int = 1) -> tuple[list[str], list[Any]]:
    """What the browser makes of them: the rows' texts and the points."""
    texts, points = [""] * batch, []
    for record in records[1:]:
        change = record["lanes"].get(str(lane), {})
        for row, keep, tail in change.get("text", []):
            texts[row] = (texts[row] if keep is None else texts[row][:keep]) + tail
        points += change.get("points", [])
    return texts, points


def test_the_records_give_the_whole_text_and_every_counted_point() -> None:
    run = run_of(Script(ttft_s=0.05, tpot_s=0.02), ["bf16", "nf4@2"], schedule="interleaved")
    records = records_of(run)
    for lane, batch in ((0, 1), (1, 2)):
        texts, points = replay(records, lane, batch)
        assert texts == list(run.view.lanes[lane].counted[0].texts)
        assert [point[3] for point in points] == [1, 2, 3, 4, 5, 6]
        assert [point[1] for point in points] == [batch * n for n in range(1, 7)]
        assert [point[2] for point in points] == [None, 20, 20, 20, 20, 20]


def test_what_a_model_writes_stays_text() -> None:
    run = run_of(Script(words=PAYLOAD), ["bf16"])
    texts, _ = replay(records_of(run), 0)
    assert texts == [" ".join((*PAYLOAD, *PAYLOAD)) + " "]


def test_a_failed_lane_says_why_and_the_other_goes_on() -> None:
    def script(lane: Lane) -> Script:
        return Script(fails_after=2 if lane.variant.precision == "nf4" else None)

    engine = ScriptedEngine(script, sleep=lambda seconds: None)
    request = RunRequest.build(lanes=["bf16", "nf4"], prompts=["hi"], models={"smollm2-135m": "x"}, measure={"max_new_tokens": 4})
    records = records_of(Runner(lambda lane: engine).start(request))
    said = [record["lanes"]["1"]["words"] for record in records[1:] if "words" in record.get("lanes", {}).get("1", {})]
    assert said[-1] == "failed: the script fails after 2 steps"
    assert records[-1]["words"] == "Done, 1 of 2 lanes failed"


def test_a_curve_counts_what_stands_after_a_revision() -> None:
    steps = [
        Step(t_s=0.1, wall_s=0.1, token_ids=((5,),), keep=(0,)),
        Step(t_s=0.2, wall_s=0.2, token_ids=((7, 8),), keep=(0,)),
        Step(t_s=0.3, wall_s=0.3, token_ids=((9,),), keep=(2,)),
    ]
    assert [point.tokens for point in Curve().take(steps)] == [1, 2, 3]


def test_figures_are_small_and_without_a_template() -> None:
    run = run_of(Script(), ["bf16", "int8", "nf4", "fp32"])
    list(run.events())
    found = figures(run.view)
    assert set(found) == {"ttft", "progress", "gaps"}
    assert all(figure["layout"]["template"] is None for figure in found.values())
    assert [len(trace["x"]) for trace in found["progress"]["data"]] == [6] * 4
    assert [len(trace["x"]) for trace in found["gaps"]["data"]] == [5] * 4
