"""A lane against the baseline: what is paired, what it shows, and how rarely two identical lanes are told apart."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from playground.analysis.comparison import Comparison, Obstacle, compare, comparison, differs, paired
from playground.analysis.pairing import slowdown
from playground.analysis.stopping import repeats_to_add
from playground.engines.scripted import Script, ScriptedEngine
from playground.recordings.build import build_recording
from playground.recordings.writing import figures_of
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import LaneState, RunState
from tests.timelines import Ran, played, request, step

FASTER = (0.0270, 0.0271, 0.0268, 0.0280, 0.0265)
USUAL = (0.0390, 0.0391, 0.0388, 0.0392, 0.0390)


def found(view: RunState, lane: int = 1) -> Comparison:
    compared = comparison(view, view.lanes[lane])
    assert compared is not None
    return compared


def of(bf16: Ran, nf4: Ran) -> Comparison:
    return found(played([("bf16", bf16), ("nf4", nf4)]))


def test_the_verdict_is_what_the_interval_shows() -> None:
    assert of(Ran(tpot_s=USUAL), Ran(tpot_s=FASTER)).verdict == "faster"
    assert of(Ran(tpot_s=FASTER), Ran(tpot_s=USUAL)).verdict == "slower"
    close = of(Ran(tpot_s=USUAL), Ran(tpot_s=(0.0385, 0.0391, 0.0389, 0.0391, 0.0387)))
    assert (close.verdict, close.needed) == ("no difference", 12)
    equal = of(Ran(tpot_s=USUAL), Ran(tpot_s=USUAL))
    assert (equal.verdict, equal.ends, equal.needed) == ("no difference", (1.0, 1.0), None)
    beams = played([("bf16", Ran(tpot_s=USUAL)), ("bf16/beam(num_beams=2)", Ran(tpot_s=USUAL))])
    assert (found(beams).metric, found(beams).verdict) == ("e2e_s", "no difference")
    once = of(Ran(), Ran(tpot_s=0.0268))
    assert (once.verdict, once.ends) == ("one pair", None)


def test_a_rate_is_better_when_it_is_higher() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), ("nf4", Ran(tpot_s=FASTER))])
    rate = compare(view, view.lanes[1], "decode_tokens_per_s")
    assert rate is not None
    assert rate.verdict == "faster"


@pytest.mark.parametrize(
    ("bf16", "nf4", "obstacle"),
    [
        (Ran(tokens=0, error="no"), Ran(), Obstacle("failed", 0)),
        (Ran(), Ran(error="no"), Obstacle("failed", 1)),
        (Ran(tokens=0), Ran(), Obstacle("unknown", 0)),
        (Ran(tokens=1, finish="cancelled"), Ran(), Obstacle("cut short", 0)),
    ],
)
def test_what_cannot_be_compared_has_an_obstacle_and_no_figures(bf16: Ran, nf4: Ran, obstacle: Obstacle) -> None:
    one = of(bf16, nf4)
    assert (one.verdict, one.obstacle) == ("not compared", obstacle)
    assert (one.pairs, one.ratio, one.low, one.high, one.difference, one.needed) == (0, None, None, None, None, None)


def test_the_recording_holds_it_for_every_lane_but_the_baseline() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), ("nf4", Ran(tpot_s=FASTER))])
    first, second = figures_of(build_recording(view)).lanes
    assert first.comparison is None
    assert second.comparison == found(view)
    assert (found(view).metric, found(view).baseline, found(view).pairs) == ("tpot_s", 0, 5)
    assert found(view).difference == pytest.approx(sum(FASTER) / 5 - sum(USUAL) / 5)


def repeat(view: RunState, lane: int, number: int, tpot_s: float) -> None:
    ids = tuple(range(3))
    view.apply(RepeatStarted(lane, number, False, (5,), 0.001))
    steps = tuple(step(0.05 + at * tpot_s, (at,)) for at in ids)
    view.apply(StepsTaken(lane, number, steps, ()))
    view.apply(RepeatFinished(lane, number, 0.06 + 2 * tpot_s, 0.06 + 2 * tpot_s, (ids,), ("length",), ("",)))


def test_repeats_are_paired_by_their_number_not_by_their_place() -> None:
    view = RunState(request("bf16", "nf4"), "id", "")
    for number, tpot_s in ((1, 0.04), (2, 0.08), (3, 0.02)):
        repeat(view, 0, number, tpot_s)
    for number, tpot_s in ((3, 0.01), (2, 0.04)):  # the first was lost, and they came in another order
        repeat(view, 1, number, tpot_s)
    assert found(view).pairs == 2
    assert found(view).ratio == pytest.approx(0.5)


def test_neighbours_slow_a_lane_by_what_it_takes_beyond_what_it_takes_alone() -> None:
    scripts = {"bf16": Script(tpot_s=0.02, jitter=(1.0, 1.2, 0.9)), "nf4": Script(tpot_s=0.03), "int8": Script(tpot_s=0.05)}
    engine = ScriptedEngine(lambda lane: scripts[lane.variant.weights.scheme], sleep=lambda _seconds: None)
    lanes = ("bf16", "nf4", "int8/beam(num_beams=2)")
    run = Runner(lambda _lane, _model_id: engine).start(
        request(*lanes, measure={"schedule": "contended", "repeats": 3, "warmup": 1, "max_new_tokens": 4})
    )
    view = run.reader().to_the_end()
    for lane in view.lanes[:2]:
        slower = slowdown(view, lane)
        assert slower is not None
        assert slower.pairs == 3
        assert slower.ratio.value == pytest.approx(3.0)
    beams = slowdown(view, view.lanes[2])
    assert beams is not None
    assert beams.ratio.value == pytest.approx((3 * (0.06 + 3 * 0.05) + 0.001) / (0.06 + 3 * 0.05 + 0.001))
    exclusive = played({"bf16": Ran()})
    assert slowdown(exclusive, exclusive.lanes[0]) is None


def drawn(noise: random.Random, spread: float, count: int) -> tuple[float, ...]:
    return tuple(0.04 * math.exp(noise.gauss(0, spread)) for _ in range(count))


@pytest.mark.parametrize("count", [3, 5, 8])
def test_identical_lanes_are_told_apart_in_one_run_of_twenty_at_most(count: int) -> None:
    noise, runs, apart = random.Random(2), 1_000, 0
    for _ in range(runs):
        view = _view(drawn(noise, 0.03, count), drawn(noise, 0.03, count), None)
        one = paired(view, view.lanes[1], view.baseline, "tpot_s")
        assert one is not None
        apart += differs(one)
    assert apart / runs <= 0.05


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.04])
def test_nor_are_they_by_a_run_that_goes_on_until_it_is_sure(spread: float) -> None:
    noise, runs, apart = random.Random(7), 300, 0
    for _ in range(runs):
        mine, other = drawn(noise, spread, 60), drawn(noise, spread, 60)
        view = _until_sure(mine, other)
        one = paired(view, view.lanes[1], view.baseline, "tpot_s")
        assert one is not None
        apart += differs(one)
    assert apart / runs <= 0.05


def _until_sure(mine: Sequence[float], other: Sequence[float]) -> RunState:
    """The view at the end of a run whose lanes take so long, as far as it goes."""
    count = 2
    view = _view(mine[:count], other[:count], {"width": 0.05, "most": 60})
    while more := repeats_to_add(view, 0.0):
        for lane, values in ((0, mine), (1, other)):
            _add(view.lanes[lane], values[count : count + more], count)
        count += more
        view.request = view.request.longer(more)
    return view


def _view(mine: Sequence[float], other: Sequence[float], until: dict[str, float] | None) -> RunState:
    view = RunState(request("bf16", "bf16", measure={"repeats": len(mine), "warmup": 0, "until": until}), "id", "")
    for lane, values in zip(view.lanes, (mine, other), strict=True):
        _add(lane, values, 0)
    return view


_ONE = played({"bf16": Ran()}).lanes[0].repeats[0]


def _add(lane: LaneState, values: Sequence[float], first: int) -> None:
    for number, tpot_s in enumerate(values, start=first):
        steps = tuple(replace(step, t_s=0.05 + place * tpot_s) for place, step in enumerate(_ONE.steps))
        lane.repeats.append(replace(_ONE, number=number, steps=steps))


def test_a_lane_of_its_own_device_is_paired_by_number_too() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), (str(Lane.parse("bf16[device=cuda:1]")), Ran(tpot_s=FASTER))])
    assert (found(view).pairs, found(view).verdict) == (5, "faster")
