"""How long a change of variant takes when nothing has to be read: from asked for to ready, as lanes are told it (`load_s`).

One process with a `Worker` and the embedded model. Per precision the base is loaded and then asked for again and again in turn with an
adapter (untrained, rank 16, on every linear layer: 210 places) and a batch whose rows have two adapters and none. The first row is every
time a variant that was resident was asked for, the worst of them; the second the adapter put on a resident base that has run and had
no view of it; the others the same ÷ that precision's base loaded from cold files in the same process (a bf16 base on a CPU is only mapped).
"""

from __future__ import annotations

from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import Child
from tests.benchmarks.reload import loaded
from tests.benchmarks.setup import Setup

PRECISIONS = ("bf16", "int8", "nf4")
RESIDENT_MS, ATTACHED_MS, OF_COLD = 50.0, 1000.0, {"int8": 1.0, "nf4": 1 / 3}


def run(setup: Setup) -> list[Figure]:
    resident: list[float] = []
    attached: list[float] = []
    of_cold: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    with Child("tests.benchmarks.loads", str(setup.folder)) as child:
        for precision in PRECISIONS:
            loaded(child, precision)
            for number in range(setup.pick(5, 1)):
                child.ask({"forget": True})
                cold_s = loaded(child, precision, "cold")["load_s"]
                attached_s = loaded(child, f"{precision}+random-r16", "attached")["load_s"]
                attached.append(attached_s * 1e3)
                of_cold[precision].append(attached_s / cold_s)
                loaded(child, f"{precision}+random-r16|none|random-r8@3", "attached")
                lanes = (precision, f"{precision}+random-r16", f"{precision}+random-r16|none|random-r8@3")
                resident += [loaded(child, lane, "resident")["load_s"] * 1e3 for lane in lanes]
                setup.say(f"exchange: {precision} {number + 1}: attached {attached[-1]:.0f} ms, cold {cold_s * 1e3:.0f} ms")
    return [
        Figure("exchange", "a resident variant, asked for to ready", "ms", RESIDENT_MS, tuple(resident), judged="max"),
        Figure("exchange", "an adapter put on a resident base", "ms", ATTACHED_MS, tuple(attached)),
        *(
            Figure("exchange", f"the same ÷ cold load of the base, {one}", "×", limit, tuple(of_cold[one]))
            for one, limit in OF_COLD.items()
        ),
    ]
