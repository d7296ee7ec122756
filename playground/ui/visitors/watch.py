"""Somebody who only looks: the run in progress in their own live view, and then the next ones as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.ui.live.feed import following
from playground.ui.live.streams import Streams

_TITLE = "Shows the run in progress, whoever started it: what you see are other visitors’ answers. Stop ends watching, not the run."
WATCHING = "Watching: Stop ends it, and the run goes on"
NOTHING = "Nothing is running; waiting for the next run"

LOOK_S = 0.25
"""How often somebody who waits for the next run looks whether they should stop."""
QUIET_S = 1.0
"""How often they are given a turn while there is nothing to show."""


def watch_button(allowed: bool) -> Any:
    """The button; not there when the operator does not allow it."""
    return gr.Button("Watch", size="sm", elem_id="watch", visible=allowed)


def title_script() -> str:
    """What gives the button its explanation: Gradio's has no title."""
    return f"() => {{ const button = document.getElementById('watch'); if (button) button.title = {json.dumps(_TITLE)}; }}"


class Watching:
    """One visitor's watching, from their click until `stop` is set. `quiet`: nothing is streamed, not yet or not any more."""

    def __init__(self) -> None:
        self.stop, self.quiet = threading.Event(), threading.Event()
        self.quiet.set()


class Watchers:
    """Who watches: at most once for each open page."""

    def __init__(self, runner: Runner, streams: Streams) -> None:
        self._runner, self._streams = runner, streams
        self._lock = threading.Lock()
        self._watching: dict[str, Watching] = {}

    def enter(self, session: str) -> None:
        """The session's `stream` may begin."""
        self.leave(session)
        with self._lock:
            self._watching[session] = Watching()

    def leave(self, session: str) -> None:
        """Ends the session's watching, if it does, and returns when nothing of it is streamed any more. Any number of times."""
        with self._lock:
            watching = self._watching.pop(session, None)
            if watching is not None:
                watching.stop.set()
        if watching is not None:
            watching.quiet.wait(QUIET_S)

    def is_in(self, session: str) -> bool:
        with self._lock:
            return session in self._watching

    def stream(self, session: str) -> Iterator[str | None]:
        """What opens the live view, anew with each run; "": it goes on; None: there is no run."""
        with self._lock:
            if (watching := self._watching.get(session)) is None:
                return
            watching.quiet.clear()
        try:
            yield from self._follow(watching)
        finally:
            watching.quiet.set()
            with self._lock:
                if self._watching.get(session) is watching:  # they closed the page, and did not press Stop
                    del self._watching[session]

    def _follow(self, watching: Watching) -> Iterator[str | None]:
        run: Run | None = None
        while not watching.stop.is_set():
            if (started := self._next(watching, run)) is None:
                yield None
            else:
                run = started
                yield from self._live(watching, run)

    def _next(self, watching: Watching, after: Run | None) -> Run | None:
        for _ in range(round(QUIET_S / LOOK_S)):
            if (run := self._runner.next_run(after, LOOK_S)) or watching.stop.is_set():
                return run
        return None

    def _ends(self, watching: Watching, run: Run) -> bool:
        """Whether there is nothing more to see of the run; waits up to `QUIET_S` for that: each turn is a message, and 30 watch."""
        return any(run.wait_quiet(LOOK_S) or watching.stop.is_set() for _ in range(round(QUIET_S / LOOK_S)))

    def _live(self, watching: Watching, run: Run) -> Iterator[str | None]:
        """What opens the stream of a run, from its beginning; then a turn now and then until it is over or `stop` is set."""
        key = self._streams.watch(run)
        try:
            yield following(key)
            while not self._ends(watching, run):
                yield ""
        finally:
            self._streams.leave(key)
