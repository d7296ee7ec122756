"""The probe: a stopping criterion that watches an unmodified `generate`, and the lane's own clock.

On the timed path it synchronizes the device, stamps, records ids, gives its turn away and checks for Stop; nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from playground.worker.device import Device

StopReason = Literal["cancelled", "timeout"]


class OwnClock:
    """A lane's own time: the wall's, less the turns given to other lanes. Seconds from `start`."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._zero, self._away = now, now(), 0.0

    def start(self) -> None:
        self._zero, self._away = self._now(), 0.0

    def read(self) -> tuple[float, float]:
        """(own, wall)"""
        wall = self._now() - self._zero
        return wall - self._away, wall

    def away(self, other: Callable[[], None]) -> None:
        """Runs `other` (the other lanes) with this clock standing still."""
        left = self._now()
        other()
        self._away += self._now() - left


@dataclass(frozen=True, slots=True)
class RawStep:
    """What the probe saw: per row all tokens since its last call, or for beams the best candidate's whole output so far."""

    t_s: float
    wall_s: float
    rows: list[list[int]]
    resumed: bool
    """Whether another lane had the device since this one's step before."""


class Probe:
    """Called by `generate` after each step with all ids so far, [sequences, tokens]. A step brings one token a row, or several: with
    speculation `generate` calls once for each accepted chunk.

    Beam search hands over its candidates, several a row of the batch, best first; else sequences are rows.
    """

    def __init__(
        self,
        device: Device,
        clock: OwnClock,
        rows: int,
        prompt_length: int,
        revises: bool,
        record: Callable[[RawStep], None],
        give_turn: Callable[[], bool],
        cancelled: Callable[[], bool],
        timeout_s: float,
    ) -> None:
        self._device, self._clock, self._record = device, clock, record
        self._rows, self._seen, self._revises = rows, prompt_length, revises
        self._give_turn, self._cancelled, self._timeout_s = give_turn, cancelled, timeout_s
        self._go_on = torch.zeros(rows, dtype=torch.bool, device=device.torch)
        self._resumed = False
        self.stopped: StopReason | None = None

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Per sequence whether it must end: none, or after Stop or the time limit all. Returns bool [sequences]."""
        self._device.synchronize()
        own_s, wall_s = self._clock.read()
        self._record(RawStep(own_s, wall_s, self._ids(input_ids), self._resumed))
        self._resumed = self._give_turn()
        # Stop is looked at after the turn came back: it may have been pressed meanwhile.
        if self._cancelled():
            self.stopped = "cancelled"
        elif own_s > self._timeout_s:
            self.stopped = "timeout"
        if len(self._go_on) != len(input_ids):
            self._go_on = self._go_on.new_zeros(len(input_ids))
        return self._go_on if self.stopped is None else torch.ones_like(self._go_on)

    def _ids(self, input_ids: torch.Tensor) -> list[list[int]]:
        if self._revises:
            input_ids = input_ids[:: len(input_ids) // self._rows]
        ids: list[list[int]] = input_ids[:, self._seen :].tolist()
        if not self._revises:
            self._seen = input_ids.shape[1]
        return ids
