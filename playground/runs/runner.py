"""One run over its engines: the queue, the order, cancelling, failures.

Runs wait first come first served. A run keeps the device until its engines are quiet, whoever stopped listening:
its thread, not its reader, gives the device back, so a cancelled run never overlaps the next.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from playground.analysis.comparison import repeats_to_add
from playground.analysis.stats import get_ready
from playground.engines.base import Engine
from playground.errors import EngineError, InputError
from playground.formatting import about
from playground.runs.eta import Progress, UsualPace, wait_s
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import Event, LaneEvent, LaneFailed, RepeatFinished, RepeatsAdded, RunFinished, RunQueued, RunStarted
from playground.timeline.state import RunState

log = logging.getLogger(__name__)

EngineFor = Callable[[Lane, str], Engine]
"""The engine of a lane whose model stands for this id."""
Groups = list[tuple[Engine, list[int]]]
"""The lanes that each engine decodes."""
Clock = Callable[[], float]

POLL_S = 0.1
"""How soon a waiting run notices that it was cancelled."""


@dataclass(frozen=True, slots=True)
class FinishedPart:
    """What a run goes on from: what was told of its lanes, how many repeats each has (warm-ups among them), and which may go on."""

    events: tuple[LaneEvent, ...]
    repeats: int
    lanes: tuple[int, ...]


def _earlier(run: Run) -> FinishedPart:
    """Raises InputError if the run cannot go on."""
    told = run.told_since(0, timeout_s=0.0)
    match told[-1:]:
        case [RunFinished(status="done")]:
            pass
        case [RunFinished()]:
            raise InputError("run", "a run that was stopped cannot go on; start it anew")
        case _:
            raise InputError("run", "this run has not ended yet; it can go on when it has")
    events = tuple(event for event in told if isinstance(event, LaneEvent))
    failed = {event.lane for event in events if isinstance(event, LaneFailed)}
    if not (lanes := tuple(lane for lane in run.lanes if lane not in failed)):
        raise InputError("run", "every lane of this run failed, so there is nothing to go on from")
    measure = run.request.measure
    return FinishedPart(events, measure.warmup + measure.repeats, lanes)


class Run:
    """A run that was started. Any number of readers follow it, each from its beginning, whenever they come.

    One that goes on from another begins with what that one told of its `lanes`, and its repeats with the number `first`.
    """

    def __init__(self, request: RunRequest, clock: Clock = time.monotonic, before: FinishedPart | None = None) -> None:
        self.request = self.asked = request
        """As it is now, and as it was asked for: one that goes on until it is sure grows; its readers see it grow."""
        self.lanes = tuple(range(len(request.lanes))) if before is None else before.lanes
        self.first = 0 if before is None else before.repeats
        self._clock = clock
        self._progress = Progress(self.lanes, request.measure.passes(self.first), request.measure.max_new_tokens)
        self.id = uuid.uuid4().hex[:12]
        self.created_at = datetime.now(UTC).isoformat(timespec="seconds")
        self.cancelled = threading.Event()
        self._told: list[Event] = [] if before is None else list(before.events)
        self._news = threading.Condition()
        self._quiet = threading.Event()

    def reader(self) -> Reader:
        """Somebody who follows the run; that they stop reading changes nothing for the run or for other readers."""
        return Reader(self)

    @property
    def told(self) -> int:
        """How many events there have been."""
        return len(self._told)

    def told_since(self, seen: int, timeout_s: float | None = None) -> list[Event]:
        """All events but the first `seen`; blocks until there are any, at most for the timeout."""
        with self._news:
            self._news.wait_for(lambda: len(self._told) > seen, timeout_s)
            return self._told[seen:]

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

    def _spent_s(self) -> float:
        with self._news:
            return self._progress.decoding_s(self._clock())

    def _grow(self, repeats: int) -> int:
        """Has so many repeats more; the number of the first of them."""
        measure = self.request.measure
        first = measure.warmup + measure.repeats
        with self._news:
            self.request = self.request.longer(repeats)
            self._progress.add_passes(self.request.measure.passes(first))
        self._tell(RepeatsAdded(repeats))
        return first

    def _tell(self, event: Event) -> None:
        with self._news:
            self._told.append(event)
            self._progress.observe(event, self._clock())
            self._news.notify_all()


class Reader:
    """One who follows a run, in one thread: `view` holds what this reader has seen so far."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.view = RunState(run.asked, run.id, run.created_at)
        self._seen = 0

    @property
    def over(self) -> bool:
        """Whether the run's end has been seen."""
        return self.view.status in ("done", "cancelled")

    def events(self, poll_s: float | None = None) -> Iterator[Event | None]:
        """What is new to this reader, `RunFinished` last. With `poll_s`, None each time nothing happened for that many seconds."""
        while not self.over:
            if not (news := self.run.told_since(self._seen, poll_s)):
                yield None
            for event in news:
                self._see(event)
                yield event

    @property
    def behind(self) -> bool:
        """Whether there is anything that was not seen yet."""
        return self.run.told > self._seen

    def catch_up(self, wait_s: float) -> bool:
        """Sees all there is at once; blocks while there is nothing new, at most `wait_s` seconds. Whether there was any."""
        news = [] if self.over else self.run.told_since(self._seen, wait_s)
        for event in news:
            self._see(event)
        return bool(news)

    def to_the_end(self) -> RunState:
        """The view when the run is over; blocks until it is."""
        for _ in self.events():
            continue
        return self.view

    def _see(self, event: Event) -> None:
        self.view.apply(event)
        self._seen += 1


class Queue:
    """Runs, first come first served. The first has the device."""

    def __init__(self, max_waiting: int) -> None:
        self._changed = threading.Condition()
        self._runs: deque[Run] = deque()
        self._max_waiting = max_waiting

    def enter(self, run: Run) -> None:
        """Puts a run at the end. Raises InputError when the queue is full."""
        with self._changed:
            if len(self._runs) > self._max_waiting:
                raise InputError("run", f"{self._max_waiting} runs are already waiting; try again when some have finished")
            self._runs.append(run)
            self._changed.notify_all()

    def ahead(self, run: Run) -> list[Run]:
        """The runs before this one, the one that has the device first."""
        with self._changed:
            return list(self._runs)[: self._runs.index(run)]

    def leave(self, run: Run) -> None:
        with self._changed:
            self._runs.remove(run)
            self._changed.notify_all()

    def wait_for_change(self, run: Run, seen: int, timeout_s: float) -> None:
        """Blocks until fewer than `seen` runs come before this one, it is cancelled, or the timeout."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while self._runs.index(run) >= seen and not run.cancelled.is_set() and time.monotonic() < until_s:
                self._changed.wait(POLL_S)

    def first(self, but: Run | None, timeout_s: float) -> Run | None:
        """The run that has the device, as soon as there is one other than `but`; None at the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._runs) and self._runs[0] is not but, timeout_s)
            return self._runs[0] if self._runs and self._runs[0] is not but else None


class Runner:
    """Starts runs and hands each the device in turn."""

    def __init__(self, engine_for: EngineFor, max_queued: int = 16, clock: Clock = time.monotonic, expect_every_s: float = 2.0) -> None:
        """`expect_every_s`: how often a waiting run looks whether its expected wait has changed."""
        self._engine_for, self._expect_every_s = engine_for, expect_every_s
        self._queue = Queue(max_queued)
        self._clock = clock
        self._usual = UsualPace()

    def start(self, request: RunRequest) -> Run:
        """A run of this request, waiting or running in a thread of its own. Raises InputError when the queue is full."""
        return self._begin(Run(request, self._clock))

    def more(self, run: Run, repeats: int) -> Run:
        """A run that goes on from a finished one with more repeats: its readers see those of both.

        Lanes that failed are not run again, and nothing is warmed up again. Raises InputError when there is nothing to go on from.
        """
        return self._begin(Run(run.request.longer(repeats), self._clock, _earlier(run)))

    def _begin(self, run: Run) -> Run:
        self._queue.enter(run)
        threading.Thread(target=self._live, args=(run,), name=f"run-{run.id}", daemon=True).start()
        return run

    def next_run(self, after: Run | None, timeout_s: float) -> Run | None:
        """The run that has the device, once it is another than `after`; None if there is none within the timeout."""
        return self._queue.first(after, timeout_s)

    def _live(self, run: Run) -> None:
        try:
            if self._wait_turn(run):
                self._decode(run)
        finally:
            if not run.cancelled.is_set():  # one that was cut short says more of loading than of its kind
                self._usual.add(run.pace_s(whole=True))
            self._queue.leave(run)
            run._quiet.set()
            run._tell(RunFinished("cancelled" if run.cancelled.is_set() else "done"))

    def _wait_turn(self, run: Run) -> bool:
        said: RunQueued | None = None
        while (ahead := self._queue.ahead(run)) and not run.cancelled.is_set():
            now = RunQueued(len(ahead), self._expected_s(ahead))
            if said is None or _place(now) != _place(said):
                run._tell(now)
                said = now
            self._queue.wait_for_change(run, len(ahead), self._expect_every_s)
        return not run.cancelled.is_set()

    def _expected_s(self, ahead: list[Run]) -> float | None:
        running, *waiting = ahead
        usual_s = self._usual.token_s
        token_s = usual_s if usual_s is not None else running.pace_s()
        return wait_s(running.remaining_s(usual_s), sum(run.remaining_tokens for run in waiting), token_s)

    def _decode(self, run: Run) -> None:
        groups, environment = self._engines(run)
        run._tell(RunStarted(tuple(str(lane) for lane in run.request.lanes), environment))
        measure = run.request.measure
        if measure.repeats > 1 or measure.until:
            threading.Thread(target=get_ready, name="statistics", daemon=True).start()  # while variants are being loaded
        self._round(run, groups, run.first)
        if measure.until:
            self._until_sure(run, groups)

    def _round(self, run: Run, groups: Groups, first: int) -> None:
        """The run's repeats from the number `first` on, each engine in a thread of its own: at the same time, unless the schedule is
        that nothing runs beside what is measured."""
        threads = [threading.Thread(target=self._pump, args=(run, engine, lanes, first), daemon=True) for engine, lanes in groups]
        for thread in threads:
            thread.start()
            if run.request.measure.schedule == "exclusive":
                thread.join()
        for thread in threads:
            thread.join()

    def _until_sure(self, run: Run, groups: Groups) -> None:
        judge = run.reader()
        judge.catch_up(0.0)
        while not run.cancelled.is_set() and (more := repeats_to_add(judge.view, run._spent_s())):
            left = [(engine, [lane for lane in lanes if judge.view.lanes[lane].state != "failed"]) for engine, lanes in groups]
            self._round(run, [(engine, lanes) for engine, lanes in left if lanes], run._grow(more))
            judge.catch_up(0.0)

    def _engines(self, run: Run) -> tuple[Groups, Environment]:
        """The lanes grouped by the engine that decodes them, and the engines' environments; lanes without an engine fail."""
        groups: dict[int, tuple[Engine, list[int]]] = {}
        environments: dict[int, Environment] = {}
        for index in run.lanes:
            try:
                lane = run.request.lanes[index]
                engine = self._engine_for(lane, run.request.model_id(lane))
                found = engine.environment()
            except EngineError as error:
                run._tell(LaneFailed(index, "bad_input", str(error)))
                continue
            except Exception as error:
                log.exception("engine did not start")
                run._tell(LaneFailed(index, "internal", f"the engine did not start: {error}"))
                continue
            groups.setdefault(id(engine), (engine, []))[1].append(index)
            environments.setdefault(id(engine), found)
        return list(groups.values()), _environment([*environments.values()], run.request.measure.threads)

    def _pump(self, run: Run, engine: Engine, lanes: list[int], first: int) -> None:
        request = run.request if first == run.first else _without_agreement(run.request)
        open_lanes = dict.fromkeys(lanes, request.measure.passes(first))
        try:
            for event in engine.run(lanes, request, run.cancelled, first):
                run._tell(event)
                _tick_off(open_lanes, event)
        except Exception as error:
            log.exception("engine failed")
            for lane in open_lanes:
                run._tell(LaneFailed(lane, "internal", f"the engine failed: {error}"))


def _without_agreement(request: RunRequest) -> RunRequest:
    """For repeats that were added: the answers are compared already, and are the same."""
    return request.model_copy(update={"measure": request.measure.model_copy(update={"agreement": False})})


def _place(queued: RunQueued) -> tuple[int, str]:
    """What a reader would be told of it; another only when it has noticeably changed."""
    return queued.ahead, "" if queued.expected_s is None else about(queued.expected_s)


def _environment(found: Sequence[Environment], threads: int | None) -> Environment:
    """The first engine's environment, with the threads of the run; with several engines with the others beside it."""
    if not found:
        return Environment()
    first, *others = found
    environment = first | Environment(other_devices=tuple(others)) if others else first
    return environment | Environment(threads=threads) if threads else environment


def _tick_off(open_lanes: dict[int, int], event: LaneEvent) -> None:
    """Takes out a lane that failed or has its last repeat: an engine that fails later takes nothing from it."""
    match event:
        case LaneFailed():
            open_lanes.pop(event.lane, None)
        case RepeatFinished() if event.lane in open_lanes:
            open_lanes[event.lane] -= 1
            if not open_lanes[event.lane]:
                del open_lanes[event.lane]
        case _:
            pass
