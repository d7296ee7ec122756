"""What a lane's state, memory and waterfall read like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground.analysis.breakdown import Breakdown
from playground.analysis.measuring import Metrics
from playground.report.wording.lane import breakdown_words, lane_words, memory_words
from playground.timeline.environment import Environment
from playground.timeline.events import LaneStatus, RepeatStarted, RunStarted
from playground.timeline.state import RunState
from playground.timeline.trace import Memory
from tests.timelines import Ran, played, request


def test_memory_is_said_in_its_parts() -> None:
    view = played({"bf16": Ran()})
    assert memory_words(view, view.lanes[0]) == ""
    memory = Memory(weights_bytes=269_000_000, kv_bytes=1_360_000, rest_bytes=None)
    view.lanes[0].repeats = [replace(one, memory=memory) for one in view.lanes[0].repeats]
    assert memory_words(view, view.lanes[0]) == "weights 269 MB, KV cache 1.36 MB"


def test_a_lane_that_is_done_says_what_comes_after_its_repeats() -> None:
    view = played({"bf16": Ran()}, measure={"warmup": 0, "agreement": True})
    lane = view.lanes[0]
    lane.state = "ready"
    assert lane_words(view, lane, Metrics()).startswith("done, 3 tokens")
    view.apply(LaneStatus(0, "outputs not compared: no room"))
    assert lane_words(view, lane, Metrics()) == "outputs not compared: no room"


def test_a_lane_in_progress_says_which_repeat_by_its_number() -> None:
    view = RunState(request("bf16", measure={"warmup": 1, "repeats": 3, "schedule": "contended"}), "id", "")
    view.apply(RunStarted(("bf16",), Environment()))
    view.apply(RepeatStarted(0, 2, False, (5,), 0.001, alone=True))
    assert lane_words(view, view.lanes[0], Metrics()) == "repeat 2 of 3, alone: first token…"


@pytest.mark.parametrize(
    ("repeats", "words"),
    [
        (0, "so far"),
        (1, "in one repeat"),
        (3, "in that of 3 repeats whose E2E is the median"),
        (4, "in that of 4 repeats whose E2E is the median, the lower of the two middle ones"),
    ],
)
def test_a_waterfall_names_the_repeat_that_it_is_of(repeats: int, words: str) -> None:
    assert breakdown_words(Breakdown((1_000, 99_000, 50_000), repeats)) == words
