"""Runs over their engines: the order of turns, rounds of repeats, failures.

Runs wait first come first served. A run keeps the device until its engines are quiet, whoever stopped listening:
its thread, not its reader, gives the device back, so a cancelled run never overlaps the next.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from playground.analysis.stats import get_ready
from playground.analysis.stopping import repeats_to_add
from playground.engines.base import Engine
from playground.errors import EngineError
from playground.formatting import about
from playground.runs.eta import UsualPace, wait_s
from playground.runs.queue import Queue
from playground.runs.run import Clock, Run, finished_part
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, LaneFailed, RepeatFinished, RunFinished, RunQueued, RunStarted

log = logging.getLogger(__name__)

EngineFor = Callable[[Lane, str], Engine]
"""The engine of a lane whose model stands for this id."""
Groups = list[tuple[Engine, list[int]]]
"""The lanes that each engine decodes."""


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
        return self._enqueue(Run(request, self._clock))

    def more(self, run: Run, repeats: int) -> Run:
        """A run that goes on from a finished one with more repeats: its readers see those of both.

        Lanes that failed are not run again, and nothing is warmed up again. Raises InputError when there is nothing to go on from.
        """
        return self._enqueue(Run(run.request.longer(repeats), self._clock, finished_part(run)))

    def _enqueue(self, run: Run) -> Run:
        self._queue.enter(run)
        threading.Thread(target=self._carry_out, args=(run,), name=f"run-{run.id}", daemon=True).start()
        return run

    def next_run(self, after: Run | None, timeout_s: float) -> Run | None:
        """The run that has the device, once it is another than `after`; None if there is none within the timeout."""
        return self._queue.first(after, timeout_s)

    def _carry_out(self, run: Run) -> None:
        try:
            if self._wait_turn(run):
                self._decode(run)
        finally:
            if not run.cancelled.is_set():  # one that was cut short says more of loading than of its kind
                self._usual.add(run.pace_s(whole=True))
            self._queue.leave(run)
            run.release()
            run.publish(RunFinished("cancelled" if run.cancelled.is_set() else "done"))

    def _wait_turn(self, run: Run) -> bool:
        last: RunQueued | None = None
        while (ahead := self._queue.ahead(run)) and not run.cancelled.is_set():
            now = RunQueued(len(ahead), self._expected_s(ahead))
            if last is None or _announcement(now) != _announcement(last):
                run.publish(now)
                last = now
            self._queue.wait_for_change(run, len(ahead), self._expect_every_s)
        return not run.cancelled.is_set()

    def _expected_s(self, ahead: list[Run]) -> float | None:
        running, *waiting = ahead
        usual_s = self._usual.token_s
        token_s = usual_s if usual_s is not None else running.pace_s()
        return wait_s(running.remaining_s(usual_s), sum(run.remaining_tokens for run in waiting), token_s)

    def _decode(self, run: Run) -> None:
        groups, environment = self._engines(run)
        run.publish(RunStarted(tuple(str(lane) for lane in run.request.lanes), environment))
        measure = run.request.measure
        if measure.repeats > 1 or measure.until:
            threading.Thread(target=get_ready, name="statistics", daemon=True).start()  # while variants are being loaded
        self._round(run, groups, run.first_repeat)
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
        while not run.cancelled.is_set() and (more := repeats_to_add(judge.view, run.decoding_s())):
            left = [(engine, [lane for lane in lanes if judge.view.lanes[lane].state != "failed"]) for engine, lanes in groups]
            self._round(run, [(engine, lanes) for engine, lanes in left if lanes], run.extend(more))
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
                run.publish(LaneFailed(index, "bad_input", str(error)))
                continue
            except Exception as error:
                log.exception("engine did not start")
                run.publish(LaneFailed(index, "internal", f"the engine did not start: {error}"))
                continue
            groups.setdefault(id(engine), (engine, []))[1].append(index)
            environments.setdefault(id(engine), found)
        return list(groups.values()), _environment([*environments.values()], run.request.measure.threads)

    def _pump(self, run: Run, engine: Engine, lanes: list[int], first: int) -> None:
        request = run.request if first == run.first_repeat else _without_agreement(run.request)
        open_lanes = dict.fromkeys(lanes, request.measure.passes(first))
        try:
            for event in engine.run(lanes, request, run.cancelled, first):
                run.publish(event)
                _tick_off(open_lanes, event)
        except Exception as error:
            log.exception("engine failed")
            for lane in open_lanes:
                run.publish(LaneFailed(lane, "internal", f"the engine failed: {error}"))


def _without_agreement(request: RunRequest) -> RunRequest:
    """For repeats that were added: the answers are compared already, and are the same."""
    return request.model_copy(update={"measure": request.measure.model_copy(update={"agreement": False})})


def _announcement(queued: RunQueued) -> tuple[int, str]:
    """What a reader is shown of it: it is published again only when this has changed."""
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
