"""How long until the device is quiet after Stop: through the Runner and the worker process, beyond the step in flight.

A lane decodes; some steps in, at a moment drawn from a fixed seed so that it falls anywhere within a step, the run is cancelled, and
the clock runs until the run has given the device back (the worker has said that it ended). From that the lane's own median step is
taken off, which stands for the step in flight; at least zero remains. Seven times, for bf16 and for fp32 with eight rows, whose steps are
long; every single time must hold, so the largest value is held against the limit.
"""

from __future__ import annotations

import random
import time
from typing import Any

from playground.engines.local.client import LocalFleet
from playground.events import StepsTaken
from playground.runner import Run, Runner
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import BenchmarkError, Setup, measured

LIMIT_MS = 300.0
LANES = ("bf16", "fp32@8")
TOKENS, STEPS_BEFORE = 512, 5


def run(setup: Setup) -> list[Figure]:
    with LocalFleet(setup.settings) as fleet:
        runner = Runner(fleet.engine_for)
        return [_figure(setup, runner, lane, setup.pick(7, 2)) for lane in LANES]


def _figure(setup: Setup, runner: Runner, lane: str, trials: int) -> Figure:
    measured(runner, setup.request([lane], max_new_tokens=4, warmup=0))
    moments = random.Random(7)
    found = []
    for number in range(trials):
        one = _stopped(runner.start(setup.request([lane], max_new_tokens=TOKENS, warmup=0)), moments.uniform(0, 0.3))
        found.append(one)
        quiet_ms, step_ms = one["quiet_s"] * 1e3, one["step_s"] * 1e3
        setup.say(f"stop: {lane} {number + 1} of {trials}: quiet after {quiet_ms:.0f} ms, steps of {step_ms:.0f} ms")
    values = tuple(max(0.0, one["quiet_s"] - one["step_s"]) * 1e3 for one in found)
    return Figure("stop", f"Stop to quiet device less one step, {lane}", "ms", LIMIT_MS, values, judged="max", raw={"trials": found})


def _stopped(running: Run, wait_s: float) -> dict[str, Any]:
    steps = 0
    for event in running.events():
        steps += len(event.steps) if isinstance(event, StepsTaken) else 0
        if steps >= STEPS_BEFORE:
            break
    time.sleep(wait_s)
    began = time.perf_counter()
    running.cancel()
    running.wait_quiet(60)
    quiet_s = time.perf_counter() - began
    for _ in running.events():
        continue
    repeat = running.view.lanes[0].repeats[0] if running.view.lanes[0].repeats else None
    if repeat is None or repeat.finish[0] != "cancelled" or repeat.metrics.step_s is None:
        raise BenchmarkError("the run was not cut short by Stop")
    return {"quiet_s": quiet_s, "step_s": repeat.metrics.step_s, "steps": len(repeat.steps)}
