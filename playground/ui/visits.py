"""Who runs what: at most one run for each open page."""

from __future__ import annotations

import threading

from playground.runner import Run


class Visits:
    """Runs by the page's session. A page that starts anew, or goes away, gives up the run it had."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}

    def enter(self, session: str, run: Run) -> None:
        with self._lock:
            before, self._runs[session] = self._runs.get(session), run
        if before is not None:
            before.cancel()

    def run_of(self, session: str) -> Run | None:
        with self._lock:
            return self._runs.get(session)

    def cancel(self, session: str) -> None:
        """Asks the session's run to stop; nothing if it has none. Any number of times."""
        if (run := self.run_of(session)) is not None:
            run.cancel()

    def leave(self, session: str, run: Run) -> None:
        """The run is over, or nobody listens any more: it is cancelled and forgotten."""
        run.cancel()
        with self._lock:
            if self._runs.get(session) is run:
                del self._runs[session]
