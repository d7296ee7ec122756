"""Pages over engines made for one test each: `python -m tests.pages KIND PORT [--root-path /prefix]`."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer

from playground.engines.registry import Fleet, ScriptedFleet
from playground.engines.scripted import Script, ScriptedEngine, script_of
from playground.errors import EngineError
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.presets import load_presets
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent
from playground.ui.page import build
from playground.ui.theme import launch_options

PAYLOADS = ("<img src=x onerror=window.hacked=1>", "${window.hacked=1}", "{{window.hacked=1}}", "</script><script>window.hacked=1</script>")


class SlowEngine(ScriptedEngine):
    """Loads for a minute, unless it is told to stop."""

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        for event in super().run(lanes, request, cancel, first):
            yield event
            if cancel.wait(60):
                return


class NoFleet(ScriptedFleet):
    """A machine whose device cannot be used."""

    def __init__(self) -> None:
        super().__init__(ScriptedEngine())

    def engine_for(self, lane: Lane, model_id: str = "") -> ScriptedEngine:
        raise EngineError("the worker process did not start: no model reachable")

    def environment(self) -> Environment:
        raise EngineError("the worker process did not start: no model reachable")


def failing(lane: Lane) -> Script:
    """int8 fails after five tokens; the others go on."""
    return Script(fails_after=5) if lane.variant.weights.scheme == "int8" else script_of(lane)


FLEETS: dict[str, Callable[[], Fleet]] = {
    "hostile": lambda: ScriptedFleet(ScriptedEngine(lambda lane: Script(words=PAYLOADS))),
    "failing": lambda: ScriptedFleet(ScriptedEngine(failing)),
    "slow": lambda: ScriptedFleet(SlowEngine()),
    "late": lambda: ScriptedFleet(ScriptedEngine(lambda lane: Script(ttft_s=10))),
    "none": NoFleet,
    "plain": lambda: ScriptedFleet(ScriptedEngine()),
}


def main(kind: str, port: int, root_path: str = "") -> None:
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(cache_dir=Path(cache), engine="scripted")
        with FLEETS[kind]() as fleet:
            demo = build(settings, fleet, Runner(fleet.engine_for, settings.max_queued), load_presets(settings.presets_dir))
            demo.launch(server_name="127.0.0.1", server_port=port, root_path=root_path, **launch_options(settings.cache_dir))


if __name__ == "__main__":
    typer.run(main)
