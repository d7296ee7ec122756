"""The seam between a run and whatever decodes: a device's worker, a scripted timeline, later a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent


class Engine(Protocol):
    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        """Decodes the request's lanes of these indices and yields what happens.

        `first`: the number of the repeat to begin with, counted over warm-ups and repeats together: those before it are done, in a
        run that this one goes on from, and the order of lanes and the seeds are what they would have been there.
        Failures are `LaneFailed` events, never exceptions. After `cancel` is set the running repeats finish as "cancelled"
        and the iterator ends. When the iterator has ended (or was closed) the device is quiet.
        """

    def environment(self) -> Environment:
        """What runs here: device, versions, threads. May start the engine. Raises EngineError."""

    def close(self) -> None:
        """Gives everything back; the engine is not used again."""
