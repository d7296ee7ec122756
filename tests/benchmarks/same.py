"""How often two identical lanes are called different: A/A runs of nf4 against nf4, real ones.

Through the worker process, exclusive and interleaved: each run has five counted repeats of 12 tokens of both lanes. The value is the
share of runs whose 95 % interval of the TPOT ratio leaves out 1. By chance alone that is one run in twenty, so of so few runs the share
itself is uncertain: simulated runs without number are in `tests/test_coverage.py`.
"""

from __future__ import annotations

from playground.engines.local.client import LocalFleet
from playground.recordings.writing import figures_of
from playground.runs.runner import Runner
from playground.spec.request import RunRequest
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import BenchmarkError, Setup, measured

LIMIT_PERCENT = 5.0
LANES = ["nf4", "nf4"]


def run(setup: Setup) -> list[Figure]:
    runs = setup.pick(40, 2)
    with LocalFleet(setup.settings) as fleet:
        runner = Runner(fleet.engine_for)
        return [_figure(setup, runner, schedule, runs) for schedule in ("exclusive", "interleaved")]


def _figure(setup: Setup, runner: Runner, schedule: str, runs: int) -> Figure:
    wanted = setup.request(LANES, schedule=schedule, max_new_tokens=12, warmup=1, repeats=5)
    intervals = [_interval(runner, wanted) for _ in range(runs)]
    apart = [not low <= 1 <= high for low, high in intervals]
    setup.say(f"same: {schedule}: {sum(apart)} of {runs} runs told two identical lanes apart")
    share = 100 * sum(apart) / runs
    return Figure("same", f"A/A runs called different, {schedule}, of {runs}", "%", LIMIT_PERCENT, (share,), raw={"intervals": intervals})


def _interval(runner: Runner, wanted: RunRequest) -> tuple[float, float]:
    comparison = figures_of(measured(runner, wanted)).lanes[1].comparison
    if comparison is None or comparison.low is None or comparison.high is None:
        raise BenchmarkError("a run gave no interval")
    return comparison.low, comparison.high
