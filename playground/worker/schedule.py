"""How the repeats of several lanes share one device: alone, in turns by their own clocks, or all at once.

Turns are given between greenlets on one thread, not between threads: measured, threads that pass a baton run half as fast, because each
thread's idle OpenMP team keeps spinning.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from greenlet import GreenletExit, getcurrent, greenlet

from playground.worker.device import Device
from playground.worker.probe import OwnClock

GiveTurn = Callable[[], bool]
"""Called between steps: whether another racer had the device before it returned."""


class Racer(Protocol):
    """A repeat of a lane that can give its turn away."""

    clock: OwnClock

    def run(self, give_turn: GiveTurn) -> None:
        """The whole repeat; calls `give_turn` between steps. Its failures are its own: raises nothing."""


def alone(racer: Racer) -> None:
    """Exclusive: the repeat from start to end."""
    racer.run(lambda: False)


def crowd(racers: Sequence[Racer], device: Device) -> None:
    """Contended: all at once, each on a thread of its own, which on CUDA has a stream of its own."""
    ready = threading.Barrier(len(racers))

    def body(racer: Racer) -> None:
        with device.stream():
            ready.wait()
            racer.run(lambda: False)

    device.synchronize()  # the threads' streams do not wait for what this one was given
    with ThreadPoolExecutor(len(racers), "lane", initializer=device.enter_thread) as threads:
        for running in [threads.submit(body, racer) for racer in racers]:
            running.result()


def race(racers: Sequence[Racer], device: Device, quantum_s: float) -> None:
    """Interleaved: the turn always goes to the racer whose own clock is furthest behind, and is kept for `quantum_s` of its own time
    (0: one step; short turns disturb the bf16 CPU kernels by some percent). Of equal ones the first comes first.

    `generate` draws from the process-wide random generator, so each racer's state is put back before its turn.
    """
    lanes = [_Turns(racer, device, quantum_s) for racer in racers]
    last: _Turns | None = None
    try:
        while running := [lane for lane in lanes if not lane.over]:
            behind = min(running, key=lambda lane: lane.own_s)
            behind.go_on(after_another=last is not behind)
            last = behind
    finally:
        for lane in lanes:
            lane.end()


class _Turns:
    """One racer and its turns."""

    def __init__(self, racer: Racer, device: Device, quantum_s: float) -> None:
        self._racer, self._device, self._quantum_s = racer, device, quantum_s
        self._hub = getcurrent()
        self._greenlet = greenlet(lambda: racer.run(self._give_turn))
        self._random = device.random_state()
        self._turn_began_s = 0.0
        self._after_another = False
        self.own_s = 0.0

    @property
    def over(self) -> bool:
        return bool(self._greenlet.dead)

    def go_on(self, after_another: bool) -> None:
        """The racer's next turn; returns when it gives it away or has finished."""
        self._after_another = after_another
        self._device.set_random_state(self._random)
        self._greenlet.switch()
        self._random = self._device.random_state()

    def end(self) -> None:
        """Ends a racer that is still in the middle; GreenletExit unwinds its `generate`."""
        if not self.over:
            self._greenlet.throw(GreenletExit)

    def _give_turn(self) -> bool:
        self.own_s, _ = self._racer.clock.read()
        if self.own_s - self._turn_began_s < self._quantum_s:
            return False
        self._racer.clock.away(self._hub.switch)
        self._turn_began_s = self.own_s
        return self._after_another
