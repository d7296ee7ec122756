"""The records the browser is fed: complete, append-only, and nothing in them can be taken for markup."""

from __future__ import annotations

import json
from typing import Any

import pytest

from playground.engines.scripted import WORDS, Script, ScriptedEngine
from playground.runs.run import Reader
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from playground.timeline.trace import RowText, Step
from playground.ui.live.feed import Feed
from tests import timelines

PAYLOAD = ("<img src=x onerror=alert(1)>", "${alert(1)}", "</script>")


def run_of(script: Script, lanes: list[str], **measure: Any) -> Reader:
    engine = ScriptedEngine(lambda lane: script, sleep=lambda seconds: None)
    request = RunRequest.build(lanes=lanes, prompts=["hi"], models={"smollm2-135m": "x"}, measure={"max_new_tokens": 6, **measure})
    return Runner(lambda lane, _model_id: engine).start(request).reader()


def records_of(run: Reader) -> list[dict[str, Any]]:
    """Every record, a frame an event."""
    feed = Feed(run.view, clock=iter(range(10**6)).__next__)
    value = feed.start()
    for _ in run.events():
        value += feed.frame()
    assert value.endswith("\n")
    assert "<" not in value
    return [json.loads(line) for line in value.splitlines()]


def replay(records: list[dict[str, Any]], lane: int, batch: int = 1) -> tuple[list[str], list[tuple[float, int | list[int], list[str]]]]:
    """What the browser makes of them: the rows' texts, and per step its time in ms, the tokens standing and the texts then."""
    texts, steps = [""] * batch, []
    for record in records[1:]:
        change = record["lanes"].get(str(lane), {})
        if change.get("fresh"):
            texts = [""] * batch
        for t_ms, tokens, *rest in change.get("steps", []):
            _apply(texts, [[0, None, rest[0]]] if rest and isinstance(rest[0], str) else rest[0] if rest else [])
            steps.append((t_ms, tokens, list(texts)))
        _apply(texts, change.get("text", []))
    return texts, steps


def _apply(texts: list[str], changes: list[Any]) -> None:
    for row, keep, tail in changes:
        texts[row] = (texts[row] if keep is None else texts[row][:keep]) + tail


@pytest.mark.parametrize("schedule", ["interleaved", "exclusive"])
def test_the_records_give_every_step_its_time_its_tokens_and_its_text(schedule: str) -> None:
    run = run_of(Script(ttft_s=0.05, tpot_s=0.02), ["bf16", "nf4@2"], schedule=schedule, repeats=2)
    records = records_of(run)
    for lane, batch in ((0, 1), (1, 2)):
        texts, steps = replay(records, lane, batch)
        assert texts == list(run.view.lanes[lane].counted[0].texts)
        assert [t_ms for t_ms, _, _ in steps] == pytest.approx([50, 70, 90, 110, 130, 150])
        assert [tokens for _, tokens, _ in steps] == [n if batch == 1 else [batch * n, n] for n in range(1, 7)]
        assert [shown for _, _, shown in steps] == [["".join(f"{word} " for word in WORDS[:n])] * batch for n in range(1, 7)]


def test_steps_that_bring_several_tokens_are_told_by_tokens() -> None:
    """Four steps of one to four tokens, the last cut to eight: the page, the API and the words count tokens."""
    run = run_of(Script(chunks=(1, 2, 3, 4)), ["bf16", "bf16@2"], warmup=1, max_new_tokens=8)
    records, said = records_of(run), []
    assert records[0]["start"]["tokens"] == 8
    for lane, batch in ((0, 1), (1, 2)):
        standing = [tokens for _, tokens, _ in replay(records, lane, batch)[1]]
        assert standing == [n if batch == 1 else [2 * n, n] for n in (1, 3, 6, 8)]
        said += [change["words"] for record in records[1:] if "words" in (change := record["lanes"].get(str(lane), {}))]
    assert {change["warm"] for record in records[1:] for change in record["lanes"].values() if "warm" in change} >= {1, 3, 6, 8}
    assert any("token 6 of 8" in words for words in said)
    assert not any("token 4 of 8" in words for words in said)


def test_a_reader_who_comes_late_gets_the_same_steps_and_texts() -> None:
    run = run_of(Script(), ["bf16", "nf4@2"])
    list(run.events())
    feed = Feed(run.view)
    late = [json.loads(line) for line in (feed.start() + feed.frame()).splitlines()]
    early = records_of(run_of(Script(), ["bf16", "nf4@2"]))
    for lane, batch in ((0, 1), (1, 2)):
        assert replay(late, lane, batch) == replay(early, lane, batch)


def test_a_beam_takes_back_what_it_showed() -> None:
    """And the whole text at the end stands, whatever was streamed."""
    view = RunState(timelines.request("bf16/beam(num_beams=2)"), "id", "")
    feed = Feed(view)
    records = [feed.start()]
    for event in (
        RepeatStarted(0, 0, False, (5,), 0.0),
        StepsTaken(0, 0, (_step(1.0, (1, 2), 0), _step(2.0, (3,), 1)), (RowText(0, "a wolf"), RowText(0, "ox", keep=2, step=1))),
        RepeatFinished(0, 0, 3.0, 3.0, ((1, 3),), ("length",), ("a fox",)),
    ):
        view.apply(event)
        records.append(feed.frame())
    texts, steps = replay([json.loads(line) for line in records], 0)
    assert texts == ["a fox"]
    assert [(tokens, shown) for _, tokens, shown in steps] == [(2, ["a wolf"]), (2, ["a ox"])]


def _step(t_s: float, ids: tuple[int, ...], keep: int) -> Step:
    return timelines.step(t_s, ids, keep=(keep,))


def test_a_frame_costs_its_news_not_what_was_said_before() -> None:
    """A frame in the middle of a long answer is as small as one at its beginning."""
    engine = ScriptedEngine(lambda lane: Script(), sleep=lambda seconds: None)
    request = RunRequest.build(lanes=["bf16"], prompts=["hi"], models={"smollm2-135m": "x"}, measure={"max_new_tokens": 2000, "warmup": 0})
    run = Runner(lambda lane, _model_id: engine).start(request).reader()
    feed = Feed(run.view, clock=iter(range(10**6)).__next__)
    feed.start()
    sizes = [len(feed.frame()) for event in run.events() if isinstance(event, StepsTaken)]
    assert max(sizes[1500:]) <= 1.2 * max(sizes[10:500])


def test_the_browser_hears_of_each_repeat_that_has_ended() -> None:
    """It asks then anew how the lanes stand against its target; no timelines but the drawn ones are sent for that."""
    records = records_of(run_of(Script(), ["bf16@2"], warmup=1, repeats=2, schedule="exclusive"))
    assert [record["repeats"] for record in records[1:] if "repeats" in record] == [0, 1, 2, 3]


def test_what_a_model_writes_stays_text() -> None:
    run = run_of(Script(words=PAYLOAD), ["bf16"])
    texts, _ = replay(records_of(run), 0)
    assert texts == [" ".join((*PAYLOAD, *PAYLOAD)) + " "]


def test_a_failed_lane_says_why_and_the_other_goes_on() -> None:
    def script(lane: Lane) -> Script:
        return Script(fails_after=2 if lane.variant.weights.scheme == "nf4" else None)

    engine = ScriptedEngine(script, sleep=lambda seconds: None)
    request = RunRequest.build(lanes=["bf16", "nf4"], prompts=["hi"], models={"smollm2-135m": "x"}, measure={"max_new_tokens": 4})
    records = records_of(Runner(lambda lane, _model_id: engine).start(request).reader())
    said = [record["lanes"]["1"]["words"] for record in records[1:] if "words" in record.get("lanes", {}).get("1", {})]
    assert said[-1] == "failed: the script fails after 2 steps"
    assert records[-1]["words"] == "Done, 1 of 2 lanes failed"
