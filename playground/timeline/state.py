"""Events → what is known of a run so far. The one reducer: live frames, tables and the recording all read from it.

It holds what happened, and no figure: those are worked out of it by `playground.analysis`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import (
    Event,
    FailureKind,
    LaneCompared,
    LaneEvent,
    LaneFailed,
    LaneLoaded,
    LaneStatus,
    RepeatFinished,
    RepeatsAdded,
    RepeatStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepsTaken,
)
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import Agreement, Derived, Load, LoadKind, Memory, RowText, Step, TokenCounts, Trace, UnfinishedTrace

RunStatus = Literal["waiting", "running", "done", "cancelled"]
LanePhase = Literal["waiting", "loading", "ready", "running", "done", "failed"]


@dataclass(slots=True, eq=False)
class RunningRepeat(Derived):
    """A repeat in progress. What is derived from it (a meter) reads its steps as they come."""

    number: int
    warmup: bool
    cold: bool
    alone: bool
    prompt_tokens: tuple[int, ...]
    tokenize_s: float
    rows: int
    revises: bool
    steps: list[Step] = field(default_factory=list)
    tokens: TokenCounts = field(default_factory=TokenCounts)
    """That stand now."""
    changes: list[list[RowText]] = field(default_factory=list)
    """Per step, what it did to the shown texts; each says which of the repeat's steps that was."""

    def take(self, event: StepsTaken) -> None:
        before = len(self.steps)
        for step in event.steps:
            self.steps.append(step)
            self.tokens.take(step)
            self.changes.append([])
        for change in event.text:
            at = before + change.step
            self.changes[at].append(change if change.step == at else replace(change, step=at))

    def so_far(self) -> UnfinishedTrace:
        """What of it is there, as it is kept when nothing more will come."""
        return UnfinishedTrace(
            number=self.number,
            warmup=self.warmup,
            cold=self.cold,
            alone=self.alone,
            prompt_tokens=self.prompt_tokens,
            tokenize_s=self.tokenize_s,
            steps=tuple(self.steps),
            changes=self.text(),
        )

    def text(self) -> tuple[RowText, ...]:
        """All changes of the shown texts, in order."""
        return tuple(change for changes in self.changes for change in changes)


@dataclass(slots=True)
class LaneState:
    index: int
    lane: Lane
    state: LanePhase = "waiting"
    status: str = ""
    """What the lane is doing, in words."""
    fraction: float | None = None
    """How much of its download is there; None when it downloads nothing."""
    error: str | None = None
    error_kind: FailureKind | None = None
    load_s: float | None = None
    load_kind: LoadKind | None = None
    loads: list[Load] = field(default_factory=list)
    """Every swap, in order; `load_s` and `load_kind` are the first's."""
    weights_bytes: int | None = None
    agreement: Agreement | None = None
    facts: LaneFacts = field(default_factory=LaneFacts)
    repeats: list[Trace] = field(default_factory=list)
    current: RunningRepeat | None = None
    unfinished: UnfinishedTrace | None = None
    """The repeat that a failure, or the end of the engine, cut off."""
    first: RunningRepeat | None = None
    """The first repeat that counts, as it came: what is drawn and can be replayed. Kept after its end."""
    texts: list[str] = field(default_factory=list)
    """Per row, as shown: of the repeat in progress, else of the last one."""

    @property
    def label(self) -> str:
        return str(self.lane)

    @property
    def counted(self) -> list[Trace]:
        """The repeats that count: no warm-ups, none alone of a contended run; cold ones and ones cut short only if there are no others."""
        repeats = [repeat for repeat in self.repeats if not repeat.warmup and not repeat.alone]
        whole = [repeat for repeat in repeats if not {"cancelled", "timeout"} & set(repeat.finish)] or repeats
        return [repeat for repeat in whole if not repeat.cold] or whole

    @property
    def cold(self) -> Trace | None:
        """The first repeat after the variant was loaded, warm-up or not; None if it was in place already."""
        return next((repeat for repeat in self.repeats if repeat.cold), None)

    @property
    def alone(self) -> list[Trace]:
        """Of a contended run: the repeats that had the device to themselves."""
        return [repeat for repeat in self.repeats if repeat.alone and not {"cancelled", "timeout"} & set(repeat.finish)]

    @property
    def memory(self) -> Memory | None:
        """The most that a repeat was seen to hold; None while none was measured."""
        known = [repeat.memory for repeat in self.repeats if repeat.memory is not None]
        return max(known, key=lambda memory: memory.peak_bytes, default=None)

    @property
    def memory_bytes(self) -> int | None:
        """All that is known to be held: the weights alone before a repeat was measured."""
        return self.memory.peak_bytes if self.memory is not None else self.weights_bytes

    @property
    def cut_short(self) -> bool:
        """Whether the repeats that count were stopped or timed out: what they took is not what a whole one takes."""
        return any({"cancelled", "timeout"} & set(repeat.finish) for repeat in self.counted)

    def apply(self, event: LaneEvent) -> None:
        match event:
            case LaneStatus():
                self.state = "loading" if self.state in ("waiting", "loading") else self.state
                self.status, self.fraction = event.text, event.fraction
            case LaneLoaded():
                self._take_load(event)
            case RepeatStarted():
                self.state, self.status, self.texts = "running", "", [""] * self.lane.batch
                self.current = _running(self.lane, event)
                self.first = self.first or (None if event.warmup or event.alone else self.current)
            case StepsTaken():
                if self.current is not None:
                    self.current.take(event)
                for change in event.text:
                    _change_text(self.texts, change)
            case RepeatFinished():
                _finish_repeat(self, event)
            case LaneCompared():
                self.agreement = Agreement(top1=event.top1, places=event.places)
            case LaneFailed():
                _cut_off(self)
                self.state, self.error, self.error_kind, self.status, self.fraction = "failed", event.message, event.kind, "", None
            case _:
                assert_never(event)

    def _take_load(self, event: LaneLoaded) -> None:
        self.state, self.status, self.fraction, self.facts = "ready", "", None, event.facts
        self.weights_bytes = event.memory_bytes
        if event.load_kind != "resident" or not self.loads:  # a run that goes on finds its variants in place: no swap
            self.loads.append(Load(load_s=event.load_s, load_kind=event.load_kind))
        if self.load_kind is None:  # a lane that had to make room and is loaded again keeps its first load's figures
            self.load_s, self.load_kind = event.load_s, event.load_kind


class RunState:
    """The state of one run. `apply` is called with each event in order; nothing else changes it."""

    def __init__(self, request: RunRequest, run_id: str, created_at: str) -> None:
        self.request, self.run_id, self.created_at = request, run_id, created_at
        self.status: RunStatus = "waiting"
        self.ahead = 0
        self.expected_s: float | None = None
        self.environment = Environment()
        self.lanes = [LaneState(index, lane) for index, lane in enumerate(request.lanes)]

    @property
    def baseline(self) -> LaneState:
        """The lane the others are compared with."""
        return self.lanes[self.request.baseline]

    def slowdown(self) -> float | None:
        """How much slower than life the lanes are shown: the wall's time over the lanes' own, in what runs now. None when nothing does."""
        latest = [lane.current.steps[-1] for lane in self.lanes if lane.current is not None and lane.current.steps]
        own_s = max((step.t_s for step in latest), default=0.0)
        return max(step.wall_s for step in latest) / own_s if own_s > 0 else None

    def apply(self, event: Event) -> None:
        match event:
            case RunQueued():
                self.ahead, self.expected_s = event.ahead, event.expected_s
            case RunStarted():
                self.status, self.ahead, self.environment = "running", 0, event.environment
            case RepeatsAdded():
                self.request = self.request.longer(event.repeats)
            case RunFinished():
                self.status = event.status
                for lane in self.lanes:
                    _close(lane, event)
            case _:
                self.lanes[event.lane].apply(event)


def _running(lane: Lane, event: RepeatStarted) -> RunningRepeat:
    return RunningRepeat(
        number=event.repeat,
        warmup=event.warmup,
        cold=event.cold,
        alone=event.alone,
        prompt_tokens=event.prompt_tokens,
        tokenize_s=event.tokenize_s,
        rows=lane.batch,
        revises=lane.decoding.revises,
    )


def _change_text(texts: list[str], change: RowText) -> None:
    shown = texts[change.row]
    texts[change.row] = (shown if change.keep is None else shown[: change.keep]) + change.text


def _finish_repeat(lane: LaneState, event: RepeatFinished) -> None:
    current = lane.current
    assert current is not None, "a repeat finishes only after it started"
    trace = Trace(
        number=current.number,
        warmup=current.warmup,
        cold=current.cold,
        alone=current.alone,
        prompt_tokens=current.prompt_tokens,
        tokenize_s=current.tokenize_s,
        steps=tuple(current.steps),
        changes=current.text(),
        end_s=event.end_s,
        end_wall_s=event.end_wall_s,
        output_ids=event.output_ids,
        finish=event.finish,
        texts=event.texts,
        revises=current.revises,
        conditions=event.conditions,
        memory=event.memory,
        requests=event.requests,
    )
    lane.repeats.append(trace)
    lane.current, lane.texts, lane.state = None, list(event.texts), "ready"


def _cut_off(lane: LaneState) -> None:
    if (current := lane.current) is not None:
        lane.unfinished, lane.current = current.so_far(), None


def _close(lane: LaneState, event: RunFinished) -> None:
    _cut_off(lane)
    if lane.state != "failed":
        lane.state = "done"
        where = "while downloading" if lane.fraction is not None else f"after {lane_tokens(lane)} tokens"
        lane.status, lane.fraction = "" if event.status == "done" else f"stopped {where}", None


def lane_tokens(lane: LaneState) -> int:
    """Output tokens of the lane's last repeat, all rows together."""
    return sum(len(row) for row in lane.repeats[-1].output_ids) if lane.repeats else 0
