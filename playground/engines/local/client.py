"""The local devices, from outside and torch-free: one worker process a device, started when needed, replaced when it dies."""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from playground.engines.base import Engine
from playground.errors import NOT_LOADED, RUN_IS_ON, EngineError
from playground.models import hub
from playground.settings import Settings, child_environment
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import FailureKind, LaneEvent, LaneFailed, RepeatFinished, RepeatStarted, StepsTaken, loads

log = logging.getLogger(__name__)

_EVENT = b'{"event":'
_POLL_S = 0.02
_START_TIMEOUT_S = 180.0
_EVICT_TIMEOUT_S = 60.0

Answer = dict[str, Any] | LaneEvent | None
"""An event, another answer as it came, or None: the process has ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a worker may say nothing before it is ended, in seconds."""

    load_s: float = 1800.0
    stall_s: float = 120.0
    stop_s: float = 10.0


class WorkerProcess:
    """One worker process and its pipes. It ends when its input closes, so it never outlives this process."""

    def __init__(self, command: Sequence[str]) -> None:
        # A session of its own: Ctrl+C in the terminal is for this process, which then asks the worker to stop.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,
        )
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=20)
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self._errors_reader = threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True)
        self._errors_reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, command: dict[str, Any]) -> None:
        """A dead worker's broken pipe is no news: `answer` gives its end."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            log.debug("worker %s is gone", self.pid)

    def answer(self, timeout_s: float) -> Answer:
        """The next answer; None when the process has ended. Raises queue.Empty after the timeout."""
        return self._answers.get(timeout=timeout_s)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def why_ended(self) -> str:
        """In words, once it has ended."""
        code = self._process.wait()
        self._errors_reader.join(1.0)  # it may still be reading; a program that the worker started may hold the pipe open
        if code < 0:  # never on Windows, which has no such signals
            name = signal.Signals(-code).name
            return "it was killed (SIGKILL; the system does that when memory runs out)" if name == "SIGKILL" else f"it crashed ({name})"
        last = self._last_words[-1] if self._last_words else "it said nothing"
        return f"it ended with code {code}: {last}"

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            for line in pipe:
                self._answers.put(_parsed(line))
        except ValueError:  # a line that was cut short as the process was killed, or that is none of ours
            log.warning("worker %s sent what is not an answer", self.pid)
            self._process.kill()
        finally:
            self._answers.put(None)

    def _read_errors(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode(errors="replace").rstrip()
            self._last_words.append(text)
            log.info("worker: %s", text)


def _parsed(line: bytes) -> Answer:
    if not line.startswith(_EVENT):
        answer: dict[str, Any] = json.loads(line)
        return answer
    event = loads(line[len(_EVENT) : -2])
    assert isinstance(event, LaneEvent), "a worker sends events of lanes only"
    return event


class LocalEngine:
    """The engine of one device. `command` starts its worker process."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self._command, self._limits = command, limits
        self._process: WorkerProcess | None = None
        self._environment: Environment | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._runs = 0

    @property
    def known(self) -> Environment:
        """The environment as it was last stated; empty while no worker has said hello."""
        return self._environment or Environment()

    @property
    def pid(self) -> int | None:
        """Of the worker process, once there is one."""
        return self._process.pid if self._process else None

    def environment(self) -> Environment:
        with self._starting:
            self._worker()
            assert self._environment is not None
            return self._environment

    def evict(self, key: str | None) -> None:
        with self._starting:
            if self._runs:
                raise EngineError(RUN_IS_ON)
            if self._process is None or self._environment is None:
                raise EngineError(NOT_LOADED)
            self._process.send({"evict": key})
            try:
                answer = self._process.answer(_EVICT_TIMEOUT_S)
            except queue.Empty:
                raise EngineError(f"the worker process did not answer within {_EVICT_TIMEOUT_S:g} s") from None
            if answer is None:
                self._environment = None
                raise EngineError(f"the worker process of this device ended: {self._process.why_ended()}")
            assert isinstance(answer, dict)
            if "refused" in answer:
                raise EngineError(answer["refused"])
            self._environment = Environment.model_validate(answer["evicted"])

    def close(self) -> None:
        self._closed = True
        if self._process:
            self._process.close()

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        try:
            with self._starting:
                process = self._worker()
                self._runs += 1
        except EngineError as error:
            yield from (LaneFailed(lane, "worker_died", str(error)) for lane in lanes)
            return
        run_id = uuid.uuid4().hex
        process.send({"run": {"id": run_id, "lanes": list(lanes), "request": request.model_dump(mode="json"), "first": first}})
        watch = _Watch(process, run_id, lanes, request.measure.passes(first), cancel, self._limits)
        try:
            yield from watch.events()
        finally:
            watch.wait_quiet()
            self._after(process, watch)

    def _after(self, process: WorkerProcess, watch: _Watch) -> None:
        with self._starting:
            self._runs -= 1
            if self._process is not process or self._closed:
                return  # somebody has started another meanwhile
            self._environment = watch.environment
            if watch.environment is None:
                process.close()
                self._process = WorkerProcess(self._command)  # at once: it will be ready when the next run comes

    def _worker(self) -> WorkerProcess:
        """The process, started and greeted. Raises EngineError."""
        if self._closed:
            raise EngineError("the engine is closed")
        if self._process is None or not self._process.alive:
            self._process, self._environment = WorkerProcess(self._command), None
        if self._environment is None:
            self._environment = self._hello(self._process)
        return self._process

    def _hello(self, process: WorkerProcess) -> Environment:
        try:
            answer = process.answer(_START_TIMEOUT_S)
        except queue.Empty:
            process.close()
            raise EngineError(f"the worker process did not start within {_START_TIMEOUT_S:g} s") from None
        if answer is None:
            raise EngineError(f"the worker process did not start: {process.why_ended()}")
        assert isinstance(answer, dict)
        if "refused" in answer:
            raise EngineError(answer["refused"])
        return Environment.model_validate(answer["hello"])


class _Watch:
    """One run of a worker process, watched: Stop is passed on, silence and death are noticed."""

    def __init__(
        self, process: WorkerProcess, run_id: str, lanes: Sequence[int], passes: int, cancel: threading.Event, limits: Limits
    ) -> None:
        self._process, self._run_id, self._cancel, self._limits = process, run_id, cancel, limits
        self._left = dict.fromkeys(lanes, passes)
        self._loading = True
        self._heard_s = time.monotonic()
        self._stop_sent_s: float | None = None
        self._ended_why: str | None = None
        self._ended_kind: FailureKind = "worker_died"
        self.over = False
        self.environment: Environment | None = None
        """The worker's, after the run; None when it did not survive it."""

    def events(self) -> Iterator[LaneEvent]:
        while not self.over:
            if self._cancel.is_set():
                self._send_stop()
            try:
                answer = self._process.answer(_POLL_S)
            except queue.Empty:
                self._mind_the_time()
                continue
            self._heard_s = time.monotonic()
            if answer is None:
                self.over = True
                yield from self._failures()
            elif isinstance(answer, dict):
                self.over, self.environment = True, Environment.model_validate(answer["end"])
            else:
                self._note(answer)
                yield answer

    def wait_quiet(self) -> None:
        """After the reader left in the middle: Stop, and wait for it."""
        if not self.over:
            self._send_stop()
            for _ in self.events():
                continue

    def _send_stop(self) -> None:
        if self._stop_sent_s is None:
            self._stop_sent_s = time.monotonic()
            self._process.send({"cancel": self._run_id})

    def _mind_the_time(self) -> None:
        now, limits = time.monotonic(), self._limits
        silent_s = now - self._heard_s
        if self._stop_sent_s is not None:
            if now - self._stop_sent_s > limits.stop_s:
                self._process.kill()
        elif silent_s > (limits.load_s if self._loading else limits.stall_s):
            doing = "while loading" if self._loading else "while decoding"
            self._ended_why = f"it said nothing for {silent_s:.0f} s {doing} and was ended"
            self._ended_kind = "timeout"
            self._process.kill()

    def _note(self, event: LaneEvent) -> None:
        self._loading = not isinstance(event, RepeatStarted | StepsTaken)
        if isinstance(event, LaneFailed):
            self._left.pop(event.lane, None)
        elif isinstance(event, RepeatFinished) and event.lane in self._left:
            self._left[event.lane] -= 1

    def _failures(self) -> Iterator[LaneFailed]:
        """The lanes that the worker's end cut short; none after Stop, which is what was wished."""
        why = self._ended_why or self._process.why_ended()
        if self._stop_sent_s is None:
            for lane, left in self._left.items():
                if left:
                    yield LaneFailed(lane, self._ended_kind, f"the worker process of this device ended: {why}; it is started again")


class LocalFleet:
    """The machine's devices. Lanes that name none use the first CUDA device, or the CPU."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engines: dict[str | None, LocalEngine] = {}
        self._lock = threading.Lock()
        self._hub: bool | None = None

    def engine_for(self, lane: Lane, model_id: str = "") -> Engine:
        device = lane.variant.runtime.device
        if device is not None:
            found = self._engine(None).environment()
            there = found.cuda.lane_devices if found.cuda is not None else ("cpu",)
            if device not in there:
                raise EngineError(f"device {device} is not on this machine (allowed: {', '.join(there)})")
            if device == found.device:
                device = None
        return self._engine(device)

    def environment(self) -> Environment:
        environment = self._engine(None).environment()
        if self._hub is None:
            self._hub = hub.reachable()
        others = tuple(engine.known for device, engine in self._engines.items() if device is not None and not engine.known.empty)
        found = environment | Environment(hub_reachable=self._hub)
        return found | Environment(other_devices=others) if others else found

    def evict(self, key: str | None) -> None:
        with self._lock:
            engines = list(self._engines.values())
        holding = [engine for engine in engines if key is None or key in {one.key for one in engine.known.residents}]
        if not holding:
            raise EngineError(NOT_LOADED)
        for engine in holding:
            engine.evict(key)

    def close(self) -> None:
        with self._lock:
            for engine in self._engines.values():
                engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _engine(self, device: str | None) -> LocalEngine:
        with self._lock:
            if device not in self._engines:
                settings = self._settings
                limits = Limits(settings.load_timeout_s, settings.stall_timeout_s, settings.stop_grace_s)
                self._engines[device] = LocalEngine(worker_command(settings, device), limits)
            return self._engines[device]


def worker_command(settings: Settings, device: str | None = None) -> list[str]:
    """What starts a device's worker process."""
    command = [sys.executable, "-m", "playground.worker", "--cache-dir", str(settings.cache_dir)]
    if device is not None:
        command += ["--device", device]
    if settings.memory_budget_gb is not None:
        command += ["--budget-bytes", str(int(settings.memory_budget_gb * 1e9))]
    if settings.host_budget_gb is not None:
        command += ["--host-budget-bytes", str(int(settings.host_budget_gb * 1e9))]
    return command
