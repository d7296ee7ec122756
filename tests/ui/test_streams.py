"""A live view gets every record once it asks, again when an answer was lost, and nothing without its key."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground.engines.scripted import Script, ScriptedEngine
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.ui.live.streams import KEPT, Answer, Streams
from tests.timelines import request


def finished_run() -> Run:
    engine = ScriptedEngine(lambda lane: Script(), sleep=lambda seconds: None)
    run = Runner(lambda lane, _model_id: engine).start(request("bf16", measure={"max_new_tokens": 5, "warmup": 0}))
    assert run.wait_quiet(10)
    return run


def opened(streams: Streams) -> str:
    return streams.open(finished_run())


def ask(streams: Streams, asked: dict[str, Any]) -> Answer:
    """From a thread of its own: the browser tests' Playwright keeps a loop running in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(streams.frames(asked))).result()


def test_an_answer_that_got_lost_is_given_again() -> None:
    streams = Streams()
    key = opened(streams)
    first = ask(streams, {"key": key, "seen": 0})
    assert first["over"]
    assert '"state":"done"' in first["records"]
    assert ask(streams, {"key": key, "seen": 0}) == first
    assert ask(streams, {"key": key, "seen": first["seen"]})["records"] == ""
    for odd in ("many", None, -3):
        assert ask(streams, {"key": key, "seen": odd}) == first


def test_without_the_key_there_is_nothing() -> None:
    streams = Streams()
    opened(streams)
    for asked in ({"key": "guessed", "seen": 0}, {"key": None}, {}, {"key": ["x"], "seen": 3}):
        answer = ask(streams, asked)
        assert (answer["records"], answer["over"]) == ("", True)


def test_old_streams_are_let_go() -> None:
    streams = Streams()
    keys = [opened(streams) for _ in range(KEPT + 1)]
    assert ask(streams, {"key": keys[0], "seen": 0})["records"] == ""
    assert ask(streams, {"key": keys[1], "seen": 0})["records"]
