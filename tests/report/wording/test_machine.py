"""A machine that was not quiet reads so, and one that was does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from playground.report.wording.machine import noise_words
from playground.timeline.state import RunState
from playground.timeline.trace import Conditions
from tests.timelines import Ran, played

QUIET = Conditions(others_share=0.02, stolen_share=0.0, swapped_bytes=0, throttled=0, clock_share=0.9, waited=12)


def run(*found: Conditions) -> RunState:
    """One lane, a repeat of each."""
    view = played({"bf16": Ran(tpot_s=[0.04] * len(found))})
    lane = view.lanes[0]
    lane.repeats = [replace(one, conditions=what) for one, what in zip(lane.repeats, found, strict=True)]
    return view


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"others_share": 0.34}, "among them, if they ran here) took up to 34 % of the processor in 1 of 3 repeats"),
        ({"stolen_share": 0.08}, "the host of this virtual machine took up to 8 % of the processor in 1 of 3 repeats"),
        ({"swapped_bytes": 5_000_000}, "up to 5.00 MB went to or from swap in 1 of 3 repeats"),
        ({"throttled": 2}, "the clock was held back for heat or power in 1 of 3 repeats"),
        ({"clock_share": 0.5}, "the clock lay between 50 % and 90 % of its highest"),
    ],
)
def test_what_disturbs_is_written_with_its_figure(found: dict[str, Any], words: str) -> None:
    line = noise_words(run(QUIET, replace(QUIET, **found), QUIET))
    assert line.startswith("Not a quiet machine: ")
    assert line.endswith(f"{words}.")


def test_of_a_quiet_machine_there_is_no_line() -> None:
    assert noise_words(run(QUIET)) == ""
