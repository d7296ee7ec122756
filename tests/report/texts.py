"""Free texts that a document must not take for anything but text."""

from __future__ import annotations

from hypothesis import strategies as st

from playground.timeline.environment import Environment
from playground.timeline.events import RunStarted
from playground.timeline.state import RunState
from tests.timelines import Ran, played

nasty = st.text(st.sampled_from("=+-@\t\r\n|\\`*_[]<>,;\"'~&$ aä…") | st.characters(codec="utf-8"), max_size=30)


def failing(error: str, model: str = "x", device: str = "cpu") -> RunState:
    """A run whose free texts are these: the reason of a failure, a model's id, the machine's name."""
    view = played({"bf16": Ran(), "nf4": Ran(tokens=0, error=error)}, models={"smollm2-135m": model})
    view.apply(RunStarted((), Environment(device_name=device)))
    return view
