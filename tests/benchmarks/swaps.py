"""Whether swapping variants leaks: thirty swaps in one worker, its anonymous memory from the second cycle on.

One process with a `Worker` cycles nf4, int8, bf16, fp32: load, decode two tokens, evict. The first cycle (which also writes the
pre-quantized copies) is not looked at. A value of the first row is a precision's growth from its sample in the second cycle to the median
of its last two, RssAnon read with the variant loaded; the figure is the worst of the four. RssAnon, because safetensors maps files and RSS
would count them. The second row is the same with everything evicted, where a leak is a larger share: the median of the last four samples,
one cycle, against that of the second cycle (medians, because what fp32 leaves behind until the next load comes and goes).
"""

from __future__ import annotations

import statistics

from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import Child
from tests.benchmarks.reload import loaded
from tests.benchmarks.setup import Setup

LIMIT = 5.0
CYCLE = ("nf4", "int8", "bf16", "fp32")


def run(setup: Setup) -> list[Figure]:
    swaps = setup.pick(30, 8)
    held: dict[str, list[int]] = {lane: [] for lane in CYCLE}
    empty: dict[str, list[int]] = {lane: [] for lane in CYCLE}
    with Child("tests.benchmarks.loads", str(setup.folder)) as child:
        for number in range(len(CYCLE) + swaps):
            lane = CYCLE[number % len(CYCLE)]
            held[lane].append(loaded(child, lane)["rss_anon_bytes"])
            empty[lane].append(child.ask({})["rss_anon_bytes"])
            setup.say(
                f"swaps: {number + 1} of {len(CYCLE) + swaps}: {lane} {held[lane][-1] / 1e6:.0f} MB, then {empty[lane][-1] / 1e6:.0f} MB"
            )
    return [_figure("variant loaded", swaps, held, _by_lane(held)), _figure("all evicted", swaps, empty, _by_cycle(empty))]


def _by_lane(samples: dict[str, list[int]]) -> tuple[float, ...]:
    """Each lane's growth in percent."""
    return tuple((statistics.median(taken[-2:]) / taken[1] - 1) * 100 for taken in samples.values())


def _by_cycle(samples: dict[str, list[int]]) -> tuple[float, ...]:
    """The growth in percent from the second cycle to the last."""
    second, last = ([taken[index] for taken in samples.values()] for index in (1, -1))
    return ((statistics.median(last) / statistics.median(second) - 1) * 100,)


def _figure(name: str, swaps: int, samples: dict[str, list[int]], growth: tuple[float, ...]) -> Figure:
    return Figure("swaps", f"RssAnon growth over {swaps} swaps, {name}", "%", LIMIT, growth, judged="max", raw={"rss_anon_bytes": samples})
