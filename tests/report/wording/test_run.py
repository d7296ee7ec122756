"""What a run reads like: while it waits, while it goes on until it is sure, and how its figures came about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from playground.analysis.measuring import Metrics
from playground.engines.scripted import ScriptedEngine
from playground.report.wording.comparison import neighbour_words
from playground.report.wording.lane import lane_tag, lane_words
from playground.report.wording.run import caption, measure_words, run_words, until_words
from playground.runs.runner import Runner
from playground.timeline.environment import Environment
from playground.timeline.events import RunQueued, RunStarted
from playground.timeline.state import RunState
from tests.timelines import Ran, played, request


@pytest.mark.parametrize(
    ("queued", "words"),
    [
        (RunQueued(1), "aiting, 1 run ahead"),
        (RunQueued(2, 38.0), "aiting, 2 runs ahead, about 40 s"),
        (RunQueued(12, 130.0), "aiting, 12 runs ahead, about 2 min"),
    ],
)
def test_a_waiting_run_says_its_place_and_how_long_it_will_probably_be(queued: RunQueued, words: str) -> None:
    view = RunState(request("bf16"), "id", "")
    view.apply(queued)
    assert run_words(view) == f"W{words}"
    assert lane_words(view, view.lanes[0], Metrics()) == f"w{words}"
    view.apply(RunStarted(("bf16",), Environment()))
    assert run_words(view) == "Running"
    assert lane_words(view, view.lanes[0], Metrics()) == "waiting for its turn"


def repeated(**lanes: list[float]) -> RunState:
    """Lanes whose repeats took so long a token."""
    return played({label: Ran(tpot_s=paces) for label, paces in lanes.items()}, measure={"repeats": len(next(iter(lanes.values())))})


def test_a_run_that_is_not_sure_yet_says_how_far_it_is_from_that() -> None:
    view = repeated(bf16=[0.040, 0.041, 0.040], nf4=[0.020, 0.0205, 0.0201])
    assert until_words(view) == ""
    view.request = request("bf16", "nf4", measure={"repeats": 3, "until": {"width": 0.01, "limit_s": 60}})
    assert until_words(view) == "", "it is over"
    view.status = "running"
    words = "Repeats are added until sure, 60 s at most: the widest interval is 1.7 % of its ratio, 1.0 % wished."
    assert until_words(view) == words


def test_contended_lanes_say_what_neighbours_cost_and_what_does_not_repeat() -> None:
    wanted = request("bf16", "nf4/top_p(p=0.9)", measure={"schedule": "contended", "max_new_tokens": 5})
    engine = ScriptedEngine(sleep=lambda _s: None)
    view = Runner(lambda _lane, _model_id: engine).start(wanted).reader().to_the_end()
    assert [neighbour_words(view, lane) for lane in view.lanes] == ["2.00× its time alone"] * 2
    assert [lane_tag(wanted, lane) for lane in wanted.lanes] == ["", "not repeatable"]
    apart = request("bf16/top_p(p=0.9)", measure={"schedule": "interleaved"})
    assert lane_tag(apart, apart.lanes[0]) == "", "a lane that has its own generator says the same again"


def test_the_caption_counts_what_counted() -> None:
    three = {"warmup": 0, "repeats": 3}
    view = played({"bf16": Ran(tpot_s=(0.03, 0.04, 0.05))}, measure=three)
    assert "· median of 3 repeats after no warm-up ·" in caption(view)
    lane = view.lanes[0]
    lane.repeats[0] = replace(lane.repeats[0], cold=True)
    assert "· median of 2 repeats (cold ones left out) after no warm-up ·" in caption(view)
    del lane.repeats[1:]
    assert "· 1 repeat, cold after no warm-up ·" in caption(view)
    assert "· median of 3 repeats after no warm-up ·" in measure_words(view.request)


@pytest.mark.parametrize(
    ("lanes", "measure", "words"),
    [
        (("bf16", "nf4"), {"repeats": 3}, "the last repeat is unbalanced (an odd number)"),
        (("bf16/top_k(k=5)", "nf4"), {"schedule": "contended"}, "sampled lanes are not repeatable"),
        (("bf16",), {"repeats": 2, "until": {}}, "medians of 2 repeats and of more until sure"),
        (("bf16", "nf4"), {"schedule": "contended"}, "contended, all lanes at once"),
    ],
)
def test_what_must_be_known_of_the_way_to_measure_is_said(lanes: tuple[str, ...], measure: dict[str, Any], words: str) -> None:
    assert words in measure_words(request(*lanes, measure=measure))


@pytest.mark.parametrize(
    ("lanes", "measure"),
    [(("bf16",), {"repeats": 3}), (("bf16", "nf4"), {"repeats": 4}), (("bf16", "nf4"), {"schedule": "contended", "repeats": 3})],
)
def test_and_nothing_where_there_is_nothing_to_say(lanes: tuple[str, ...], measure: dict[str, Any]) -> None:
    line = measure_words(request(*lanes, measure=measure))
    assert "unbalanced" not in line
    assert "not repeatable" not in line
