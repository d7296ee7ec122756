"""One repeat of one lane on the device: the prompt encoded, an unmodified `generate` under the probe, the output read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteriaList

from playground.spec.lane import Lane
from playground.spec.measure import Measure
from playground.timeline.events import LaneFailed, RepeatFinished, RepeatStarted
from playground.timeline.trace import Finish
from playground.worker.device import Device, is_out_of_memory
from playground.worker.failures import first_line
from playground.worker.footprint import Footprint
from playground.worker.probe import OwnClock, Probe, RawStep
from playground.worker.prompts import Encoder, Prompts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedLane:
    """A lane with everything a repeat of it needs."""

    index: int
    lane: Lane
    model: PreTrainedModel
    encoder: Encoder
    prompts: Prompts
    prompt_tokens: tuple[int, ...]
    measure: Measure
    weights_bytes: int

    @property
    def revises(self) -> bool:
        return self.lane.decoding.revises

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a row; none when the length is fixed."""
        ends = None if self.measure.fixed_length else self.model.generation_config.eos_token_id
        return frozenset([ends] if isinstance(ends, int) else ends or [])


@dataclass(frozen=True, slots=True)
class RepeatPlan:
    """Which repeat it is: `number`, `cold` and `alone` as in `Trace`. `weighed`: its memory is looked at, which costs it some time."""

    number: int
    cold: bool = False
    alone: bool = False
    weighed: bool = False


@dataclass(frozen=True, slots=True)
class StartNote:
    """A repeat began; what turns its raw steps into events (see translate.py)."""

    event: RepeatStarted
    encoder: Encoder
    batch: int
    revises: bool
    end_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class StepNote:
    lane: int
    step: RawStep


RepeatNote = StartNote | StepNote | RepeatFinished | LaneFailed


class LaneRepeat:
    """A `Racer`. `emit` receives what happens, in order; it is called on the timed path and must only note it down."""

    def __init__(
        self, prepared: PreparedLane, plan: RepeatPlan, device: Device, emit: Callable[[RepeatNote], None], cancelled: Callable[[], bool]
    ) -> None:
        self._on, self._plan, self._device = prepared, plan, device
        self._emit, self._cancelled = emit, cancelled
        self.clock = OwnClock()
        self.failed = False

    def run(self, give_turn: Callable[[], bool]) -> None:
        """The whole repeat. What goes wrong in it fails this lane and no other."""
        if self._cancelled():
            return
        try:
            self._watched(give_turn)
        except Exception as error:
            if is_out_of_memory(error):
                self._fail("memory", f"out of memory on {self._device.name} while decoding: {first_line(error)}")
            else:
                log.exception("lane %s failed", self._on.index)
                self._fail("internal", f"decoding failed: {type(error).__name__}: {first_line(error)}")
        if self.failed:
            # After a device-side assert a CUDA context answers nothing any more: this raises, and the worker process ends and is replaced.
            self._device.synchronize()
            self._device.release()

    def _fail(self, kind: Any, message: str) -> None:
        self.failed = True
        self._emit(LaneFailed(self._on.index, kind, message))

    def _watched(self, give_turn: Callable[[], bool]) -> None:
        """The repeat, and what the machine did besides; its memory too if that is asked."""
        footprint = Footprint(self._device, self._on.model, self._on.weights_bytes) if self._plan.weighed else None
        before = self._device.watch.mark()
        with footprint.watching() if footprint else nullcontext():
            ended = self._generate(give_turn)
        memory = footprint.memory if footprint else None
        self._emit(replace(ended, conditions=self._device.watch.since(before), memory=memory))
        if "timeout" in ended.finish:
            tokens, measure = max(map(len, ended.output_ids)), self._on.measure
            self._fail(
                "timeout", f"stopped after {measure.timeout_s:g} s on its own clock, with {tokens} of {measure.max_new_tokens} tokens"
            )

    def _generate(self, give_turn: Callable[[], bool]) -> RepeatFinished:
        on, measure, plan = self._on, self._on.measure, self._plan
        torch.manual_seed(on.lane.decoding.seed_in(measure.seed))
        self.clock.start()
        inputs = on.encoder.encode(on.prompts, self._device)
        self._device.synchronize()
        tokenize_s, _ = self.clock.read()
        warmup = plan.number < measure.warmup
        self._emit(
            StartNote(
                RepeatStarted(on.index, plan.number, warmup, on.prompt_tokens, tokenize_s, plan.cold, plan.alone),
                on.encoder,
                on.lane.batch,
                on.revises,
                on.end_ids,
            )
        )
        prompt_length = inputs["input_ids"].shape[1]
        probe = self._probe(prompt_length, give_turn)
        ends = {"eos_token_id": None} if measure.fixed_length else {}
        output = on.model.generate(
            **inputs,
            **on.lane.decoding.generate_arguments(),
            **on.lane.variant.runtime.generate_arguments(),
            **ends,
            max_new_tokens=measure.max_new_tokens,
            pad_token_id=on.encoder.tokenizer.pad_token_id,
            stopping_criteria=StoppingCriteriaList([probe]),
        )
        rows = [until_end(ids, on.end_ids) for ids in output[:, prompt_length:].tolist()]
        texts = tuple(on.encoder.decode(row) for row in rows)
        end_s, end_wall_s = self.clock.read()
        finish = tuple(_finish(row, on, probe) for row in rows)
        output_ids = tuple(tuple(row) for row in rows)
        return RepeatFinished(on.index, plan.number, end_s, end_wall_s, output_ids, finish, texts)

    def _probe(self, prompt_length: int, give_turn: Callable[[], bool]) -> Probe:
        on = self._on
        return Probe(
            device=self._device,
            clock=self.clock,
            rows=on.lane.batch,
            prompt_length=prompt_length,
            revises=on.revises,
            record=lambda step: self._emit(StepNote(on.index, step)),
            give_turn=give_turn,
            cancelled=self._cancelled,
            timeout_s=on.measure.timeout_s,
        )


def until_end(ids: list[int], ends: frozenset[int]) -> list[int]:
    """A row up to and with its ending token; what follows is padding."""
    return next((ids[: place + 1] for place, token in enumerate(ids) if token in ends), ids)


def _finish(row: list[int], on: PreparedLane, probe: Probe) -> Finish:
    if row and row[-1] in on.end_ids:
        return "stop"
    return "length" if len(row) >= on.measure.max_new_tokens else probe.stopped or "length"
