"""What happens during a run, as frozen values, and their JSON lines.

An engine tells of lanes by their index in the request. For each lane, in this order and each repeat in turn:
`LaneStatus`* → `LaneLoaded` → (`RepeatStarted` → `StepsTaken`* → `RepeatFinished`)* → [`LaneCompared`], and at any point
`LaneFailed`, after which the lane is silent. (A lane may be loaded again if memory was needed by another.) The runner adds `RunQueued`*
and `RunStarted` before, `RepeatsAdded` between the rounds of a run that goes on until it is sure, and `RunFinished` after; that one is
always the last. A run that goes on from another begins with what was
told of that one's lanes, then waits and starts as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from playground.timeline.environment import Environment
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import Conditions, Finish, LoadKind, Memory, RequestTimes, RowText, Step

FailureKind = Literal["bad_input", "model", "adapter", "memory", "timeout", "worker_died", "internal"]


@dataclass(frozen=True, slots=True)
class RunQueued:
    """The run waits; `ahead` runs come first. RepeatNote again when that or the expectation has noticeably changed."""

    ahead: int
    expected_s: float | None = None
    """Seconds until its turn, estimated; None: unknown."""
    type: Literal["run_queued"] = "run_queued"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The device is this run's. `labels`: the lanes' canonical texts."""

    labels: tuple[str, ...]
    environment: Environment
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class RepeatsAdded:
    """A run that goes on until it is sure has so many more repeats to do."""

    repeats: int
    type: Literal["repeats_added"] = "repeats_added"


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What a lane is doing, in words for the reader: "quantizing to nf4". `fraction`: of a download, how much of it is there."""

    lane: int
    text: str
    fraction: float | None = None
    type: Literal["lane_status"] = "lane_status"


@dataclass(frozen=True, slots=True)
class LaneLoaded:
    """The lane's variant is ready to run; `load_s` from asked-for to ready, the first forward included."""

    lane: int
    load_s: float
    load_kind: LoadKind
    memory_bytes: int
    facts: LaneFacts
    type: Literal["lane_loaded"] = "lane_loaded"


@dataclass(frozen=True, slots=True)
class RepeatStarted:
    lane: int
    repeat: int
    """Counted from 0 over warm-ups and repeats together."""
    warmup: bool
    prompt_tokens: tuple[int, ...]
    tokenize_s: float
    cold: bool = False
    alone: bool = False
    """These two as in `Trace`."""
    type: Literal["repeat_started"] = "repeat_started"


@dataclass(frozen=True, slots=True)
class StepsTaken:
    """Several steps of one lane, sent together (about 20 times a second), and how its shown texts change."""

    lane: int
    repeat: int
    steps: tuple[Step, ...]
    text: tuple[RowText, ...]
    type: Literal["steps_taken"] = "steps_taken"


@dataclass(frozen=True, slots=True)
class RepeatFinished:
    """The end of a repeat; with the repeat's steps it makes a `Trace`, whose fields these are."""

    lane: int
    repeat: int
    end_s: float
    end_wall_s: float
    output_ids: tuple[tuple[int, ...], ...]
    finish: tuple[Finish, ...]
    texts: tuple[str, ...]
    conditions: Conditions | None = None
    memory: Memory | None = None
    requests: tuple[RequestTimes, ...] = ()
    type: Literal["repeat_finished"] = "repeat_finished"


@dataclass(frozen=True, slots=True)
class LaneCompared:
    """How often the lane's model agrees with the baseline's on the likeliest next token; see `Measure.agreement`."""

    lane: int
    top1: float
    """Share of places, 0 to 1."""
    places: int
    type: Literal["lane_compared"] = "lane_compared"


@dataclass(frozen=True, slots=True)
class LaneFailed:
    """The lane ends here; `message` is one sentence for the reader."""

    lane: int
    kind: FailureKind
    message: str
    type: Literal["lane_failed"] = "lane_failed"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The device is quiet and free."""

    status: Literal["done", "cancelled"]
    type: Literal["run_finished"] = "run_finished"


LaneEvent = LaneStatus | LaneLoaded | RepeatStarted | StepsTaken | RepeatFinished | LaneCompared | LaneFailed
Event = RunQueued | RunStarted | RepeatsAdded | LaneEvent | RunFinished

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def dumps(event: Event) -> bytes:
    """One line of JSON, without the newline."""
    return _ADAPTER.dump_json(event)


def loads(line: bytes | str) -> Event:
    """The event of one line. Raises pydantic.ValidationError if the line is none."""
    return _ADAPTER.validate_json(line)
