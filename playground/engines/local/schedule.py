"""Lanes taking turns on one device thread: a race in which each lane's clock counts only its own time.

Greenlets, not threads: measured, threads that pass a baton run half as fast, because each thread's idle OpenMP team keeps spinning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from greenlet import GreenletExit, getcurrent, greenlet

from playground.engines.local.device import Device
from playground.engines.local.probe import OwnClock

QUANTUM_S = 0.1
"""A lane keeps its turn for this much of its own time: shorter ones disturb the bf16 CPU kernels by some percent."""


class Racer(Protocol):
    """A repeat of a lane that can give its turn away."""

    clock: OwnClock

    def run(self, give_turn: Callable[[], None]) -> None:
        """The whole repeat; calls `give_turn` between steps. Its failures are its own: raises nothing."""


def alone(racer: Racer) -> None:
    """Exclusive: the repeat from start to end."""
    racer.run(lambda: None)


def race(racers: Sequence[Racer], device: Device) -> None:
    """Interleaved: the turn always goes to the racer whose own clock is furthest behind.

    `generate` draws from the process-wide random generator, so each racer's state is put back before its turn.
    """
    lanes = [_Turns(racer, device) for racer in racers]
    try:
        while running := [lane for lane in lanes if not lane.over]:
            min(running, key=lambda lane: lane.own_s).go_on()
    finally:
        for lane in lanes:
            lane.end()


class _Turns:
    """One racer and its turns."""

    def __init__(self, racer: Racer, device: Device) -> None:
        self._racer, self._device = racer, device
        self._hub = getcurrent()
        self._greenlet = greenlet(lambda: racer.run(self._give_turn))
        self._random = device.random_state()
        self._turn_began_s = 0.0
        self.own_s = 0.0

    @property
    def over(self) -> bool:
        return bool(self._greenlet.dead)

    def go_on(self) -> None:
        """The racer's next turn; returns when it gives it away or has finished."""
        self._device.set_random_state(self._random)
        self._greenlet.switch()
        self._random = self._device.random_state()

    def end(self) -> None:
        """Ends a racer that is still in the middle; GreenletExit unwinds its `generate`."""
        if not self.over:
            self._greenlet.throw(GreenletExit)

    def _give_turn(self) -> None:
        self.own_s, _ = self._racer.clock.read()
        if self.own_s - self._turn_began_s < QUANTUM_S:
            return
        self._racer.clock.away(self._hub.switch)
        self._turn_began_s = self.own_s
