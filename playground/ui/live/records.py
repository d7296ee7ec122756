"""The records that the browser is fed (`feed.py`), as types. `make types` writes `feed.d.ts` from them, for the scripts beside it."""

from __future__ import annotations

from typing import Literal, TypedDict

from playground.report.charts.palette import Palette
from playground.timeline.state import LanePhase, RunStatus
from playground.ui.live.chart_feed import ChartRecord, FigureChange
from playground.ui.live.section_feed import SectionsChanges, SectionsStart
from playground.ui.live.targets import TargetChoice

RowChange = tuple[int, int | None, str]
"""A row, how many characters of its text stand (None: all), and what follows."""

Standing = int | tuple[int, int]
"""Tokens that stand; of several rows all together, and those of the row that has most."""

Step = tuple[float, Standing, *tuple[str | list[RowChange], ...]]
"""Its end in ms on its lane's own clock, the tokens that stand, and what it did to the text (left out: nothing; a string: appended)."""


class Left(TypedDict):
    """Instead of a run's first record: what is shown stays, and nothing follows."""

    left: Literal[True]


class Following(TypedDict):
    """Instead of a run's first record: the key to ask for its records with."""

    key: str


class LaneRecord(TypedDict):
    """What of a lane stands before anything has run."""

    label: str
    short: str
    tag: str
    batch: int
    code: str


class Start(SectionsStart):
    """What the browser draws when a run begins."""

    idle: bool
    """Nothing runs yet."""
    watching: bool
    """It is somebody else's run."""
    key: str
    """What its lanes' attainment of a target is asked for with."""
    lanes: list[LaneRecord]
    baseline: int
    prompts: int
    tokens: int
    adapters: bool
    measure: str
    charts: dict[str, ChartRecord]
    palettes: dict[str, Palette]
    targets: TargetChoice


class First(TypedDict):
    """A run's first record."""

    run: str
    start: Start


class LaneChanges(TypedDict, total=False):
    """What of a lane is another since the frame before."""

    fresh: bool
    """The first counted repeat begins: its text is empty."""
    steps: list[Step]
    warm: int
    """The tokens of a warm-up so far."""
    text: list[RowChange]
    """Changes that no step made."""
    state: LanePhase
    words: str
    fraction: float | None
    """Of a download."""
    unsure: str
    basis: str
    ttft: str
    tpot: str
    ratio: str
    rate: str
    row_rate: str
    memory: str
    memory_parts: str
    cold: str
    e2e: str
    e2e_ms: float | None
    swap: str
    every_swap: str
    adapters: str
    change: str
    compared: str
    compared_whole: str
    neighbours: str
    phases: list[tuple[float, str]]
    """Where the time went, in ms and in words."""
    phases_of: str


class Frame(SectionsChanges, total=False):
    """What is another since the frame before."""

    state: RunStatus
    verdict: str
    beneath: str
    repeats: int
    measure: str
    words: str
    note: str
    charts: dict[str, FigureChange]
    lanes: dict[str, LaneChanges]
    """By their places."""
