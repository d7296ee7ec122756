"""What the tests of the local device share: models, workers in-process, and a short way to run lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.engines.base import Engine
from playground.spec.request import RunRequest
from playground.spec.workload import Workload
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, RunFinished, RunStarted
from playground.timeline.state import LaneState, RunState
from playground.worker.process import Worker


@pytest.fixture(scope="session", autouse=True)
def no_gradients() -> None:
    torch.set_grad_enabled(False)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(tmp_path / "cache", "cpu")
    yield worker
    worker.close()


@dataclass
class Ran:
    """A run's end and its events."""

    view: RunState
    events: list[LaneEvent] = field(default_factory=list)

    def __getitem__(self, lane: int) -> LaneState:
        return self.view.lanes[lane]

    def ids(self, lane: int) -> tuple[tuple[int, ...], ...]:
        """Output ids of the lane's last repeat."""
        assert self[lane].error is None, self[lane].error
        return self[lane].repeats[-1].output_ids


def run_lanes(
    engine: Engine,
    request: RunRequest,
    cancel: threading.Event | None = None,
    on_event: Callable[[LaneEvent], None] = lambda event: None,
) -> Ran:
    """Runs a whole request on one engine."""
    ran = Ran(RunState(request, "test", "now"))
    ran.view.apply(RunStarted((), Environment()))
    cancel = cancel or threading.Event()
    for event in engine.run(range(len(request.lanes)), request, cancel):
        ran.view.apply(event)
        ran.events.append(event)
        on_event(event)
    ran.view.apply(RunFinished("cancelled" if cancel.is_set() else "done"))
    return ran


def request_for(model: Path, lanes: list[str], adapters: dict[str, Path] | None = None, **more: Any) -> RunRequest:
    """A request for lanes of one model; what is neither its field nor the workload's goes to `measure`."""
    fields = {name: more.pop(name) for name in list(more) if name in {*RunRequest.model_fields, *Workload.model_fields}}
    measure = {"max_new_tokens": 12, "warmup": 0, **more}
    known = {name: str(path) for name, path in (adapters or {}).items()}
    return RunRequest.build(
        lanes=lanes,
        prompts=fields.pop("prompts", ["Why is the sky blue?"]),
        model="m",
        models={"m": str(model), **fields.pop("models", {})},
        adapters=known,
        measure=measure,
        **fields,
    )
