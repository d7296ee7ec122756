"""Who runs what: at most one run for each open page, and the last that went to its end, to go on from."""

from __future__ import annotations

import threading

from playground.runs.run import Run

KEPT = 64
"""Finished runs that are kept, of the last visitors: each holds all its events."""


class Visits:
    """Runs by the page's session. A page that starts anew, or goes away, gives up the run it had."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._finished: dict[str, Run] = {}

    def enter(self, session: str, run: Run) -> None:
        with self._lock:
            before, self._runs[session] = self._runs.get(session), run
            self._finished.pop(session, None)
        if before is not None:
            before.cancel()

    def run_of(self, session: str) -> Run | None:
        with self._lock:
            return self._runs.get(session)

    def finished(self, session: str) -> Run | None:
        """The session's last run, if it went to its end."""
        with self._lock:
            return self._finished.get(session)

    def cancel(self, session: str) -> None:
        """Asks the session's run to stop; nothing if it has none. Any number of times."""
        if (run := self.run_of(session)) is not None:
            run.cancel()

    def keep(self, session: str, run: Run) -> None:
        """The run went to its end and may go on."""
        with self._lock:
            if self._runs.get(session) is run:
                self._finished[session] = run
            while len(self._finished) > KEPT:
                del self._finished[next(iter(self._finished))]

    def leave(self, session: str, run: Run) -> None:
        """The run is over, or nobody listens any more: it is cancelled and forgotten."""
        run.cancel()
        with self._lock:
            if self._runs.get(session) is run:
                del self._runs[session]

    def forget(self, session: str) -> None:
        """The page is gone."""
        self.cancel(session)
        with self._lock:
            self._runs.pop(session, None)
            self._finished.pop(session, None)
