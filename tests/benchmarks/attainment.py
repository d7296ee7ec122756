"""How long the page waits for an answer while a target is dragged: nine lanes, 20 repeats of 256 tokens each, another target each time.

In one process, without the browser: the table worked out and written as JSON, all timings read before. Thirty answers.
"""

from __future__ import annotations

import json
import time
from itertools import accumulate

from playground.analysis.slo import Target
from playground.timeline.events import RepeatFinished, RepeatStarted, StepsTaken
from playground.timeline.state import RunState
from playground.ui.live.targets import RunTimings
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import Setup
from tests.timelines import request, trace

LIMIT_MS = 100.0
LANES, REPEATS, TOKENS = 9, 20, 256


def run(setup: Setup) -> list[Figure]:
    view = _finished_run()
    timings = RunTimings(view.request)
    timings.read_on(view)
    waits_ms = tuple(_wait_ms(timings, number) for number in range(setup.pick(30, 5)))
    return [Figure("attainment", "an answer while a target is dragged", "ms", LIMIT_MS, waits_ms, "max")]


def _finished_run() -> RunState:
    labels = (f"bf16/top_k(k={k})" for k in range(1, LANES + 1))
    view = RunState(request(*labels, measure={"repeats": REPEATS}), "id", "")
    one = trace(list(accumulate(0.02 + 0.0001 * (step * 7 % 31) for step in range(TOKENS))))
    for lane in range(LANES):
        for number in range(REPEATS):
            view.apply(RepeatStarted(lane, number, False, one.prompt_tokens, one.tokenize_s, False, False))
            view.apply(StepsTaken(lane, number, one.steps, ()))
            view.apply(RepeatFinished(lane, number, one.end_s, one.end_wall_s, one.output_ids, one.finish, one.texts))
    return view


def _wait_ms(timings: RunTimings, number: int) -> float:
    began = time.perf_counter()
    json.dumps(timings.table(Target.own(ttft_s=0.02 + number / 1e3, tpot_s=0.021 + number / 1e4, e2e_s=5)))
    return 1e3 * (time.perf_counter() - began)
