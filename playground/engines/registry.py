"""The engines a process has: one a device, opened when first needed."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from playground.engines.base import Engine
from playground.engines.scripted import ScriptedEngine
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.timeline.environment import Environment


class Fleet(Protocol):
    """Which engine decodes a lane. A context manager: leaving it closes every engine."""

    def engine_for(self, lane: Lane) -> Engine:
        """Raises EngineError when this machine has no such device."""

    def environment(self) -> Environment:
        """Of the default device; those of others in use under "other_devices". Raises EngineError."""

    def evict(self, key: str | None) -> None:
        """Gives back the memory of the resident of this key, of all with None; `environment` is then up to date.

        Raises EngineError while a run is on, and when there is no such resident.
        """

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class ScriptedFleet:
    """One scripted engine for every lane."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine

    def engine_for(self, lane: Lane) -> Engine:
        return self._engine

    def environment(self) -> Environment:
        return self._engine.environment()

    def evict(self, key: str | None) -> None:
        self._engine.evict(key)

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_fleet(settings: Settings) -> Fleet:
    """The engines the settings ask for."""
    if settings.engine == "scripted":
        return ScriptedFleet(ScriptedEngine(sleep=time.sleep))
    from playground.engines.local.client import LocalFleet

    return LocalFleet(settings)
