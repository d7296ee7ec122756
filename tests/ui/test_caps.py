"""Caps: by name, else by page; by address too; and only of runs that still want the device."""

from __future__ import annotations

import gradio as gr
import pytest
from starlette.requests import Request

from playground.errors import InputError
from playground.runs.run import Run
from playground.settings import Settings
from playground.ui.visitors.caps import Caps, visitor_of
from tests.timelines import request


def asked(session: str, address: str = "10.0.0.1", user: str | None = None, forwarded: str | None = None) -> gr.Request:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    scope = {"type": "http", "headers": headers, "client": (address, 5)}
    return gr.Request(Request(scope), username=user, session_hash=session)


@pytest.fixture
def caps() -> Caps:
    return Caps(Settings(max_runs_per_visitor=2, max_runs_per_address=3))


def begin() -> Run:
    """One that never ends by itself."""
    return Run(request("bf16"))


def test_a_page_has_its_share_and_another_page_its_own(caps: Caps) -> None:
    for _ in range(2):
        caps.start(asked("a"), begin)
    with pytest.raises(InputError, match="run: 2 runs of yours are waiting or running, the most that one visitor may have here"):
        caps.start(asked("a"), begin)
    caps.start(asked("b"), begin)


def test_an_address_has_its_share_whatever_its_pages_are_called(caps: Caps) -> None:
    for session in "abc":
        caps.start(asked(session), begin)
    with pytest.raises(InputError, match="run: 3 runs of your address are waiting or running, the most that one address may have here"):
        caps.start(asked("d"), begin)
    caps.start(asked("d", address="10.0.0.2"), begin)


def test_who_signs_in_is_one_visitor_on_all_pages(caps: Caps) -> None:
    for session in "ab":
        caps.start(asked(session, user="ada"), begin)
    with pytest.raises(InputError, match="of yours"):
        caps.start(asked("c", address="10.0.0.2", user="ada"), begin)
    caps.start(asked("c", user="ben"), begin)


def test_a_stopped_run_no_longer_counts(caps: Caps) -> None:
    runs = [caps.start(asked("a"), begin) for _ in range(2)]
    runs[0].cancel()
    caps.start(asked("a"), begin)


def test_a_start_that_is_refused_counts_for_nothing(caps: Caps) -> None:
    def full() -> Run:
        raise InputError("run", "the queue is full")

    for _ in range(3):
        with pytest.raises(InputError, match="queue is full"):
            caps.start(asked("a"), full)
    caps.start(asked("a"), begin)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (False, "1.1.1.1", "10.0.0.1"),
        (True, "1.1.1.1", "1.1.1.1"),
        (True, "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        (True, None, "10.0.0.1"),
        (True, " ", "10.0.0.1"),
    ],
)
def test_the_address_behind_a_proxy_is_taken_only_when_it_is_trusted(trusted: bool, forwarded: str | None, address: str) -> None:
    assert visitor_of(asked("a", forwarded=forwarded), trusted).address == address
