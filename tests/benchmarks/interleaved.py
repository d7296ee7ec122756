"""What taking turns costs a lane's own clock: interleaved ÷ exclusive, six lanes together.

bf16, fp32, int8 and nf4 of the embedded model, nf4 with eight rows, and beam search in bf16 run through the worker process (Runner,
LocalFleet) with the machine's own number of threads: fixed length. After a run that loads and warms up, exclusive and interleaved runs of
one repeat alternate, the order turned round from pair to pair. A lane's value of a pair is its TPOT on its own clock (beam search, which
has none: the median step), interleaved ÷ exclusive, and the same of TTFT (beam search: prefill, its first step); the figure is the median
over nine pairs (many short pairs, because a shared machine drifts by some percent within ten seconds), and is to be within 3 % of 1, of
TTFT within 10 %.
"""

from __future__ import annotations

from playground.analysis.measuring import measure, median
from playground.engines.local.client import LocalFleet
from playground.recordings.schema import LaneRecord, Recording
from playground.runs.runner import Runner
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import BenchmarkError, Setup, measured

LIMIT, LIMIT_FIRST = 0.03, 0.10
LANES = ["bf16", "fp32", "int8", "nf4", "nf4@8", "bf16/beam(num_beams=2)"]
SCHEDULES = ("exclusive", "interleaved")
Pair = dict[str, list[tuple[float, float]]]
"""By schedule, per lane (time per token or step, time to first token or step) in seconds."""


def run(setup: Setup) -> list[Figure]:
    tokens, pairs = setup.pick(48, 12), setup.pick(9, 1)
    found: list[Pair] = []
    with LocalFleet(setup.settings) as fleet:
        runner = Runner(fleet.engine_for)
        measured(runner, setup.request(LANES, max_new_tokens=8, warmup=0))
        for number in range(pairs):
            order = SCHEDULES if number % 2 == 0 else SCHEDULES[::-1]
            wanted = {schedule: setup.request(LANES, schedule=schedule, max_new_tokens=tokens, warmup=0) for schedule in order}
            found.append({schedule: _times(measured(runner, request)) for schedule, request in wanted.items()})
            ratios = "  ".join(f"{lane} {value:.3f}" for lane, value in zip(LANES, _ratios(found[-1], 0), strict=True))
            setup.say(f"interleaved: pair {number + 1} of {pairs}: {ratios}")
    return [_figure(lane, index, what, tokens, found) for what in (0, 1) for index, lane in enumerate(LANES)]


def _figure(lane: str, index: int, what: int, tokens: int, pairs: list[Pair]) -> Figure:
    beam = "beam" in lane
    name = ("step" if beam else "TPOT", "prefill" if beam else "TTFT")[what]
    raw = {schedule: [pair[schedule][index][what] for pair in pairs] for schedule in SCHEDULES}
    values = tuple(_ratios(pair, what)[index] for pair in pairs)
    limit, kept = (LIMIT, LIMIT_FIRST)[what], {"tokens": tokens, f"{name.lower()}_s": raw}
    return Figure("interleaved", f"{name} interleaved ÷ exclusive, {lane}", "×", limit, values, aim=1.0, raw=kept)


def _ratios(pair: Pair, what: int) -> list[float]:
    """Per lane."""
    return [turns[what] / alone[what] for alone, turns in zip(*(pair[schedule] for schedule in SCHEDULES), strict=True)]


def _times(recording: Recording) -> list[tuple[float, float]]:
    return [(_one(lane, "step_s", "tpot_s"), _one(lane, "prefill_s", "ttft_s")) for lane in recording.lanes]


def _one(lane: LaneRecord, of_beams: str, of_others: str) -> float:
    name = of_beams if "beam" in lane.label else of_others
    value = median([getattr(measure(repeat), name) for repeat in lane.repeats if not repeat.warmup])
    if value is None:
        raise BenchmarkError(f"lane {lane.label} has no {name}")
    return value
