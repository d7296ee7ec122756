"""How much faster a quantized variant comes back: its second load ÷ its first, through the first forward.

In one process with a `Worker`, per precision: the pre-quantized copies are thrown away, the variant is loaded (cold: read, quantized, the
copy written, first forward), evicted, and loaded again (from the copy, first forward). Five times; the weights' file stays in the page
cache for both. Each value is one pair's `load_s` ratio, the figure their median. A first load not told as cold, or a second one not told
as prequantized, is an error, not a figure. One unmeasured cold load of the same precision goes before, so that imports and kernel choice
are in neither side.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import Child
from tests.benchmarks.setup import BenchmarkError, Setup

LIMITS = {"nf4": 1 / 3, "int8": 0.65}


def run(setup: Setup) -> list[Figure]:
    with Child("tests.benchmarks.loads", str(setup.folder)) as child:
        return [_figure(setup, child, precision, setup.pick(5, 1)) for precision in LIMITS]


def _figure(setup: Setup, child: Child, precision: str, pairs: int) -> Figure:
    loaded(child, precision)
    found = []
    for number in range(pairs):
        child.ask({"forget": True})
        first = loaded(child, precision, "cold")
        child.ask({})
        second = loaded(child, precision, "prequantized")
        found.append({"first_s": first["load_s"], "second_s": second["load_s"]})
        setup.say(f"reload: {precision} {number + 1} of {pairs}: {second['load_s']:.2f} s ÷ {first['load_s']:.2f} s")
    child.ask({"forget": True})
    values = tuple(pair["second_s"] / pair["first_s"] for pair in found)
    return Figure("reload", f"second load ÷ first, {precision}", "×", LIMITS[precision], values, raw={"pairs": found})


def loaded(child: Child, lane: str, kind: str | None = None) -> dict[str, Any]:
    """The child's answer to a load. Raises BenchmarkError when it failed or was of another kind."""
    answer = child.ask({"lane": lane})
    if "error" in answer:
        raise BenchmarkError(f"{lane}: {answer['error']}")
    if kind is not None and answer["load_kind"] != kind:
        raise BenchmarkError(f"{lane}: loaded as {answer['load_kind']}, expected {kind}")
    return answer
