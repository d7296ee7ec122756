"""How long a waiting run will probably wait: estimated from the steps done and to do, and the seconds a step took. Pure; times come in.

A step is one decode event of one lane, whatever its batch. That lanes differ in speed, and that an answer may end early, is
left out: a person who waits wants to know whether it is seconds or minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

from playground.timeline.events import Event, LaneFailed, RepeatFinished, RepeatStarted, RunStarted, StepsTaken

ENOUGH = 0.1
"""The share of a run's steps after which its own pace says more than that of other runs: first tokens are slow."""
REMEMBERED = 8


class Progress:
    """How far one run has come. `passes`: repeats of each lane, warm-ups among them; `steps`: of one repeat, at most."""

    def __init__(self, lanes: Sequence[int], passes: int, steps: int) -> None:
        self._steps = steps
        self._passes = dict.fromkeys(lanes, passes)
        self._taken = dict.fromkeys(lanes, 0)
        self._done = 0
        self._started_s: float | None = None
        self._decoding_s: float | None = None

    @property
    def rest(self) -> int:
        """Steps still to do."""
        return sum(max(0, passes * self._steps - self._taken[lane]) for lane, passes in self._passes.items())

    def longer(self, passes: int) -> None:
        """So many more of each lane that has not failed."""
        self._passes = {lane: rest + passes for lane, rest in self._passes.items()}

    def decoding_s(self, now_s: float) -> float:
        """Since the first repeat began; 0 before."""
        return 0.0 if self._decoding_s is None else now_s - self._decoding_s

    def see(self, event: Event, now_s: float) -> None:
        match event:
            case RunStarted():
                self._started_s = now_s
            case RepeatStarted():
                self._taken[event.lane] = 0
                self._decoding_s = now_s if self._decoding_s is None else self._decoding_s
            case StepsTaken():
                self._taken[event.lane] += len(event.steps)
                self._done += len(event.steps)
            case RepeatFinished():
                if event.lane in self._passes:
                    self._passes[event.lane] -= 1
                self._taken[event.lane] = 0
            case LaneFailed():
                self._passes.pop(event.lane, None)
            case _:
                pass

    def rest_s(self, now_s: float, usual_s: float | None) -> float | None:
        """Seconds until the run is over: by its own pace once enough is done, before that by what a step usually takes."""
        pace_s = self.pace_s(now_s)
        return self.rest * pace_s if pace_s is not None else self.rest * usual_s if usual_s is not None else None

    def pace_s(self, now_s: float) -> float | None:
        """Seconds a step since the first repeat began; None while too little is done."""
        if self._decoding_s is None or self._done < max(1.0, ENOUGH * (self._done + self.rest)):
            return None
        return (now_s - self._decoding_s) / self._done

    def whole_pace_s(self, now_s: float) -> float | None:
        """Seconds a step of the whole run, loading included: what a run like it will take. None if it did no step."""
        return (now_s - self._started_s) / self._done if self._started_s is not None and self._done else None


class UsualPace:
    """What a step usually takes here, loading included: the median of the last runs."""

    def __init__(self) -> None:
        self._paces_s: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, pace_s: float | None) -> None:
        if pace_s is not None:
            self._paces_s.append(pace_s)

    @property
    def step_s(self) -> float | None:
        """None while no run has finished."""
        return median(self._paces_s) if self._paces_s else None


def wait_s(running_rest_s: float | None, waiting_steps: int, step_s: float | None) -> float | None:
    """The wait behind a run that needs `running_rest_s` more and waiting runs of so many steps; None: unknown."""
    if running_rest_s is None or (waiting_steps and step_s is None):
        return None
    return running_rest_s + waiting_steps * (step_s or 0.0)
