"""What the page is answered while a target is chosen, typed or dragged."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from playground.analysis.slo import TARGETS, Target, read_target
from playground.engines.scripted import Script, ScriptedEngine
from playground.report.slo import explained_headings, rows
from playground.runs.runner import Runner
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from playground.ui.live.streams import Streams
from playground.ui.live.targets import GONE, LimitError, RunTimings, read_question, target_choice
from tests.timelines import Ran, played, request, trace

OWN = {"limits": ["50", "40", "0.14"]}


def ask(streams: Streams, question: dict[str, Any]) -> Any:
    """From a thread of its own: the browser tests' Playwright keeps a loop running in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(streams.attainment(question))).result()


def frames(streams: Streams, key: str) -> Any:
    """All records so far."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(streams.frames({"key": key, "seen": 0}))).result()


def table_of(view: RunState, target: Target) -> list[list[tuple[str, str, bool | None]]]:
    return [[(cell.text, cell.beside, cell.met) for cell in cells] for _, cells in rows(view, target)]


def test_what_can_be_chosen_is_as_the_sources_say() -> None:
    choice = target_choice(request("bf16"))
    assert json.loads(json.dumps(choice, allow_nan=False))
    options = {one["name"]: (one["fields"], one["ends"]) for one in choice["options"]}
    assert options["chat"] == (["200", "", ""], [[200], [], []])
    assert options["documents"] == (["", "", "2"], [[], [], [1, 2]]), "of a span both ends are drawn"
    assert options["mlperf-llama3.1-405b"] == (["4500", "80", ""], [[4500], [80], []])
    assert choice["first"]["headings"] == explained_headings(TARGETS[0])
    assert choice["first"]["rows"] == []


@pytest.mark.parametrize(
    ("limits", "target"),
    [
        (["50", "40", "0.14"], Target.own(0.05, 0.04, 0.14)),
        (["", " 62.5 ", "5."], Target.own(None, 0.0625, 5)),
        (["100.0004", "", ""], Target.own(0.1)),
        ([".001", "", "3600"], Target.own(1e-6, None, 3600)),
    ],
)
def test_limits_are_read_as_they_are_typed(limits: list[str], target: Target) -> None:
    assert read_question({"limits": limits}) == target


@pytest.mark.parametrize("text", ["abc", "-5", "0", "1e9", "3600001", "nan", "٣", "1 000", "0.0004"])
def test_what_is_no_limit_costs_one_sentence(text: str) -> None:
    with pytest.raises(LimitError) as error:
        read_question({"limits": ["200", text, ""]})
    assert error.value.limit == "tpot"
    assert str(error.value) == f"TPOT: “{text}” is no limit; allowed: a number from 0.001 to 3,600,000 ms, or nothing."


@pytest.mark.parametrize("question", [{}, {"limits": ["", "", ""]}, {"name": "chatt"}, {"name": ["chat"], "limits": None}, {"limits": 5}])
def test_a_target_limits_something(question: dict[str, Any]) -> None:
    with pytest.raises(LimitError, match="No limit is given"):
        read_question(question)


def test_whoever_has_a_runs_key_is_answered_during_and_after_it() -> None:
    """The one who started it, a watcher, and one who plays it again: nothing is read from the run any more."""
    engine = ScriptedEngine(lambda lane: Script(ttft_s=0.05, tpot_s=0.04), sleep=lambda seconds: None)
    run = Runner(lambda lane, _model_id: engine).start(
        request("bf16", "nf4@2", prompts=("Why?",), measure={"repeats": 3, "schedule": "exclusive"})
    )
    view, streams = run.reader().to_the_end(), Streams()
    for key in (streams.open(run), streams.watch(run)):
        before = ask(streams, {"key": key, "name": "chat"})
        assert [cells[0] for cells in before["rows"]] == [("–", "", None)] * 2, "nothing was read yet"
        assert frames(streams, key)["over"]
        for question, target in ({"name": "chat"}, read_target("chat")), (OWN, Target.own(0.05, 0.04, 0.14)):
            answer = ask(streams, {"key": key, **question})
            assert answer["rows"] == table_of(view, target)
            assert answer["headings"] == explained_headings(target)


def test_before_a_run_there_are_headings_and_afterwards_a_reason() -> None:
    assert ask(Streams(), {"name": "voice"})["rows"] == []
    assert ask(Streams(), {"name": "voice"})["headings"][1][0] == "TTFT ≤ 300 ms"
    assert ask(Streams(), {"name": "voice", "key": "gone"})["notes"] == GONE
    assert ask(Streams(), {"limits": ["x"]}) == {
        "limit": "ttft",
        "wrong": "TTFT: “x” is no limit; allowed: a number from 0.001 to 3,600,000 ms, or nothing.",
    }


def test_only_repeats_that_count_are_kept_for_an_answer() -> None:
    """The cold repeat counts no more once there is another."""
    view = RunState(request("bf16", measure={"schedule": "exclusive", "warmup": 1, "repeats": 2}), "id", "")
    timings, target = RunTimings(view.request), Target.own(ttft_s=0.2)
    answers = []
    for number, one in enumerate((trace([9.0], warmup=True), trace([0.3], cold=True), trace([0.1]))):
        view.apply(RepeatStarted(0, number, one.warmup, one.prompt_tokens, one.tokenize_s, one.cold, one.alone))
        view.apply(StepsTaken(0, number, one.steps, ()))
        view.apply(RepeatFinished(0, number, one.end_s, one.end_wall_s, one.output_ids, one.finish, one.texts))
        timings.read_on(view)
        answers.append(timings.table(target)["rows"][0][1][0])
        assert timings.table(target)["rows"] == table_of(view, target)
    assert answers == ["–", "300 ms", "100 ms"]


def test_goodput_is_undefined_where_lanes_take_turns() -> None:
    for schedule, known in (("exclusive", True), ("interleaved", False)):
        view = played({"bf16": Ran()}, measure={"schedule": schedule})
        timings = RunTimings(view.request)
        timings.read_on(view)
        assert (timings.table(TARGETS[0])["rows"][0][-1][0] != "–") == known
        assert ("Goodput is undefined" in target_choice(view.request)["note"]) != known
