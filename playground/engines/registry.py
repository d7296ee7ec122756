"""The kinds of engines there are, and those a process has: each opened when a lane first needs it.

Which kind decodes a lane follows from what its model's name stands for, as who answers a URL follows from its scheme: with
`--model demo=scripted:` the lane `demo:nf4` plays a script, while `nf4` beside it runs on this machine. An id that names no kind goes
to the one the settings name, PLAYGROUND_ENGINE: the local devices, or the script for all lanes. A new kind is a file with its engine and
an entry in `ENGINES`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from playground.engines.base import Engine
from playground.engines.scripted import ScriptedEngine
from playground.errors import NOT_LOADED, EngineError
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.timeline.environment import Environment


class Fleet(Protocol):
    """Which engine decodes a lane. A context manager: leaving it closes every engine."""

    def engine_for(self, lane: Lane, model_id: str = "") -> Engine:
        """The engine of a lane whose model stands for this id. Raises EngineError when this machine has no such device."""

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

    def engine_for(self, lane: Lane, model_id: str = "") -> Engine:
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


def _open_local(settings: Settings) -> Fleet:
    from playground.engines.local.client import LocalFleet

    return LocalFleet(settings)


def _open_scripted(_settings: Settings) -> Fleet:
    return ScriptedFleet(ScriptedEngine(sleep=time.sleep))


Open = Callable[[Settings], Fleet]
ENGINES: dict[str, Open] = {"local": _open_local, "scripted": _open_scripted}
"""What opens the engines of each kind."""


class Engines:
    """The engines of every kind as one fleet."""

    def __init__(self, settings: Settings, kinds: Mapping[str, Open] = ENGINES) -> None:
        self._settings, self._kinds = settings, kinds
        self._open: dict[str, Fleet] = {}
        self._lock = threading.Lock()

    def engine_for(self, lane: Lane, model_id: str = "") -> Engine:
        kind, colon, _ = model_id.partition(":")
        return self._fleet(kind if colon and kind in self._kinds else self._settings.engine).engine_for(lane, model_id)

    def environment(self) -> Environment:
        default = self._fleet(self._settings.engine)
        environment = default.environment()
        others = (*environment.other_devices, *(fleet.environment() for fleet in self._opened() if fleet is not default))
        return environment | Environment(other_devices=others) if others else environment

    def evict(self, key: str | None) -> None:
        holding = [fleet for fleet in self._opened() if key is None or key in _keys(fleet.environment())]
        if not holding:
            raise EngineError(NOT_LOADED)
        for fleet in holding:
            fleet.evict(key)

    def close(self) -> None:
        for fleet in self._opened():
            fleet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _opened(self) -> list[Fleet]:
        with self._lock:
            return list(self._open.values())

    def _fleet(self, kind: str) -> Fleet:
        with self._lock:
            if kind not in self._open:
                self._open[kind] = self._kinds[kind](self._settings)
            return self._open[kind]


def _keys(environment: Environment) -> set[str]:
    """Of what is loaded, on every device."""
    return {resident.key for device in environment.devices for resident in device.residents}


def open_fleet(settings: Settings) -> Fleet:
    """Every kind of engine, none of them started yet."""
    return Engines(settings)
