"""One run on the device thread: plan what can be refused, load, repeat, in the order the schedule says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import torch

from playground.models.folders import SourceError, StatusCallback, origin
from playground.models.hub import Cancelled, ProgressCallback
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.events import FailureKind, LaneCompared, LaneEvent, LaneFailed, LaneLoaded, LaneStatus, RepeatFinished
from playground.timeline.facts import AdapterFacts, LaneFacts
from playground.worker.adapters import Adapter, AdapterError
from playground.worker.agreement import Likeliest, RowInput, agreement, read_answers
from playground.worker.device import Device
from playground.worker.embedded import bring_model
from playground.worker.estimate import ModelSizes
from playground.worker.failures import LoadError, first_line
from playground.worker.loading import BaseSpec
from playground.worker.pool import NoMemory, Pool, Resident, VariantPlan
from playground.worker.prequantized import Identity
from playground.worker.prompts import Encoder, PromptError, Prompts
from playground.worker.repeat import LaneRepeat, PreparedLane, RepeatNote, RepeatPlan
from playground.worker.schedule import alone as run_alone
from playground.worker.schedule import crowd, race

log = logging.getLogger(__name__)

_FAILURES: dict[type[Exception], FailureKind] = {
    SourceError: "model",
    LoadError: "model",
    AdapterError: "adapter",
    PromptError: "bad_input",
    NoMemory: "memory",
    torch.OutOfMemoryError: "memory",
}
P = ParamSpec("P")
T = TypeVar("T")


class Workplace(Protocol):
    """What a job uses of its worker."""

    device: Device
    pool: Pool
    cache_dir: Path

    def use_threads(self, count: int | None) -> None: ...

    def identity(self, folder: Path, report_status: StatusCallback) -> Identity: ...

    def encoder(self, folder: Path, identity: Identity) -> Encoder: ...

    def model_sizes(self, folder: Path, identity: Identity) -> ModelSizes: ...


@dataclass(slots=True)
class _LanePlan:
    """A lane that may run: what it needs loaded and what it will be asked."""

    index: int
    needs: VariantPlan
    encoder: Encoder
    prompts: Prompts
    prompt_tokens: tuple[int, ...]
    identity: Identity
    load_reported: bool
    """Also in an earlier part of the run that this one goes on from."""


class Job:
    """One run on the device thread."""

    def __init__(
        self, worker: Workplace, request: RunRequest, emit: Callable[[RepeatNote | LaneEvent], None], cancelled: Callable[[], bool]
    ) -> None:
        self._worker, self._request, self._cancelled = worker, request, cancelled
        self._emit = emit
        self._failed: set[int] = set()
        self._fresh: set[int] = set()
        """Lanes whose variant was loaded and that have not run since."""
        self._numbers = range(0)
        self._answers: dict[str, tuple[int, ...]] = {}
        """The baseline's, by prompt."""

    def run(self, lanes: Sequence[int], first: int = 0) -> None:
        """Repeats from the number `first` on; those before it are done already."""
        self._numbers = self._request.measure.numbers(first)
        self._worker.use_threads(self._request.measure.threads)
        planned = [plan for index in lanes if not self._cancelled() and (plan := self._guarded(index, self._plan, index)) is not None]
        if self._request.measure.schedule == "exclusive":
            self._exclusive(planned)
        else:
            self._together(planned)
        if self._request.measure.agreement:
            self._compare(planned)

    def _note(self, note: RepeatNote | LaneEvent) -> None:
        """On the timed path: notes down, no more."""
        if isinstance(note, LaneFailed):
            self._failed.add(note.lane)
        if isinstance(note, RepeatFinished) and note.lane == self._request.baseline and note.repeat >= self._request.measure.warmup:
            prompts = self._request.rows(self._request.lanes[note.lane])
            self._answers = dict(zip(reversed(prompts), reversed(note.output_ids), strict=True))
        self._emit(note)

    def _exclusive(self, planned: list[_LanePlan]) -> None:
        """One lane after the other, each repeat of it with its variant resident and nothing else needed."""
        for plan, number in self._order(planned):
            if not self._over(plan):
                # In a method of its own: a variant that is still referenced here could not be evicted for the next.
                self._one_repeat(plan, number)

    def _order(self, planned: list[_LanePlan]) -> list[tuple[_LanePlan, int]]:
        """Counted repeats forward, then backward (ABBA), so that drift of the machine cancels.

        Lanes that do not fit in memory together run one after the other instead: in turns each counted repeat would be the first
        after a load.
        """
        try:
            self._worker.pool.check_together([plan.needs for plan in planned])
        except NoMemory:
            return [(plan, number) for plan in planned for number in self._numbers]
        rounds = [planned[::-1] if self._backward(number) else planned for number in self._numbers]
        return [(plan, number) for number, order in zip(self._numbers, rounds, strict=True) for plan in order]

    def _one_repeat(self, plan: _LanePlan, number: int) -> None:
        prepared = self._guarded(plan.index, self._ready, plan, [plan.needs])
        if prepared is not None:
            self._by_itself(prepared, number)

    def _together(self, planned: list[_LanePlan]) -> None:
        """All lanes resident, repeat by repeat: interleaved a race by own clocks, contended each alone and then all at once."""
        together = [plan.needs for plan in planned]
        try:
            self._worker.pool.check_together(together)
        except NoMemory as error:
            for plan in planned:
                self._fail(plan.index, "memory", str(error))
            return
        ready = [
            prepared
            for plan in planned
            if not self._over(plan) and (prepared := self._guarded(plan.index, self._ready, plan, together)) is not None
        ]
        for number in self._numbers:
            there = ready[::-1] if self._backward(number) else ready
            contended = self._request.measure.schedule == "contended"
            if contended or number < self._request.measure.warmup:
                for one in there:
                    self._by_itself(one, number, alone=contended and number >= self._request.measure.warmup)
            if number >= self._request.measure.warmup:
                self._at_once([one for one in there if one.index not in self._failed], number)

    def _backward(self, number: int) -> bool:
        """Every other counted repeat begins with the last lane."""
        return (number - self._request.measure.warmup) % 2 == 1 and number >= self._request.measure.warmup

    def _by_itself(self, one: PreparedLane, number: int, alone: bool = False) -> None:
        """A repeat that has the device to itself. One that is not counted is weighed as well."""
        if self._cancelled() or one.index in self._failed:
            return
        cold = one.index in self._fresh
        run_alone(self._made(one, RepeatPlan(number, cold, alone, weighed=cold or number < self._request.measure.warmup)))

    def _at_once(self, there: list[PreparedLane], number: int) -> None:
        if self._cancelled() or not there:
            return
        measure, repeats = self._request.measure, [self._made(one, RepeatPlan(number, one.index in self._fresh)) for one in there]
        if measure.schedule == "contended":
            crowd(repeats, self._worker.device)
        else:
            race(repeats, self._worker.device, measure.quantum_s)

    def _made(self, one: PreparedLane, plan: RepeatPlan) -> LaneRepeat:
        self._fresh.discard(one.index)
        return LaneRepeat(one, plan, self._worker.device, self._note, self._cancelled)

    def _compare(self, planned: list[_LanePlan]) -> None:
        """The lanes' likeliest tokens along the baseline's answers, beside the baseline's own."""
        together = [plan.needs for plan in planned] if self._request.measure.schedule == "interleaved" else None
        first = sorted(planned, key=lambda plan: plan.index != self._request.baseline)
        baseline: dict[str, Likeliest] = {}
        for plan in first:
            if self._over(plan) or not self._answers:
                continue
            try:
                own = self._read_answers(plan, together or [plan.needs])
            except Exception as error:  # the lane has its figures: they are not lost for want of this one
                log.exception("lane %s was not compared", plan.index)
                self._status_callback(plan.index)(f"outputs not compared: {first_line(error)}")
                self._worker.device.release()
                continue
            if plan.index == self._request.baseline:
                baseline = {prompt: likeliest for (prompt, _), likeliest in reversed(own.items())}
            rows = self._inputs(plan.needs.lane)
            if baseline and (found := agreement(rows, own, baseline)) is not None:
                self._note(LaneCompared(plan.index, *found))

    def _inputs(self, lane: Lane) -> list[RowInput]:
        return list(zip(self._request.rows(lane), lane.adapters, strict=True))

    def _read_answers(self, plan: _LanePlan, together: Sequence[VariantPlan]) -> dict[RowInput, Likeliest]:
        self._status_callback(plan.index)("comparing outputs")
        resident, lane = self._resident(plan, together), plan.needs.lane
        device, encoder = self._worker.device, plan.encoder
        return read_answers(resident.model, resident.attached, self._inputs(lane), self._answers, encoder, plan.prompts, device)

    def _over(self, plan: _LanePlan) -> bool:
        return self._cancelled() or plan.index in self._failed

    def _guarded(self, index: int, work: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T | None:
        """The work's result; None when it failed, which then fails the lane: the lane boundary. None also when it was cancelled."""
        try:
            return work(*arguments, **more)
        except Cancelled:
            log.info("lane %s was cancelled", index)
        except tuple(_FAILURES) as error:
            self._fail(index, _FAILURES[type(error)], first_line(error))
        except Exception as error:
            log.exception("lane %s failed", index)
            self._fail(index, "internal", f"could not be prepared: {type(error).__name__}: {first_line(error)}")
        self._worker.device.release()  # what a failed load left: bitsandbytes' modules hold cycles
        return None

    def _fail(self, index: int, kind: FailureKind, message: str) -> None:
        self._note(LaneFailed(index, kind, message))

    def _plan(self, index: int) -> _LanePlan:
        """Everything that can be refused before a weight is loaded."""
        request, worker = self._request, self._worker
        lane = request.lanes[index]
        model_id = request.model_id(lane)
        report_status = self._status_callback(index)
        folder = bring_model(model_id, worker.cache_dir, report_status, self._progress_callback(index), self._cancelled)
        identity = worker.identity(folder, report_status)
        sizes, encoder = worker.model_sizes(folder, identity), worker.encoder(folder, identity)
        prompts = Prompts(request.rows(lane), request.workload.system, request.workload.chat)
        prompt_tokens = encoder.check(prompts, sizes.context, request.measure.max_new_tokens)
        known = {name: Adapter.of(name, request.adapters.get(name)) for name in lane.variant.adapters if name}
        rows = tuple(known[name] if name else None for name in (lane.adapters if len(lane.variant.adapters) > 1 else lane.variant.adapters))
        merging = rows[0] if lane.variant.merged else None
        needs = VariantPlan(
            lane=lane,
            label=lane.variant.base_label(request.model),
            base=BaseSpec.of(identity.fingerprint, lane.variant, merging.key if merging else None),
            folder=folder,
            rows=() if merging else rows,
            merging=merging,
            model_sizes=sizes,
            kv_bytes=sizes.kv_bytes(lane, max(prompt_tokens) + request.measure.max_new_tokens),
        )
        worker.pool.check_alone(needs)
        return _LanePlan(index, needs, encoder, prompts, prompt_tokens, identity, load_reported=self._numbers.start > 0)

    def _status_callback(self, index: int) -> StatusCallback:
        return lambda text: self._note(LaneStatus(index, text))

    def _progress_callback(self, index: int) -> ProgressCallback:
        return lambda progress: self._note(LaneStatus(index, progress.words, progress.fraction))

    def _ready(self, plan: _LanePlan, together: Sequence[VariantPlan]) -> PreparedLane:
        """The lane with its variant resident."""
        resident = self._resident(plan, together)
        return PreparedLane(
            index=plan.index,
            lane=plan.needs.lane,
            model=resident.model,
            encoder=plan.encoder,
            prompts=plan.prompts,
            prompt_tokens=plan.prompt_tokens,
            measure=self._request.measure,
            weights_bytes=resident.memory_bytes,
        )

    def _resident(self, plan: _LanePlan, together: Sequence[VariantPlan]) -> Resident:
        """The lane's variant; tells of a load, and the first time also that there was none."""
        resident = self._worker.pool.acquire(plan.needs, together, self._status_callback(plan.index))
        if resident.load_kind != "resident":
            self._fresh.add(plan.index)
        if not plan.load_reported or resident.load_kind != "resident":
            plan.load_reported = True
            facts = resident.facts | LaneFacts(
                adapters=tuple(_on_its_rows(plan.needs.lane, one) for one in resident.facts.adapters),
                weights_sha256=plan.identity.weights_sha256,
                tokenizer_sha256=plan.identity.tokenizer_sha256,
                origin=origin(plan.needs.folder),
                chat_template=bool(plan.encoder.tokenizer.chat_template),
            )
            self._note(LaneLoaded(plan.index, resident.load_s, resident.load_kind, resident.memory_bytes, facts))
        return resident


def _on_its_rows(lane: Lane, adapter: AdapterFacts) -> AdapterFacts:
    """With the rows of the batch that have it."""
    return adapter.model_copy(update={"rows": tuple(row for row, name in enumerate(lane.adapters) if name == adapter.name)})
