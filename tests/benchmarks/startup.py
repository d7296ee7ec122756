"""How long until the page is there: `python app.py` in a ready environment until `GET /` answers 200 with the page.

Three starts, each in a new process on a free port, after one that is not counted (it compiles Python files and fills the page cache).
"""

from __future__ import annotations

from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import App
from tests.benchmarks.setup import Setup

LIMIT_S = 5.0


def run(setup: Setup) -> list[Figure]:
    starts = [_start(setup) for _ in range(1 + setup.pick(3, 1))]
    return [Figure("startup", "page ready after python app.py", "s", LIMIT_S, tuple(starts[1:]), raw={"uncounted_s": starts[0]})]


def _start(setup: Setup) -> float:
    with App() as app:
        setup.say(f"startup: ready after {app.ready_s:.2f} s")
        return app.ready_s
