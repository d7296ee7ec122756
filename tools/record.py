"""Records what lanes cost on this machine: `make record`, or `python tools/record.py [--on-cpu] [--to FOLDER]` from a bare checkout.

Needs torch, transformers, peft, accelerate, bitsandbytes, greenlet, psutil, pydantic, pydantic-settings and typer; neither gradio nor a
network. On a CUDA device the lanes run a Llama of 0.66 billion random weights, made there in seconds (random weights cost what trained ones
do); on a CPU the embedded model. One recording a schedule, named by device and schedule, with the whole environment in it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playground.engines.local.client import LocalFleet  # noqa: E402
from playground.recordings.build import build_recording  # noqa: E402
from playground.recordings.schema import Recording  # noqa: E402
from playground.recordings.writing import dump_recording  # noqa: E402
from playground.runs.runner import Runner  # noqa: E402
from playground.settings import Settings  # noqa: E402
from playground.spec.measure import SCHEDULES  # noqa: E402
from playground.spec.names import EMBEDDED_MODEL  # noqa: E402
from playground.spec.request import RunRequest  # noqa: E402
from tests.gpu.made import REALISTIC, make_llama  # noqa: E402

LANES = {"cuda": ("fp16", "bf16", "int8", "nf4"), "cpu": ("bf16", "fp32", "int8", "nf4")}
PROMPT = "Why is the sky blue?"
TOKENS, REPEATS = 32, 6


def main(
    to: Annotated[Path, typer.Option(help="Where the recordings are written.")] = ROOT / "assets" / "recordings",
    on_cpu: Annotated[bool, typer.Option("--on-cpu", help="On the CPU, also where there is a CUDA device.")] = False,
) -> None:
    """Writes one recording a schedule; ends with 1 if a lane failed."""
    to.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() and not on_cpu else "cpu"
    with tempfile.TemporaryDirectory() as made:
        model = str(make_llama(Path(made) / "random-llama", REALISTIC, "cuda:0")) if device == "cuda" else EMBEDDED_MODEL
        with LocalFleet(Settings.read()) as fleet:
            runner = Runner(fleet.engine_for)
            recordings = [_recorded(runner, device, model, schedule) for schedule in SCHEDULES]
    for recording in recordings:
        path = to / f"{_slug(recording.environment.name)}-{recording.request.measure.schedule}.json"
        path.write_text(dump_recording(recording) + "\n", encoding="utf-8")
        typer.echo(path.name)
    failed = [lane.error for recording in recordings for lane in recording.lanes if lane.error]
    for error in failed:
        typer.echo(error, err=True)
    sys.exit(1 if failed else 0)


def _recorded(runner: Runner, device: str, model: str, schedule: str) -> Recording:
    lanes = [f"{lane}[device=cpu]" for lane in LANES["cpu"]] if device == "cpu" and torch.cuda.is_available() else LANES[device]
    name = EMBEDDED_MODEL if device == "cpu" else "random-llama"
    wanted = RunRequest.build(
        lanes=lanes,
        prompts=(PROMPT,),
        model=name,
        models={name: model},
        baseline=lanes.index(next(lane for lane in lanes if lane.startswith("bf16"))),
        measure={"schedule": schedule, "max_new_tokens": TOKENS, "warmup": 1, "repeats": REPEATS},
    )
    recording = build_recording(runner.start(wanted).reader().to_the_end())
    # Where the made model lay for a minute is nobody's business.
    return recording.model_copy(update={"request": wanted.model_copy(update={"models": {name: Path(model).name}})})


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    typer.run(main)
