"""Events → what is known of a run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.metrics import figure, live_figures
from playground.recordings.build import build_recording
from playground.timeline.environment import Environment
from playground.timeline.events import (
    LaneFailed,
    LaneLoaded,
    LaneStatus,
    RepeatFinished,
    RepeatStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepsTaken,
)
from playground.timeline.facts import LaneFacts
from playground.timeline.state import LaneState, RunState, lane_tokens
from playground.timeline.trace import Finish, RowText, Step
from tests import timelines
from tests.timelines import request


def view(*lanes: str, **fields: Any) -> RunState:
    return RunState(request(*lanes, **fields), "id", "2026-01-01T00:00:00+00:00")


def step(t_s: float, *ids: int, keep: int | None = None) -> Step:
    return timelines.step(t_s, ids, keep=None if keep is None else (keep,))


def started(repeat: int = 0, warmup: bool = False, lane: int = 0) -> RepeatStarted:
    return RepeatStarted(lane, repeat, warmup, (5,), 0.125)


def took(*steps: Step, text: tuple[RowText, ...] = (), repeat: int = 0, lane: int = 0) -> StepsTaken:
    return StepsTaken(lane, repeat, steps, text)


def finished(end_s: float, *ids: int, repeat: int = 0, finish: Finish = "length", text: str = "end", lane: int = 0) -> RepeatFinished:
    return RepeatFinished(lane, repeat, end_s, end_s, (ids,), (finish,), (text,))


def play(shown: RunState, *events: Any) -> RunState:
    for event in events:
        shown.apply(event)
    return shown


def repeat_of(shown: RunState, repeat: int, tpot_s: float, *, warmup: bool = False, finish: Finish = "length") -> None:
    play(
        shown,
        started(repeat, warmup),
        took(step(0.5, 1), step(0.5 + tpot_s, 2), repeat=repeat),
        finished(0.75 + tpot_s, 1, 2, repeat=repeat, finish=finish),
    )


def test_a_lane_goes_through_its_states() -> None:
    shown = view("bf16")
    lane = shown.lanes[0]
    assert (shown.status, lane.state) == ("waiting", "waiting")
    play(shown, RunQueued(2))
    assert shown.ahead == 2
    play(shown, RunStarted(("bf16",), Environment(device="cpu")))
    assert (shown.status, shown.ahead, shown.environment) == ("running", 0, Environment(device="cpu"))
    play(shown, LaneStatus(0, "reading weights"))
    assert (lane.state, lane.status) == ("loading", "reading weights")
    play(shown, LaneLoaded(0, 0.5, "cold", 7, LaneFacts(dtype="bfloat16")))
    assert (lane.state, lane.status, lane.load_s, lane.load_kind, lane.memory_bytes) == ("ready", "", 0.5, "cold", 7)
    play(shown, started())
    assert (lane.state, lane.texts) == ("running", [""])
    play(shown, took(step(0.5, 1), step(0.75, 2)), finished(1.0, 1, 2))
    assert (lane.state, lane.texts, lane.current) == ("ready", ["end"], None)
    play(shown, RunFinished("done"))
    assert (shown.status, lane.state, lane.status) == ("done", "done", "")
    assert figure(lane, "tpot_s") == 0.25
    assert lane_tokens(lane) == 2


def test_text_is_appended_and_revised_by_its_row() -> None:
    shown = play(view("bf16@2"), RepeatStarted(0, 0, False, (5, 5), 0.125))
    both = timelines.step(0.5, (1,), (1,))
    play(shown, took(both, text=(RowText(0, "The sky"), RowText(1, "It"))))
    play(shown, took(both, both, text=(RowText(0, " is"), RowText(0, " blue", step=1), RowText(1, " is", step=1))))
    assert shown.lanes[0].texts == ["The sky is blue", "It is"]
    first = shown.lanes[0].first
    assert first is not None
    assert [[change.text for change in changes] for changes in first.changes] == [["The sky", "It"], [" is"], [" blue", " is"]]
    play(shown, took(both, text=(RowText(0, " was", keep=7),)))
    assert shown.lanes[0].texts == ["The sky was", "It is"]
    play(shown, took(both, text=(RowText(1, "", keep=0),)))
    assert shown.lanes[0].texts == ["The sky was", ""]


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.integers(0, 12)), max_size=12))
def test_shown_text_is_what_its_changes_spell(changes: list[tuple[str, int | None]]) -> None:
    shown, expected = play(view("bf16"), started()), ""
    for text, keep in changes:
        play(shown, took(step(0.5, 1), text=(RowText(0, text, keep),)))
        expected = (expected if keep is None else expected[:keep]) + text
    assert shown.lanes[0].texts == [expected]


def test_figures_grow_while_a_repeat_runs() -> None:
    shown = view("bf16")
    lane = shown.lanes[0]
    assert live_figures(lane).ttft_s is None
    play(shown, started())
    assert live_figures(lane).ttft_s is None
    play(shown, took(step(0.5, 1)))
    assert (live_figures(lane).ttft_s, live_figures(lane).tpot_s) == (0.5, None)
    play(shown, took(step(0.75, 2), step(1.25, 3)))
    assert live_figures(lane).tpot_s == 0.375
    assert figure(lane, "tpot_s") is None


def test_a_beam_that_revises_is_counted_by_what_stands() -> None:
    shown = play(view("bf16/beam(num_beams=2)"), started(), took(step(0.5, 1), step(1.0, 2, 3, keep=0), step(1.5, 4, keep=1)))
    assert live_figures(shown.lanes[0]).output_tokens_per_s == 2 / 1.5
    assert live_figures(shown.lanes[0]).tpot_s is None
    play(shown, finished(2.0, 2, 4))
    assert shown.lanes[0].repeats[0].revises
    assert figure(shown.lanes[0], "ttft_s") == 2.0


def test_what_is_drawn_is_the_first_repeat_that_counts() -> None:
    shown = view("bf16")
    repeat_of(shown, 0, 4.0, warmup=True)
    assert shown.lanes[0].first is None
    repeat_of(shown, 1, 0.25)
    repeat_of(shown, 2, 0.75)
    first = shown.lanes[0].first
    assert first is not None
    assert [step.t_s for step in first.steps] == [0.5, 0.75]


def test_warm_ups_are_kept_and_never_counted() -> None:
    shown = view("bf16")
    repeat_of(shown, 0, 4.0, warmup=True)
    assert figure(shown.lanes[0], "tpot_s") is None
    repeat_of(shown, 1, 0.25)
    repeat_of(shown, 2, 0.75)
    assert figure(shown.lanes[0], "tpot_s") == 0.5
    assert [repeat.warmup for repeat in build_recording(shown).lanes[0].repeats] == [True, False, False]


def test_a_repeat_cut_short_counts_only_if_there_is_no_whole_one() -> None:
    shown = view("bf16")
    repeat_of(shown, 0, 8.0, finish="cancelled")
    assert figure(shown.lanes[0], "tpot_s") == 8.0
    repeat_of(shown, 1, 0.25)
    assert figure(shown.lanes[0], "tpot_s") == 0.25
    assert len(build_recording(shown).lanes[0].repeats) == 2


def test_a_failed_lane_keeps_its_reason_and_what_it_had() -> None:
    shown = view("bf16", "nf4")
    repeat_of(shown, 0, 0.25)
    play(shown, started(1), took(step(0.5, 1), repeat=1), LaneFailed(0, "memory", "no memory"), RunFinished("done"))
    failed, other = shown.lanes
    assert (failed.state, failed.error, failed.error_kind, failed.current) == ("failed", "no memory", "memory", None)
    assert (other.state, other.error) == ("done", None)
    record = build_recording(shown)
    assert record.lanes[0].error == "no memory"
    assert len(record.lanes[0].repeats) == 1


def test_a_cancelled_run_says_so_and_keeps_what_it_has() -> None:
    shown = view("bf16", "nf4")
    repeat_of(shown, 0, 0.25, finish="cancelled")
    play(shown, RunFinished("cancelled"))
    assert shown.status == "cancelled"
    assert [lane.status for lane in shown.lanes] == ["stopped after 2 tokens", "stopped after 0 tokens"]
    assert build_recording(shown).status == "cancelled"
    assert build_recording(shown).lanes[0].repeats[0].finish == ("cancelled",)


def test_labels_may_repeat() -> None:
    shown = play(view("bf16", "bf16"), LaneFailed(1, "internal", "no"))
    assert [lane.label for lane in shown.lanes] == ["bf16", "bf16"]
    assert [lane.error for lane in shown.lanes] == [None, "no"]


def test_a_lane_that_is_loaded_again_keeps_its_first_loads_figures() -> None:
    shown = view("bf16")
    play(shown, LaneLoaded(0, 2.0, "cold", 7, LaneFacts()))
    repeat_of(shown, 0, 0.25)
    play(shown, LaneLoaded(0, 0.5, "prequantized", 7, LaneFacts()))
    lane: LaneState = shown.lanes[0]
    assert (lane.load_s, lane.load_kind, lane.state) == (2.0, "cold", "ready")


def test_how_much_of_a_download_is_there_until_the_lane_is_loaded() -> None:
    shown = view("bf16")
    play(shown, RunStarted(("bf16",), Environment()), LaneStatus(0, "downloading, 1 of 2 MB", 0.5))
    assert shown.lanes[0].fraction == 0.5
    play(shown, LaneLoaded(0, 1.0, "cold", 1, LaneFacts()))
    assert shown.lanes[0].fraction is None


@pytest.mark.parametrize("end", [LaneFailed(0, "model", "the disk is full"), RunFinished("cancelled"), LaneStatus(0, "reading weights")])
def test_a_download_that_is_over_has_no_fraction(end: LaneFailed | RunFinished | LaneStatus) -> None:
    shown = view("bf16")
    play(shown, RunStarted(("bf16",), Environment()), LaneStatus(0, "downloading, 1 of 2 MB", 0.5), end)
    assert shown.lanes[0].fraction is None


def test_a_lane_stopped_in_its_download_says_so() -> None:
    shown = view("bf16")
    play(shown, RunStarted(("bf16",), Environment()), LaneStatus(0, "downloading, 1 of 2 MB", 0.5), RunFinished("cancelled"))
    assert shown.lanes[0].status == "stopped while downloading"
