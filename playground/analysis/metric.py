"""What a metric is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.analysis.stats import percentile
from playground.spec.measure import Measure
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

Unit = Literal["s", "tok/s", "tok/step", "req/s", "B", "×", "token", "share"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of one lane."""

    value: float | None = None
    """None: unknown or undefined. Infinite: what it counts to never comes."""
    count: int = 0
    """Of how many things it is; 0: it is known once."""
    ends: tuple[float, float] | None = None
    """Of its own 95 % interval, if it has one."""


@dataclass(frozen=True, slots=True)
class OfRepeat:
    """Known of each repeat. A lane's figure is the median over the repeats that count; lanes are compared by repeats that are pairs."""

    figure: Callable[[Trace], float | None]


@dataclass(frozen=True, slots=True)
class OfSamples:
    """A percentile of what a repeat has many of. A lane's figure is of all that the repeats that count have together."""

    samples: Callable[[Trace], Sequence[float]]
    percent: float
    noun: str
    """What one of them is called."""

    def figure(self, repeat: Trace) -> float | None:
        return percentile(self.samples(repeat), self.percent)


@dataclass(frozen=True, slots=True)
class OfLane:
    """Known once of a lane."""

    figure: Callable[[RunState, LaneState], Figure]
    noun: str = ""
    """What one of `Figure.count` is called."""
    kind: Callable[[LaneState], str | None] = lambda _lane: None
    """Stands beside the figure; only figures of one kind are compared."""
    least: float = 0.0
    """A figure below says nothing: it is not written out, and two of them are not compared."""
    parts: tuple[str, ...] = ()
    """Metrics that add up to it."""


def known(figure: Callable[[LaneState], float | None]) -> Callable[[RunState, LaneState], Figure]:
    return lambda _view, lane: Figure(figure(lane))


def always(_measure: Measure) -> bool:
    return True


def never(_measure: Measure) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Metric:
    title: str
    unit: Unit
    better: Better | None
    """None: says how the output differs from the baseline's, which is neither."""
    meaning: str
    """One sentence."""
    of: OfRepeat | OfSamples | OfLane
    name: str = ""
    """In a sentence, after "lane 1’s"; the title where it is empty."""
    main: Callable[[Measure], bool] = never
    """In which runs it is always shown; else on demand."""
    defined: Callable[[Measure], bool] = always
    """In which runs it means anything."""
    whole: bool = False
    """Says something of a whole answer only: not compared when a repeat was cut short."""
    compared: bool = True
    """Whether lanes are compared by it; not by what is a comparison itself."""

    @property
    def spoken(self) -> str:
        """Its name in a sentence."""
        return self.name or (self.title if self.title[:2].isupper() else self.title.lower())
