"""A run that was started, and those who follow it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from playground.errors import InputError
from playground.runs.eta import Progress
from playground.spec.request import RunRequest
from playground.timeline.events import Event, LaneEvent, LaneFailed, RepeatsAdded, RunFinished
from playground.timeline.state import RunState

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class FinishedPart:
    """What a run goes on from: its lanes' events, how many repeats each has (warm-ups among them), and which lanes may go on."""

    events: tuple[LaneEvent, ...]
    repeats: int
    lanes: tuple[int, ...]


class Run:
    """A run that was started. Any number of readers follow it, each from its beginning, whenever they come.

    One that goes on from another begins with the events of that one's `lanes`, and its repeats with the number `first_repeat`.
    """

    def __init__(self, request: RunRequest, clock: Clock = time.monotonic, before: FinishedPart | None = None) -> None:
        self.request = self.initial_request = request
        """As it is now, and as it was asked for: one that goes on until it is sure grows; its readers see it grow."""
        self.lanes = tuple(range(len(request.lanes))) if before is None else before.lanes
        self.first_repeat = 0 if before is None else before.repeats
        self._clock = clock
        self._progress = Progress(self.lanes, request.measure.passes(self.first_repeat), request.measure.max_new_tokens)
        self.id = uuid.uuid4().hex[:12]
        self.created_at = datetime.now(UTC).isoformat(timespec="seconds")
        self.cancelled = threading.Event()
        self._events: list[Event] = [] if before is None else list(before.events)
        self._news = threading.Condition()
        self._quiet = threading.Event()

    def reader(self) -> Reader:
        """Somebody who follows the run; that they stop reading changes nothing for the run or for other readers."""
        return Reader(self)

    @property
    def event_count(self) -> int:
        """How many events there have been."""
        return len(self._events)

    def events_since(self, seen: int, timeout_s: float | None = None) -> list[Event]:
        """All events but the first `seen`; blocks until there are any, at most for the timeout."""
        with self._news:
            self._news.wait_for(lambda: len(self._events) > seen, timeout_s)
            return self._events[seen:]

    def cancel(self) -> None:
        """Asks the run to stop; returns at once. It is over when `RunFinished` has come."""
        self.cancelled.set()

    def wait_quiet(self, timeout_s: float | None = None) -> bool:
        """Blocks until the run has given the device back; False if it has not within the timeout."""
        return self._quiet.wait(timeout_s)

    def remaining_s(self, usual_s: float | None) -> float | None:
        """Seconds until it is over, estimated (see eta.py); None: unknown. `usual_s`: what a token of other runs took."""
        with self._news:
            return 0.0 if self.cancelled.is_set() else self._progress.remaining_s(self._clock(), usual_s)

    def pace_s(self, whole: bool = False) -> float | None:
        """Seconds a token takes or took: while decoding, or with `whole` loading included; None: unknown."""
        with self._news:
            now_s = self._clock()
            return self._progress.whole_pace_s(now_s) if whole else self._progress.pace_s(now_s)

    @property
    def remaining_tokens(self) -> int:
        """Tokens it has still to write, of each lane's longest row."""
        with self._news:
            return 0 if self.cancelled.is_set() else self._progress.remaining

    def decoding_s(self) -> float:
        """Seconds since its first repeat began; 0 before."""
        with self._news:
            return self._progress.decoding_s(self._clock())

    def extend(self, repeats: int) -> int:
        """Gives the run so many repeats more. Returns the number of the first of them."""
        measure = self.request.measure
        first = measure.warmup + measure.repeats
        with self._news:
            self.request = self.request.longer(repeats)
            self._progress.add_passes(self.request.measure.passes(first))
        self.publish(RepeatsAdded(repeats))
        return first

    def release(self) -> None:
        """The device is given back: `wait_quiet` returns."""
        self._quiet.set()

    def publish(self, event: Event) -> None:
        """Hands an event to all readers."""
        with self._news:
            self._events.append(event)
            self._progress.observe(event, self._clock())
            self._news.notify_all()


class Reader:
    """One who follows a run, in one thread: `view` holds what this reader has seen so far."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.view = RunState(run.initial_request, run.id, run.created_at)
        self._seen = 0

    @property
    def over(self) -> bool:
        """Whether the run's end has been seen."""
        return self.view.status in ("done", "cancelled")

    def events(self, poll_s: float | None = None) -> Iterator[Event | None]:
        """What is new to this reader, `RunFinished` last. With `poll_s`, None each time nothing happened for that many seconds."""
        while not self.over:
            if not (news := self.run.events_since(self._seen, poll_s)):
                yield None
            for event in news:
                self._apply(event)
                yield event

    @property
    def behind(self) -> bool:
        """Whether there is anything that was not seen yet."""
        return self.run.event_count > self._seen

    def catch_up(self, wait_s: float) -> bool:
        """Sees all there is at once; blocks while there is nothing new, at most `wait_s` seconds. Whether there was any."""
        news = [] if self.over else self.run.events_since(self._seen, wait_s)
        for event in news:
            self._apply(event)
        return bool(news)

    def to_the_end(self) -> RunState:
        """The view when the run is over; blocks until it is."""
        for _ in self.events():
            continue
        return self.view

    def _apply(self, event: Event) -> None:
        self.view.apply(event)
        self._seen += 1


def finished_part(run: Run) -> FinishedPart:
    """What another run can go on from. Raises InputError if this one cannot be gone on from."""
    events = run.events_since(0, timeout_s=0.0)
    match events[-1:]:
        case [RunFinished(status="done")]:
            pass
        case [RunFinished()]:
            raise InputError("run", "a run that was stopped cannot go on; start it anew")
        case _:
            raise InputError("run", "this run has not ended yet; it can go on when it has")
    of_lanes = tuple(event for event in events if isinstance(event, LaneEvent))
    failed = {event.lane for event in of_lanes if isinstance(event, LaneFailed)}
    if not (lanes := tuple(lane for lane in run.lanes if lane not in failed)):
        raise InputError("run", "every lane of this run failed, so there is nothing to go on from")
    measure = run.request.measure
    return FinishedPart(of_lanes, measure.warmup + measure.repeats, lanes)
