"""What the commands work with, and what they end with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from playground.engines.registry import Fleet, open_fleet
from playground.settings import Settings

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
"""Exit codes: a lane failed, a mistake in what was given, stopped."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the commands work with; tests give their own."""

    settings: Settings
    open_fleet: Callable[[Settings], Fleet] = open_fleet


def complain(sentence: str, code: int) -> int:
    """One line on standard error. Returns the exit code."""
    sys.stderr.write(f"playground: {' '.join(sentence.split())}\n")
    return code
