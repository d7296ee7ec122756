"""Turns go to the racer whose own clock is furthest behind, and nobody's turn counts on another's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch

from playground.worker.device import Device
from playground.worker.probe import OwnClock
from playground.worker.schedule import crowd, race

QUANTUM_S = 0.1


class Time:
    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> float:
        return self.s


class Stepper:
    """A racer of equal steps on a made-up time."""

    def __init__(self, time: Time, step_s: float, steps: int, fails_at: int | None = None) -> None:
        self.clock, self._time, self._step_s, self._steps, self._fails_at = OwnClock(time.now), time, step_s, steps, fails_at
        self.own: list[float] = []
        self.wall: list[float] = []
        self.unwound = False
        self.resumed: list[bool] = []
        """After each step, whether another had the device before the next one."""
        self.on_step: Callable[[], None] = lambda: None

    @property
    def lived_s(self) -> float:
        return self.own[-1] if self.own else 0.0

    def run(self, give_turn: Callable[[], bool]) -> None:
        self.clock.start()
        try:
            for step in range(self._steps):
                if step == self._fails_at:
                    raise RuntimeError("made to fail")
                self._time.s += self._step_s
                own, wall = self.clock.read()
                self.own.append(own)
                self.wall.append(wall)
                self.on_step()
                self.resumed.append(give_turn())
        finally:
            self.unwound = True


def test_own_clocks_exclude_the_others() -> None:
    time = Time()
    slow, fast = Stepper(time, 0.2, 5), Stepper(time, 0.05, 20)
    race([slow, fast], Device("cpu"), QUANTUM_S)
    assert slow.own == pytest.approx([0.2 * n for n in range(1, 6)])
    assert fast.own == pytest.approx([0.05 * n for n in range(1, 21)])
    assert slow.wall[-1] > slow.own[-1]


def test_all_have_lived_equally_long_at_any_moment() -> None:
    time = Time()
    slow, fast = Stepper(time, 0.3, 10), Stepper(time, 0.1, 30)
    apart: list[float] = []
    slow.on_step = fast.on_step = lambda: apart.append(abs(slow.lived_s - fast.lived_s))
    race([slow, fast], Device("cpu"), QUANTUM_S)
    assert max(apart) <= 0.3 + 0.1 + 1e-9


def test_random_states_are_apart() -> None:
    draws: dict[int, list[float]] = {0: [], 1: []}

    class Drawer(Stepper):
        def __init__(self, index: int, time: Time) -> None:
            super().__init__(time, 0.2, 0)
            self._index, self._clock_time = index, time

        def run(self, give_turn: Callable[[], bool]) -> None:
            self.clock.start()
            torch.manual_seed(5)
            for _ in range(6):
                draws[self._index].append(torch.rand(()).item())
                self._clock_time.s += 0.2
                give_turn()

    time = Time()
    race([Drawer(0, time), Drawer(1, time)], Device("cpu"), QUANTUM_S)
    torch.manual_seed(5)
    alone = [torch.rand(()).item() for _ in range(6)]
    assert draws == {0: alone, 1: alone}


def test_survivors_are_unwound_when_the_race_breaks() -> None:
    time = Time()
    broken, survivor = Stepper(time, 0.2, 9, fails_at=2), Stepper(time, 0.2, 9)
    with pytest.raises(RuntimeError, match="made to fail"):
        race([broken, survivor], Device("cpu"), QUANTUM_S)
    assert survivor.unwound
    assert len(survivor.own) < 9


def test_a_turn_is_kept_for_the_quantum_and_the_change_is_told() -> None:
    time = Time()
    one, other = Stepper(time, 0.25, 6), Stepper(time, 0.25, 6)
    race([one, other], Device("cpu"), quantum_s=0.5)
    assert one.resumed == other.resumed == [False, True] * 3


def test_a_quantum_of_nothing_is_one_step() -> None:
    time = Time()
    one, other = Stepper(time, 0.25, 3), Stepper(time, 0.25, 3)
    race([one, other], Device("cpu"), quantum_s=0)
    assert one.resumed == other.resumed == [True] * 3


def test_one_racer_never_resumes() -> None:
    racer = Stepper(Time(), 0.25, 4)
    race([racer], Device("cpu"), quantum_s=0)
    assert racer.resumed == [False] * 4


def test_a_crowd_runs_at_once_on_threads_of_its_own() -> None:
    meeting = threading.Barrier(3, timeout=30)
    threads: set[int] = set()

    class Meeting(Stepper):
        def run(self, give_turn: Callable[[], bool]) -> None:
            meeting.wait()  # never comes to an end unless all are in it at once
            threads.add(threading.get_ident())
            assert not torch.is_grad_enabled()
            assert give_turn() is False

    crowd([Meeting(Time(), 1, 1) for _ in range(3)], Device("cpu"))
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_what_breaks_in_a_crowd_is_told() -> None:
    time = Time()
    with pytest.raises(RuntimeError, match="made to fail"):
        crowd([Stepper(time, 0.2, 3, fails_at=1), Stepper(time, 0.2, 3)], Device("cpu"))
