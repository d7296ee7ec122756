"""The page over scripted lanes that each really write 50 tokens a second: `python -m tests.benchmarks.paced_page PORT`.

Each word is the wall clock's milliseconds when it was made, so that a browser can tell how old a text is when it shows it. Of a long
answer all but the last steps come at once: what a frame costs at its end can be measured without waiting for it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import Script, ScriptedEngine
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.presets import load_presets
from playground.timeline.events import LaneEvent, RepeatFinished, StepsTaken
from playground.timeline.trace import RowText
from playground.ui.page import build
from playground.ui.theme import launch_options

TPOT_S = 0.02
TTFT_S = 0.1
PACED_STEPS = 800
"""15 s of 50 tokens a second, and a margin; what a longer answer has before them comes at once."""


class PacedEngine(ScriptedEngine):
    """Scripted lanes on a wall clock: all of them together advance by a step in `TPOT_S`."""

    def __init__(self) -> None:
        super().__init__(lambda lane: Script(load_s=0, ttft_s=TTFT_S, tpot_s=TPOT_S), sleep=lambda seconds: None)

    def run(self, lanes, request, cancel, first=0) -> Iterator[LaneEvent]:  # type: ignore[no-untyped-def]
        began, taken = time.perf_counter(), 0
        hurried = max(0, request.measure.max_new_tokens - PACED_STEPS) * len(lanes)
        written = dict.fromkeys(lanes, "")
        for event in super().run(lanes, request, cancel, first):
            if isinstance(event, RepeatFinished):
                yield replace(event, texts=(written[event.lane],))
                continue
            if not isinstance(event, StepsTaken):
                yield event
                continue
            taken += 1
            due = began + max(0, taken - hurried) * TPOT_S / len(lanes)
            time.sleep(max(0.0, due - time.perf_counter()))
            stamp = f"{time.time() * 1e3:.0f} "
            written[event.lane] += stamp
            yield StepsTaken(event.lane, event.repeat, event.steps, (RowText(0, stamp),))


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(cache_dir=Path(cache), engine="scripted", max_rows_times_tokens=10**6)
        with ScriptedFleet(PacedEngine()) as fleet:
            demo = build(settings, fleet, Runner(fleet.engine_for, settings.max_queued), load_presets(settings.presets_dir))
            demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), **launch_options(settings.cache_dir))


if __name__ == "__main__":
    main()
