"""How many runs one visitor may have, and one address: so that nobody takes the whole queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from playground.errors import InputError
from playground.formatting import count
from playground.runs.run import Run
from playground.settings import Settings


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for a run.

    `name`: the one they signed in with; without sign-in an open page, or one `gradio_client`, counts as a visitor, for a classroom shares
    one address. Such a session names itself, so a script could have many: that is what the cap of the address is for.
    """

    name: str
    address: str


def visitor_of(request: gr.Request, trust_forwarded_for: bool) -> Visitor:
    """`trust_forwarded_for`: exactly one proxy is before this server, and the last address in X-Forwarded-For is what it saw."""
    address = request.client.host if request.client else "unknown"
    if trust_forwarded_for and (forwarded := request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()):
        address = forwarded
    return Visitor(f"user {request.username}" if request.username else f"session {request.session_hash}", address)


class Caps:
    """The runs of each visitor that wait or run. One that was stopped no longer counts, even while the device becomes quiet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._runs: list[tuple[Visitor, Run]] = []

    def start(self, request: gr.Request, begin: Callable[[], Run]) -> Run:
        """The run that `begin` starts, if the visitor may have one more. Raises InputError, also what `begin` raises."""
        settings, visitor = self._settings, visitor_of(request, self._settings.trust_forwarded_for)
        with self._lock:
            self._runs = [(one, run) for one, run in self._runs if not (run.cancelled.is_set() or run.wait_quiet(0.0))]
            _check(sum(one.name == visitor.name for one, _ in self._runs), settings.max_runs_per_visitor, "yours", "visitor")
            _check(sum(one.address == visitor.address for one, _ in self._runs), settings.max_runs_per_address, "your address", "address")
            run = begin()
            self._runs.append((visitor, run))
        return run


def _check(there: int, most: int, whose: str, owner: str) -> None:
    if there >= most:
        waiting = f"{count(there, 'run')} of {whose} {'is' if there == 1 else 'are'} waiting or running"
        raise InputError("run", f"{waiting}, the most that one {owner} may have here; try again when one has ended")
