"""The worker: one device, its pool and its thread. Also the process around it that the client talks to.

`Worker` is an `Engine` and can be used in-process (tests, platforms that fork for themselves). The process
(`python -m playground.worker`) reads commands and writes answers as JSON lines on its pipes, and ends when its input does.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import torch
import typer

from playground.errors import RUN_IS_ON, EngineError
from playground.models.cache import sweep
from playground.models.folders import StatusCallback
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, dumps
from playground.worker.device import Device, DeviceError
from playground.worker.estimate import ModelSizes, model_sizes
from playground.worker.job import Job
from playground.worker.loading import quiet_libraries
from playground.worker.pool import Pool
from playground.worker.prequantized import Copies, Hashes, Identity
from playground.worker.prompts import Encoder
from playground.worker.repeat import RepeatNote
from playground.worker.translate import Translator

SEND_EVERY_S = 0.05


class Worker:
    """Decodes on one device. `budget_bytes`: for loaded variants; default 80 % of what is free now. `host_budget_bytes`: for evicted
    ones that wait in the host's memory; default a quarter of what is free there now, and always 0 on a CPU, whose own memory that is."""

    def __init__(
        self, cache_dir: Path, device_name: str | None = None, budget_bytes: int | None = None, host_budget_bytes: int | None = None
    ) -> None:
        try:
            self.device = Device(device_name)
        except DeviceError as error:
            raise EngineError(str(error)) from None
        quiet_libraries()
        sweep(cache_dir)
        self.cache_dir, self._hashes = cache_dir, Hashes(cache_dir / "hashes.json")
        host_bytes = self.device.default_host_budget_bytes() if host_budget_bytes is None else host_budget_bytes
        budget_bytes = budget_bytes or self.device.default_budget_bytes()
        self._copies = Copies(cache_dir)
        self.pool = Pool(self.device, self._copies, budget_bytes, host_bytes if self.device.is_cuda else 0)
        self._default_threads = torch.get_num_threads()
        self._encoders: dict[str, Encoder] = {}
        self._sizes: dict[str, ModelSizes] = {}
        # One thread for the worker's whole life: its OpenMP team, its CUDA context, its grad mode.
        self._thread = ThreadPoolExecutor(1, "device", initializer=self.device.enter_thread)
        self._running: Future[None] | None = None

    def environment(self) -> Environment:
        pool = Environment(
            memory_budget_bytes=self.pool.budget_bytes,
            memory_used_bytes=self.pool.used_bytes,
            residents=self.pool.residents(),
            host_budget_bytes=self.pool.host_budget_bytes,
            host_used_bytes=self.pool.host_used_bytes,
            host_is_device=not self.device.is_cuda,
            copies_bytes=self._copies.size_bytes,
        )
        others, found = self.device.other_bytes(), self.device.environment() | pool
        return found if others is None else found | Environment(memory_other_bytes=others)

    def close(self) -> None:
        self._thread.submit(self.pool.clear).result()
        self._thread.shutdown()

    def evict(self, key: str | None = None) -> None:
        """See `Fleet.evict`."""
        if self._running is not None and not self._running.done():
            raise EngineError(RUN_IS_ON)
        self._thread.submit(self.pool.evict, key).result()

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        """See `Engine.run`. The device thread works; whoever iterates here turns its notes into events about 20 times a second."""
        notes: deque[RepeatNote | LaneEvent] = deque()
        gone = threading.Event()
        job = Job(self, request, notes.append, lambda: cancel.is_set() or gone.is_set())
        future: Future[None] = self._thread.submit(job.run, lanes, first)
        self._running = future
        translator = Translator()
        try:
            while True:
                over = future.done()
                yield from translator.events(notes.popleft() for _ in range(len(notes)))
                if over:
                    break
                wait([future], timeout=SEND_EVERY_S)
            future.result()
        finally:
            gone.set()
            future.exception()  # waits: when this iterator has ended, the device is quiet

    # What a job may use; device thread only.

    def use_threads(self, count: int | None) -> None:
        torch.set_num_threads(count or self._default_threads)

    def identity(self, folder: Path, report_status: StatusCallback) -> Identity:
        return self._hashes.of(folder, report_status)

    def encoder(self, folder: Path, identity: Identity) -> Encoder:
        if identity.fingerprint not in self._encoders:
            self._encoders[identity.fingerprint] = Encoder(folder)
        return self._encoders[identity.fingerprint]

    def model_sizes(self, folder: Path, identity: Identity) -> ModelSizes:
        if identity.fingerprint not in self._sizes:
            self._sizes[identity.fingerprint] = model_sizes(folder)
        return self._sizes[identity.fingerprint]


class _Process:
    """The worker as a process.

    Commands: {"run": {"id", "lanes", "request", "first"}}, {"cancel": id} and {"evict": key or null}. Answers: first
    {"hello": environment} or {"refused": why}, then for each run {"event": …}* {"end": environment}, for each evict
    {"evicted": environment} or {"refused": why}.
    """

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._work: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._cancels: dict[str, threading.Event] = {}

    def serve(self, cache_dir: Path, device: str | None, budget_bytes: int | None, host_budget_bytes: int | None) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            worker = Worker(cache_dir, device, budget_bytes, host_budget_bytes)
        except EngineError as error:
            self._send(json.dumps({"refused": str(error)}).encode())
            return
        self._send(_with_environment("hello", worker))
        while True:
            match self._work.get():
                case {"run": command}:
                    self._run(worker, command)
                case {"evict": key}:
                    self._evict(worker, key)

    def _run(self, worker: Worker, command: dict[str, Any]) -> None:
        cancel, request = self._cancels[command["id"]], RunRequest.model_validate(command["request"])
        for event in worker.run(command["lanes"], request, cancel, command["first"]):
            self._send(b'{"event":' + dumps(event) + b"}")
        del self._cancels[command["id"]]
        self._send(_with_environment("end", worker))

    def _evict(self, worker: Worker, key: str | None) -> None:
        try:
            worker.evict(key)
        except EngineError as error:
            self._send(json.dumps({"refused": str(error)}).encode())
        else:
            self._send(_with_environment("evicted", worker))

    def _listen(self) -> None:
        """When the input ends the page is gone, and so is this worker, whatever it is doing."""
        try:
            for line in self._commands:
                command = json.loads(line)
                if "run" in command:
                    self._cancels[command["run"]["id"]] = threading.Event()
                if "cancel" not in command:
                    self._work.put(command)
                elif cancel := self._cancels.get(command["cancel"]):
                    cancel.set()
        finally:
            os._exit(0)

    def _send(self, line: bytes) -> None:
        self._answers.write(line + b"\n")
        self._answers.flush()


def _with_environment(answer: str, worker: Worker) -> bytes:
    return json.dumps({answer: worker.environment().model_dump(mode="json")}).encode()


def main(
    cache_dir: Annotated[Path, typer.Option()],
    device: Annotated[str | None, typer.Option()] = None,
    budget_bytes: Annotated[int | None, typer.Option()] = None,
    host_budget_bytes: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Serves one device on the process's own pipes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not land among the answers
    _Process(sys.stdin.buffer, answers).serve(cache_dir, device, budget_bytes, host_budget_bytes)
