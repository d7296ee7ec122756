"""The scripted engine: the same promises as a real one, on a clock that is exact."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from playground.analysis.measuring import Metrics, measure
from playground.analysis.metrics import figure, lane_figure
from playground.engines.scripted import Script, ScriptedEngine, script_of
from playground.errors import NOT_LOADED, RUN_IS_ON, EngineError
from playground.spec.decoding import Beam
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.events import LaneEvent, LaneFailed, RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from tests.timelines import request

SCRIPTS = {"bf16": Script(ttft_s=0.5, tpot_s=0.25, post_s=0.125), "nf4": Script(ttft_s=1.0, tpot_s=0.125, post_s=0.125)}


def engine(**scripts: Script) -> ScriptedEngine:
    known = SCRIPTS | scripts
    return ScriptedEngine(lambda lane: known[lane.variant.weights.scheme], sleep=lambda _seconds: None)


def events_of(wanted: RunRequest, made: ScriptedEngine | None = None) -> list[LaneEvent]:
    return list((made or engine()).run(range(len(wanted.lanes)), wanted, threading.Event()))


def view_of(wanted: RunRequest, made: ScriptedEngine | None = None) -> RunState:
    view = RunState(wanted, "id", "now")
    for event in events_of(wanted, made):
        view.apply(event)
    return view


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved"])
def test_own_clocks_are_the_scripts_in_either_schedule(schedule: str) -> None:
    view = view_of(request("bf16", "nf4", measure={"schedule": schedule, "max_new_tokens": 5, "repeats": 2}))
    for lane, script in zip(view.lanes, SCRIPTS.values(), strict=True):
        assert figure(lane, "ttft_s") == script.ttft_s
        assert figure(lane, "tpot_s") == script.tpot_s
        assert figure(lane, "e2e_s") == script.ttft_s + 4 * script.tpot_s + script.post_s
        assert [repeat.warmup for repeat in lane.repeats] == [True, False, False]


def order(events: list[LaneEvent]) -> Iterator[int]:
    return (event.lane for event in events if isinstance(event, StepsTaken))


def test_exclusive_lanes_come_one_after_the_other() -> None:
    events = events_of(request("bf16", "nf4", measure={"max_new_tokens": 3, "warmup": 0}))
    assert list(order(events)) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("schedule", "alone"), [("exclusive", True), ("interleaved", False)])
def test_the_wall_of_a_repeat_begins_with_it(schedule: str, alone: bool) -> None:
    view = view_of(request("bf16", "nf4", measure={"schedule": schedule, "max_new_tokens": 5}))
    for lane in view.lanes:
        assert all((repeat.end_wall_s == repeat.end_s) == alone for repeat in lane.counted)


def test_interleaved_turns_go_to_the_clock_that_is_furthest_behind() -> None:
    wanted = request("bf16", "nf4", measure={"schedule": "interleaved", "max_new_tokens": 20, "warmup": 0})
    clocks, playing = {0: 0.0, 1: 0.0}, {0, 1}
    for event in events_of(wanted):
        match event:
            case StepsTaken(lane=lane, steps=steps):
                assert clocks[lane] == min(clocks[one] for one in playing)
                clocks[lane] = steps[-1].t_s
            case RepeatFinished(lane=lane):
                playing.discard(lane)
            case _:
                pass


def test_every_row_has_its_tokens_and_its_text() -> None:
    view = view_of(request("bf16@3", prompts=["one", "two words"], measure={"max_new_tokens": 4, "warmup": 0}))
    (repeat,) = view.lanes[0].repeats
    assert repeat.prompt_tokens == (1, 2, 1)
    assert [len(row) for row in repeat.output_ids] == [4, 4, 4]
    assert tuple(view.lanes[0].texts) == repeat.texts
    assert repeat.finish == ("length",) * 3


def test_a_script_that_fails_leaves_the_others_alone() -> None:
    view = view_of(request("bf16", "nf4", measure={"max_new_tokens": 4}), engine(nf4=Script(fails_after=2)))
    assert view.lanes[0].error is None
    assert len(view.lanes[0].repeats) == 2
    assert view.lanes[1].error == "the script fails after 2 steps"


def test_after_a_failure_a_lane_is_silent() -> None:
    events = events_of(request("nf4", measure={"max_new_tokens": 4, "repeats": 3}), engine(nf4=Script(fails_after=0)))
    assert isinstance(events[-1], LaneFailed)
    assert sum(isinstance(event, RepeatStarted) for event in events) == 1


def test_cancel_ends_running_repeats_as_cancelled() -> None:
    cancel = threading.Event()
    events: list[LaneEvent] = []
    for event in engine().run([0, 1], request("bf16", "nf4", measure={"schedule": "interleaved", "max_new_tokens": 50}), cancel):
        events.append(event)
        if len(events) == 20:
            cancel.set()
    ends = [event for event in events if isinstance(event, RepeatFinished)]
    assert [(end.lane, end.finish) for end in ends] == [(0, ("cancelled",)), (1, ("cancelled",))]
    assert len(events) < 30


def test_every_precision_has_a_script() -> None:
    assert script_of(Lane.parse("nf4")).tpot_s < script_of(Lane.parse("bf16")).tpot_s < script_of(Lane.parse("int8")).tpot_s


def test_a_beam_lane_is_measured_as_one() -> None:
    view = view_of(request("bf16/beam(num_beams=4)", measure={"max_new_tokens": 4, "warmup": 0}))
    assert isinstance(view.lanes[0].lane.decoding, Beam)
    assert figure(view.lanes[0], "ttft_s") == figure(view.lanes[0], "e2e_s")
    assert figure(view.lanes[0], "tpot_s") is None


def test_it_says_that_nothing_is_measured() -> None:
    assert "nothing is measured" in (engine().environment().device_name or "")


def labels(made: ScriptedEngine) -> list[str]:
    return [one.label for one in made.environment().residents]


def test_what_it_loaded_is_resident_and_can_be_evicted() -> None:
    made = engine()
    assert labels(made) == []
    events_of(request("bf16+faq", "nf4", "bf16@2", measure={"max_new_tokens": 2}), made)
    model = request("bf16").model
    assert labels(made) == [f"{model} bf16", f"{model} bf16 + faq", f"{model} nf4"]
    made.evict(f"{model} bf16")
    assert labels(made) == [f"{model} nf4"], "a base takes its adapters with it"
    with pytest.raises(EngineError, match=NOT_LOADED):
        made.evict(f"{model} bf16")
    made.evict(None)
    assert labels(made) == []


def test_nothing_is_evicted_under_a_run() -> None:
    made = engine()
    running = made.run([0], request("bf16"), threading.Event())
    next(running)
    with pytest.raises(EngineError, match=RUN_IS_ON):
        made.evict(None)
    list(running)
    made.evict(None)


def kinds(made: ScriptedEngine, *lanes: str) -> list[str | None]:
    return [lane.load_kind for lane in view_of(request(*lanes, measure={"max_new_tokens": 1}), made).lanes]


def test_loads_are_of_the_kind_a_real_one_would_have() -> None:
    made = engine()
    assert kinds(made, "bf16", "bf16+faq", "bf16+faq", "nf4", "nf4+faq.merged") == ["cold", "attached", "resident", "cold", "prequantized"]
    made.evict(None)
    assert kinds(made, "nf4+faq", "nf4", "bf16", "nf4+faq.merged") == ["prequantized", "resident", "cold", "prequantized"]


def test_what_must_make_room_waits_in_the_hosts_memory_where_there_is_one() -> None:
    made = ScriptedEngine(script_of, sleep=lambda _seconds: None, host_budget_bytes=10**9, budget_bytes=400_000_000)
    assert kinds(made, "bf16+faq", "int8") == ["cold", "cold"]
    model = request("bf16").model
    assert [(one.label, one.where) for one in made.environment().residents] == [
        (f"{model} int8", "device"),
        (f"{model} bf16", "host"),
    ]
    assert kinds(made, "bf16") == ["host"]
    made.evict(f"{model} int8")
    made.evict(f"{model} bf16")
    assert labels(made) == []


def test_a_lane_that_had_to_make_room_comes_back_before_its_repeat() -> None:
    made = ScriptedEngine(script_of, sleep=lambda _seconds: None, host_budget_bytes=10**9, budget_bytes=300_000_000)
    view = view_of(request("bf16", "int8", measure={"max_new_tokens": 1, "warmup": 0}), made)
    assert [[load.load_kind for load in lane.loads] for lane in view.lanes] == [["cold", "host"], ["cold", "host"]]


def test_on_a_cpu_what_must_make_room_is_gone() -> None:
    made = ScriptedEngine(script_of, sleep=lambda _seconds: None, budget_bytes=400_000_000)
    assert kinds(made, "bf16", "nf4", "bf16", "nf4") == ["cold", "cold", "resident", "resident"]
    assert kinds(made, "fp32", "nf4") == ["cold", "prequantized"]


def test_a_lane_tells_what_hangs_on_it_row_by_row() -> None:
    lane = view_of(request("bf16+faq|none|random-r16@4", measure={"max_new_tokens": 3})).lanes[0]
    assert [(one.name, one.rank, one.rows, one.sha256 is None) for one in lane.facts.adapters] == [
        ("faq", 8, (0, 3), False),
        ("random-r16", 16, (2,), True),
    ]
    assert lane.texts[0] == lane.texts[3] != lane.texts[1] == lane.texts[2], "an untrained adapter changes nothing"
    ids = lane.counted[0].output_ids
    assert ids[0] == ids[3] != ids[1] == ids[2]


def test_agreement_is_told_when_it_is_asked_for() -> None:
    lanes = ("bf16", "nf4", "bf16+faq")
    made = ScriptedEngine(sleep=lambda _seconds: None)
    assert [lane.agreement for lane in view_of(request(*lanes), made).lanes] == [None] * 3
    view = view_of(request(*lanes, measure={"agreement": True, "max_new_tokens": 15}), made)
    assert [lane.agreement and (round(lane.agreement.top1, 3), lane.agreement.places) for lane in view.lanes] == [
        (1.0, 15),
        (0.933, 15),
        (0.067, 15),
    ]


def test_memory_of_other_programs_is_told_where_it_is_known() -> None:
    assert engine().environment().memory_other_bytes is None
    assert ScriptedEngine(other_bytes=5).environment().memory_other_bytes == 5


def test_every_figure_is_exact_on_the_scripts_timeline() -> None:
    """TTFT 0.5 s, four gaps of 0.25 s, post 0.125 s: E2E is 1.625 s. Two rows; every other repeat decodes half as fast."""
    twice = Script(tokenize_s=0.0625, ttft_s=0.5, tpot_s=0.25, post_s=0.125, jitter=(1.0, 2.0))
    view = view_of(request("bf16@2", measure={"max_new_tokens": 5, "warmup": 0, "repeats": 4}), engine(bf16=twice))
    warm = [measure(repeat) for repeat in view.lanes[0].repeats]
    assert warm[0] == warm[2]
    assert warm[0] == Metrics(
        tokenize_s=0.0625,
        ttft_s=0.5,
        prefill_s=0.4375,
        decode_s=1.0,
        post_s=0.125,
        e2e_s=1.625,
        tpot_s=0.25,
        itl_s=(0.25,) * 4,
        step_s=0.25,
        tokens_per_event=1.0,
        decode_tokens_per_s=2 * 4 / 1.0,
        output_tokens_per_s=2 * 5 / 1.625,
        requests_per_s=2 / 1.625,
    )
    assert (warm[1].ttft_s, warm[1].tpot_s, warm[1].e2e_s, warm[1].decode_tokens_per_s) == (1.0, 0.5, 3.125, 4.0)
    for one in warm:
        parts = [one.tokenize_s, one.prefill_s, one.decode_s, one.post_s]
        assert sum(part for part in parts if part is not None) == one.e2e_s
    assert view.lanes[0].cold == view.lanes[0].repeats[0]
    assert [repeat.number for repeat in view.lanes[0].counted] == [1, 2, 3]
    assert lane_figure(view, view.lanes[0], "itl_p50_s").value == 0.5, "gaps of 0.25 s four times, of 0.5 s eight times"


def test_a_script_may_bring_several_tokens_in_a_step() -> None:
    """Steps of one to four tokens, as speculation brings them: eight tokens in four steps, the last cut to the length."""
    chunky = Script(tokenize_s=0.0625, ttft_s=0.5, tpot_s=0.25, post_s=0.125, chunks=(1, 2, 3, 4))
    wanted = request("bf16@2", "nf4", measure={"max_new_tokens": 8, "warmup": 0})
    view = view_of(wanted, engine(bf16=chunky, nf4=Script()))
    (repeat,) = view.lanes[0].repeats
    assert [[len(ids) for ids in step.token_ids.values()] for step in repeat.steps] == [[1, 1], [2, 2], [3, 3], [2, 2]]
    assert repeat.texts == tuple(view.lanes[0].texts)
    assert repeat.texts[0] == view.lanes[1].repeats[0].texts[0], "what is said does not depend on the steps"
    figures = measure(repeat)
    assert (figures.tpot_s, figures.tokens_per_event, figures.itl_s) == (3 * 0.25 / 7, 2.0, (0.25,) * 3)
    assert measure(view.lanes[1].repeats[0]).tokens_per_event == 1.0
