"""What taking turns costs a lane's own clock: interleaved ÷ exclusive, four lanes together.

bf16, fp32, int8 and nf4 of the embedded model run through the worker process (Runner, LocalFleet) with the machine's own number of threads:
greedy, fixed length. After a run that loads and warms up, exclusive and interleaved runs of one repeat alternate, the order turned round
from pair to pair. A lane's value of a pair is its TPOT on its own clock, interleaved ÷ exclusive; the figure is the median over nine pairs
(many short pairs, because a shared machine drifts by some percent within ten seconds).
"""

from __future__ import annotations

from playground.engines.local.client import LocalFleet
from playground.metrics import median
from playground.runner import Runner
from playground.trace import Recording
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import BenchmarkError, Setup, measured

LIMIT = 1.05
LANES = ["bf16", "fp32", "int8", "nf4"]


def run(setup: Setup) -> list[Figure]:
    tokens, pairs = setup.pick(48, 12), setup.pick(9, 1)
    found: list[dict[str, list[float]]] = []
    with LocalFleet(setup.settings) as fleet:
        runner = Runner(fleet.engine_for)
        measured(runner, setup.request(LANES, max_new_tokens=8, warmup=0))
        for number in range(pairs):
            order = ("exclusive", "interleaved") if number % 2 == 0 else ("interleaved", "exclusive")
            pair = {
                schedule: _tpot(measured(runner, setup.request(LANES, schedule=schedule, max_new_tokens=tokens, warmup=0)))
                for schedule in order
            }
            found.append(pair)
            ratios = "  ".join(f"{lane} {b / a:.3f}" for lane, a, b in zip(LANES, pair["exclusive"], pair["interleaved"], strict=True))
            setup.say(f"interleaved: pair {number + 1} of {pairs}: {ratios}")
    return [_figure(lane, index, tokens, found) for index, lane in enumerate(LANES)]


def _figure(lane: str, index: int, tokens: int, pairs: list[dict[str, list[float]]]) -> Figure:
    raw = {schedule: [pair[schedule][index] for pair in pairs] for schedule in ("exclusive", "interleaved")}
    values = tuple(b / a for a, b in zip(raw["exclusive"], raw["interleaved"], strict=True))
    return Figure("interleaved", f"TPOT interleaved ÷ exclusive, {lane}", "×", LIMIT, values, raw={"tokens": tokens, "tpot_s": raw})


def _tpot(recording: Recording) -> list[float]:
    """Per lane."""
    values = [median([repeat.metrics.tpot_s for repeat in lane.repeats if not repeat.warmup]) for lane in recording.lanes]
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        raise BenchmarkError("a lane has no TPOT")
    return known
