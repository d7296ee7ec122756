"""How long until the device is quiet after Stop: through the Runner and the worker process, beyond the step in flight.

A lane decodes; some steps in, at a moment drawn from a fixed seed so that it falls anywhere within a step, the run is cancelled, and
the clock runs until the run has given the device back (the worker has said that it ended). From that the lane's own median step is
taken off, which stands for the step in flight; at least zero remains. Seven times, for bf16 and for fp32 with eight rows, whose steps are
long; every single time must hold, so the largest value is held against the limit.

The last row goes through the whole app: a gradio_client runs bf16 by the `/run` endpoint, a second one waits in the queue behind it; the
first cancels, and the clock runs until the second has been told that its run began, for only then the device is known to be quiet. What
Gradio takes to notice, the next run's start and the up to 100 ms until its next message are in it, none of which is the device's; so its
median is judged, and its largest value is shown.
"""

from __future__ import annotations

import random
import time
from typing import Any

from gradio_client import Client

from playground.analysis.measuring import measure
from playground.engines.local.client import LocalFleet
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.timeline.events import StepsTaken
from tests.benchmarks.app import connected, through_app
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import App
from tests.benchmarks.setup import PROMPT, BenchmarkError, Setup, measured

LIMIT_MS = 300.0
LANES = ("bf16", "fp32@8")
TOKENS, STEPS_BEFORE = 512, 5


def run(setup: Setup) -> list[Figure]:
    with LocalFleet(setup.settings) as fleet:
        runner = Runner(fleet.engine_for)
        figures = [_figure(setup, runner, lane, setup.pick(7, 2)) for lane in LANES]
    return [*figures, _through_app(setup, setup.pick(7, 2))]


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


def _through_app(setup: Setup, trials: int) -> Figure:
    with App() as app:
        client = connected(app)
        step_s = through_app(client, "bf16", 16, 1, threads=None)["median_tpot_s"]
        found = []
        for number in range(trials):
            found.append({"handed_over_s": _handed_over_s(client, connected(app)), "step_s": step_s})
            setup.say(f"stop: app {number + 1} of {trials}: the next run began after {found[-1]['handed_over_s'] * 1e3:.0f} ms")
    values = tuple(max(0.0, one["handed_over_s"] - step_s) * 1e3 for one in found)
    return Figure("stop", "Stop in the app to the next run's begin, bf16", "ms", LIMIT_MS, values, judged="median", raw={"trials": found})


def _handed_over_s(first: Client, second: Client) -> float:
    """From the first client's cancel until the second, waiting behind it, sees its own run begin."""
    fields = {"lanes": ["bf16"], "prompts": [PROMPT], "fixed_length": True, "warmup": 0}
    running = first.submit(**fields, max_new_tokens=TOKENS, api_name="/run")
    next(message for message in running if message["lanes"][0]["tokens"] >= STEPS_BEFORE)
    waiting = second.submit(**fields, max_new_tokens=1, api_name="/run")
    next(message for message in waiting if message["ahead"] == 1)
    began = time.perf_counter()
    running.cancel()
    next(message for message in waiting if message["status"] != "waiting")
    handed_over_s = time.perf_counter() - began
    for _ in waiting:
        continue
    return handed_over_s


def _stopped(running: Run, wait_s: float) -> dict[str, Any]:
    steps, reader = 0, running.reader()
    for event in reader.events():
        steps += len(event.steps) if isinstance(event, StepsTaken) else 0
        if steps >= STEPS_BEFORE:
            break
    time.sleep(wait_s)
    began = time.perf_counter()
    running.cancel()
    running.wait_quiet(60)
    quiet_s = time.perf_counter() - began
    for _ in reader.events():
        continue
    repeat = reader.view.lanes[0].repeats[0] if reader.view.lanes[0].repeats else None
    if repeat is None or repeat.finish[0] != "cancelled" or measure(repeat).step_s is None:
        raise BenchmarkError("the run was not cut short by Stop")
    return {"quiet_s": quiet_s, "step_s": measure(repeat).step_s, "steps": len(repeat.steps)}
