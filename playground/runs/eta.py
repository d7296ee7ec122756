"""How long a waiting run will probably wait: estimated from the tokens written and to write, and the seconds a token took. Pure; times
come in.

Counted are the tokens of each lane's longest row, whatever its batch and however many of them a step brings. That lanes differ in speed,
and that an answer may end early, is left out: a person who waits wants to know whether it is seconds or minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

from playground.timeline.events import Event, LaneFailed, RepeatFinished, RepeatStarted, RunStarted, StepsTaken
from playground.timeline.trace import TokenCounts

ENOUGH = 0.1
"""The share of a run's tokens after which its own pace says more than that of other runs: first tokens are slow."""
REMEMBERED = 8


class Progress:
    """How far one run has come. `passes`: repeats of each lane, warm-ups among them; `tokens`: of a row in one repeat, at most."""

    def __init__(self, lanes: Sequence[int], passes: int, tokens: int) -> None:
        self._tokens = tokens
        self._passes = dict.fromkeys(lanes, passes)
        self._written = {lane: TokenCounts() for lane in lanes}
        """In the repeat that each lane is in."""
        self._done = 0
        self._started_s: float | None = None
        self._decoding_s: float | None = None

    @property
    def remaining(self) -> int:
        """Tokens still to write."""
        return sum(max(0, passes * self._tokens - self._written[lane].longest) for lane, passes in self._passes.items())

    def add_passes(self, passes: int) -> None:
        """So many more of each lane that has not failed."""
        self._passes = {lane: left + passes for lane, left in self._passes.items()}

    def decoding_s(self, now_s: float) -> float:
        """Since the first repeat began; 0 before."""
        return 0.0 if self._decoding_s is None else now_s - self._decoding_s

    def observe(self, event: Event, now_s: float) -> None:
        """Takes note of an event that came at this time."""
        match event:
            case RunStarted():
                self._started_s = now_s
            case RepeatStarted():
                self._written[event.lane] = TokenCounts()
                self._decoding_s = now_s if self._decoding_s is None else self._decoding_s
            case StepsTaken():
                self._count(event)
            case RepeatFinished():
                if event.lane in self._passes:
                    self._passes[event.lane] -= 1
                self._written[event.lane] = TokenCounts()
            case LaneFailed():
                self._passes.pop(event.lane, None)
            case _:
                pass

    def _count(self, event: StepsTaken) -> None:
        written = self._written[event.lane]
        before = written.longest
        for step in event.steps:
            written.take(step)
        self._done += written.longest - before

    def remaining_s(self, now_s: float, usual_token_s: float | None) -> float | None:
        """Seconds until the run is over: by its own pace once enough is done, before that by what a token usually takes."""
        pace_s = self.pace_s(now_s)
        token_s = usual_token_s if pace_s is None else pace_s
        return None if token_s is None else self.remaining * token_s

    def pace_s(self, now_s: float) -> float | None:
        """Seconds a token since the first repeat began; None while too little is done."""
        if self._decoding_s is None or self._done < max(1.0, ENOUGH * (self._done + self.remaining)):
            return None
        return (now_s - self._decoding_s) / self._done

    def whole_pace_s(self, now_s: float) -> float | None:
        """Seconds a token of the whole run, loading included: what a run like it will take. None if it wrote no token."""
        return (now_s - self._started_s) / self._done if self._started_s is not None and self._done else None


class UsualPace:
    """What a token usually takes here, loading included: the median of the last runs."""

    def __init__(self) -> None:
        self._paces_s: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, pace_s: float | None) -> None:
        """A run's pace; None, of a run that has none, changes nothing."""
        if pace_s is not None:
            self._paces_s.append(pace_s)

    @property
    def token_s(self) -> float | None:
        """None while no run has finished."""
        return median(self._paces_s) if self._paces_s else None


def wait_s(running_s: float | None, waiting_tokens: int, token_s: float | None) -> float | None:
    """The wait behind a run that needs `running_s` more and waiting runs of so many tokens; None: unknown."""
    if running_s is None or (waiting_tokens and token_s is None):
        return None
    return running_s + waiting_tokens * (token_s or 0.0)
