"""Where these tests run: on the first CUDA device, or with `--on-cpu` on the CPU with a tiny model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.engines.base import Engine
from playground.engines.local.client import LocalFleet
from playground.settings import Settings
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import LaneEvent, RunFinished, RunStarted
from playground.timeline.state import LaneState, RunState
from playground.worker.process import Worker
from tests.gpu.made import REALISTIC, TINY, Shape, make_llama, make_lora

PROMPT = "Why is the sky blue?"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--on-cpu", action="store_true", help="run tests/gpu on the CPU with a tiny model, to check the tests themselves")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test below this folder is marked `gpu`, and skipped where it cannot run."""
    on_cpu, cuda = _on_cpu(config), torch.cuda.is_available()
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker("gpu")
        if on_cpu and "cuda_only" in item.fixturenames:  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.skip(reason="is about what only a CUDA device has"))
        elif not on_cpu and not cuda:
            item.add_marker(pytest.mark.skip(reason="there is no CUDA device here"))


def _on_cpu(config: pytest.Config) -> bool:
    # Options of this file are only known when the folder is named on pytest's command line.
    return bool(config.getoption("--on-cpu", default=False))


@pytest.fixture
def cuda_only() -> None:
    """Asked for by tests about the device's allocator, its memory or a second device."""


@dataclass(frozen=True, slots=True)
class Place:
    """The device, and the random model made for it."""

    device: str
    shape: Shape
    model: Path
    lora: Path

    def request(self, lanes: list[str], **more: Any) -> RunRequest:
        """A run of these lanes; what is not a request's field goes to `measure`."""
        fields = {name: more.pop(name) for name in list(more) if name in RunRequest.model_fields}
        return RunRequest.build(
            **{"lanes": lanes, "prompts": [PROMPT], "model": "m", "models": {"m": str(self.model)}, "adapters": {"lora": str(self.lora)}}
            | fields,
            measure={"max_new_tokens": 16, "warmup": 0, **more},
        )


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    device, shape = ("cpu", TINY) if _on_cpu(request.config) else ("cuda:0", REALISTIC)
    folder = tmp_path_factory.mktemp("made")
    model = make_llama(folder / "model", shape, device)
    return Place(device, shape, model, make_lora(model, folder / "lora", device))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: pre-quantized copies of one test serve the next, as they do in use."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def worker(place: Place, cache: Path) -> Iterator[Worker]:
    """In this process."""
    worker = Worker(cache, place.device)
    yield worker
    worker.close()


@pytest.fixture
def fleet(cache: Path) -> Iterator[LocalFleet]:
    """Worker processes, as the page has them."""
    with LocalFleet(Settings(cache_dir=cache)) as fleet:
        yield fleet


def run_lanes(engine: Engine, request: RunRequest) -> RunState:
    """The whole request on one engine."""
    view = RunState(request, "test", "now")
    view.apply(RunStarted((), Environment()))
    for event in engine.run(range(len(request.lanes)), request, threading.Event()):
        view.apply(event)
    view.apply(RunFinished("done"))
    return view


def ids(lane: LaneState) -> list[list[int]]:
    """Of the lane's last repeat, per row."""
    assert lane.error is None, f"{lane.label}: {lane.error}"
    return [list(row) for row in lane.repeats[-1].output_ids]


def of_lane(events: list[LaneEvent], lane: int) -> list[int]:
    """Where in the order of events this lane's stand."""
    return [place for place, event in enumerate(events) if event.lane == lane]
