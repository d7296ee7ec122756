"""What benchmarks share: the model, requests, and runs taken to their end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from playground.recordings.build import build_recording
from playground.recordings.schema import Recording
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.request import RunRequest

PROMPT = "Why is the sky blue? Explain it to a child, then to a physicist."


@dataclass(frozen=True, slots=True)
class Setup:
    """`folder`: the embedded model's files. `quick`: enough to see that a benchmark works, too little to believe its figures."""

    settings: Settings
    folder: Path
    console: Console
    quick: bool

    def pick(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole

    def request(self, lanes: list[str], **measure: Any) -> RunRequest:
        return request(self.folder, lanes, **measure)

    def say(self, text: str) -> None:
        self.console.print(f"[dim]{text}[/dim]", highlight=False)


def request(folder: Path, lanes: list[str], **measure: Any) -> RunRequest:
    """A run of these lanes on the model in `folder`, length fixed."""
    return RunRequest.build(
        lanes=lanes, prompts=(PROMPT,), model="model", models={"model": str(folder)}, measure={"fixed_length": True, **measure}
    )


class BenchmarkError(Exception):
    """A benchmark could not be measured; one sentence."""


def whole(run: Run) -> Recording:
    """The run to its end. Raises BenchmarkError when a lane failed: what is left of it is no figure."""
    reader = run.reader()
    for _ in reader.events():
        continue
    recording = build_recording(reader.view)
    failed = [f"{lane.label}: {lane.error}" for lane in recording.lanes if lane.error]
    if failed:
        raise BenchmarkError("; ".join(failed))
    return recording


def measured(runner: Runner, wanted: RunRequest) -> Recording:
    return whole(runner.start(wanted))
