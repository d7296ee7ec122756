"""Pages over scripted engines, served inside the test's own process: no program starts, and scripts may run in a hurry."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
HURRY = 0.4
"""Seconds that pass for each second of a script: the lanes' own clocks are exact either way."""


def hurried(seconds: float) -> None:
    time.sleep(HURRY * seconds)


class SlowEngine(ScriptedEngine):
    """Loads for a minute, unless it is stopped."""

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
    "plain": lambda: ScriptedFleet(ScriptedEngine(sleep=hurried)),
    "hostile": lambda: ScriptedFleet(ScriptedEngine(lambda lane: Script(words=PAYLOADS), hurried)),
    "failing": lambda: ScriptedFleet(ScriptedEngine(failing, hurried)),
    "late": lambda: ScriptedFleet(ScriptedEngine(lambda lane: Script(ttft_s=10))),
    "slow": lambda: ScriptedFleet(SlowEngine()),
    "none": NoFleet,
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def page_of(fleet: Fleet, cache_dir: Path, root_path: str = "", port: int | None = None) -> Iterator[str]:
    """The address of a page on this fleet; it is closed at the end, the fleet is not."""
    settings = Settings(engine="scripted", cache_dir=cache_dir)
    demo = build(settings, fleet, Runner(fleet.engine_for, settings.max_queued), load_presets(settings.presets_dir))
    where: dict[str, Any] = {"server_name": "127.0.0.1", "server_port": port or free_port(), "root_path": root_path}
    _, url, _ = demo.launch(prevent_thread_lock=True, **where, **launch_options(cache_dir))
    try:
        yield url.rstrip("/")
    finally:
        demo.close()


@contextmanager
def page_of_kind(kind: str, cache_dir: Path) -> Iterator[str]:
    """The address of a page whose engine is one of `FLEETS`."""
    with FLEETS[kind]() as fleet, page_of(fleet, cache_dir) as url:
        yield url
