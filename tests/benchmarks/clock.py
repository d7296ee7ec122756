"""Whether a trace tells the truth: E2E of an exclusive lane's trace ÷ bare `generate` timed from outside, 16 kinds of lanes.

fp32, bf16, int8 and nf4 of the embedded model, greedy and beam search, one row and eight. One process, one loaded model for both sides,
so that neither where the weights lie in memory nor another thread team differs: a lane's repeat as the worker makes it (probe, trace),
and the reader's own code, chat template, `generate` with nothing attached, detokenizing, between two looks at `time.perf_counter`. Both
must give the same token ids. They alternate, the order turned round from pair to pair, after one of each that is not counted; the figure
is the median of the pairs' ratios, and is to be within 2 % of 1.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import Child
from tests.benchmarks.setup import BenchmarkError, Setup

LIMIT = 0.02
PRECISIONS = ("fp32", "bf16", "int8", "nf4")
KINDS = ("", "/beam(num_beams=2)", "@8", "/beam(num_beams=2)@8")


def run(setup: Setup) -> list[Figure]:
    pairs = setup.pick(9, 1)
    with Child("tests.benchmarks.clocks", str(setup.folder)) as child:
        return [_figure(setup, child, precision + kind, pairs) for precision in PRECISIONS for kind in KINDS]


def _figure(setup: Setup, child: Child, lane: str, pairs: int) -> Figure:
    tokens = setup.pick(12 if "@" in lane else 32, 6)
    child.ask({"lane": lane, "tokens": tokens, "first": "trace"})
    measured: list[dict[str, Any]] = []
    for number in range(pairs):
        pair = child.ask({"lane": lane, "tokens": tokens, "first": "bare" if number % 2 else "trace"})
        if pair["trace_ids"] != pair["bare_ids"]:
            raise BenchmarkError(f"trace and bare generate gave different tokens in {lane}: they did not do the same work")
        measured.append(pair)
    ratios = tuple(pair["trace_s"] / pair["bare_s"] for pair in measured)
    setup.say(f"clock: {lane}: {'  '.join(f'{ratio:.3f}' for ratio in ratios)}")
    raw = {"tokens": tokens, "trace_s": [pair["trace_s"] for pair in measured], "bare_s": [pair["bare_s"] for pair in measured]}
    return Figure("clock", f"E2E by the trace ÷ by an independent clock, {lane}", "×", LIMIT, ratios, aim=1.0, raw=raw)
