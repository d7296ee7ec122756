"""Who has the device, and who waits for it."""

from __future__ import annotations

import threading
import time
from collections import deque

from playground.errors import InputError
from playground.runs.run import Run

POLL_S = 0.1
"""How soon a waiting run notices that it was cancelled."""


class Queue:
    """Runs, first come first served. The first has the device."""

    def __init__(self, max_waiting: int) -> None:
        self._changed = threading.Condition()
        self._runs: deque[Run] = deque()
        self._max_waiting = max_waiting

    def enter(self, run: Run) -> None:
        """Puts a run at the end. Raises InputError when the queue is full."""
        with self._changed:
            if len(self._runs) > self._max_waiting:
                raise InputError("run", f"{self._max_waiting} runs are already waiting; try again when some have finished")
            self._runs.append(run)
            self._changed.notify_all()

    def ahead(self, run: Run) -> list[Run]:
        """The runs before this one, the one that has the device first."""
        with self._changed:
            return list(self._runs)[: self._runs.index(run)]

    def leave(self, run: Run) -> None:
        with self._changed:
            self._runs.remove(run)
            self._changed.notify_all()

    def wait_for_change(self, run: Run, seen: int, timeout_s: float) -> None:
        """Blocks until fewer than `seen` runs come before this one, it is cancelled, or the timeout."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while self._runs.index(run) >= seen and not run.cancelled.is_set() and time.monotonic() < until_s:
                self._changed.wait(POLL_S)

    def first(self, but: Run | None, timeout_s: float) -> Run | None:
        """The run that has the device, as soon as there is one other than `but`; None at the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._runs) and self._runs[0] is not but, timeout_s)
            return self._runs[0] if self._runs and self._runs[0] is not but else None
