"""What is said of a run and its lanes while it waits."""

from __future__ import annotations

import pytest

from playground.events import LaneStatus, RunQueued, RunStarted
from playground.trace import Metrics
from playground.view import RunView
from playground.words import lane_words, run_words
from tests.timelines import Ran, played, request


@pytest.mark.parametrize(
    ("queued", "said"),
    [
        (RunQueued(1), "aiting, 1 run ahead"),
        (RunQueued(2, 38.0), "aiting, 2 runs ahead, about 40 s"),
        (RunQueued(12, 130.0), "aiting, 12 runs ahead, about 2 min"),
    ],
)
def test_a_waiting_run_says_its_place_and_how_long_it_will_probably_be(queued: RunQueued, said: str) -> None:
    view = RunView(request("bf16"), "id", "")
    view.apply(queued)
    assert run_words(view) == f"W{said}"
    assert lane_words(view, view.lanes[0], Metrics()) == f"w{said}"
    view.apply(RunStarted(("bf16",), {}))
    assert run_words(view) == "Running"
    assert lane_words(view, view.lanes[0], Metrics()) == "waiting for its turn"


def test_a_lane_that_is_done_says_what_comes_after_its_repeats() -> None:
    view = played({"bf16": Ran()}, measure={"warmup": 0, "agreement": True})
    lane = view.lanes[0]
    lane.state = "ready"
    assert lane_words(view, lane, Metrics()).startswith("done, 3 tokens")
    view.apply(LaneStatus(0, "outputs not compared: no room"))
    assert lane_words(view, lane, Metrics()) == "outputs not compared: no room"
