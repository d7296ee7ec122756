"""Bad input costs its own lane one clear sentence, and the other lanes nothing."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from playground.errors import EngineError
from playground.timeline.events import LaneEvent, RepeatFinished, StepsTaken
from playground.worker.process import Worker
from tests.tiny_models import random_llama, random_lora
from tests.worker.conftest import request_for, run_lanes


def folder_without(tiny: Path, folder: Path, *patterns: str) -> Path:
    shutil.copytree(tiny, folder)
    for pattern in patterns:
        for file in folder.glob(pattern):
            file.unlink()
    return folder


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda tiny, at: at / "nowhere", "does not exist"),
        (lambda tiny, at: folder_without(tiny, at / "x", "config.json"), "has no config.json"),
        (lambda tiny, at: folder_without(tiny, at / "x", "*.safetensors"), "has no weights; allowed: safetensors files"),
        (lambda tiny, at: folder_without(tiny, at / "x", "tokenizer*"), "the tokenizer in 'x' cannot be read"),
        (lambda tiny, at: Path("nobody/no-such-model"), "is not on this machine and the Hub is not in reach"),
    ],
)
def test_a_model_that_cannot_be_had(
    make: Callable[[Path, Path], Path], sentence: str, worker: Worker, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    request = request_for(tiny, ["bad:fp32", "fp32"], models={"bad": str(make(tiny, tmp_path))})
    ran = run_lanes(worker, request)
    assert ran[0].error is not None
    assert sentence in ran[0].error
    assert "\n" not in ran[0].error
    assert len(ran.ids(1)[0]) == 12


def test_an_adapter_that_does_not_fit(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    wide = random_lora(random_llama(tmp_path / "wide", hidden=128), tmp_path / "lora")
    ran = run_lanes(worker, request_for(tiny, ["fp32+wide", "fp32"], adapters={"wide": wide}, schedule="interleaved"))
    assert ran[0].error_kind == "adapter"
    assert "adapter 'wide' does not fit the model" in str(ran[0].error)
    assert len(ran.ids(1)[0]) == 12


def test_a_prompt_longer_than_the_context(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32"], prompts=["word " * 300]))
    assert "new ones it is longer than the model's context of 1024" in str(ran[0].error)


def test_a_chat_template_that_does_not_end(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(9) %}{% endfor %}{% endfor %}{% endfor %}"
    endless = random_llama(tmp_path / "endless", template=loop)
    began = time.monotonic()
    ran = run_lanes(worker, request_for(tiny, ["bad:fp32", "fp32"], models={"bad": str(endless)}))
    assert "chat template did not finish within 5 s" in str(ran[0].error)
    assert len(ran.ids(1)[0]) == 12
    assert time.monotonic() - began < 30
    while any(thread.name == "chat-template" for thread in threading.enumerate()):
        assert time.monotonic() - began < 60, "the template's thread was ended"
        time.sleep(0.05)


def test_a_chat_template_that_refuses(worker: Worker, tmp_path: Path) -> None:
    refusing = random_llama(tmp_path / "r", template="{{ raise_exception('only lower case') }}")
    ran = run_lanes(worker, request_for(refusing, ["fp32"]))
    assert "chat template refused the prompt: only lower case" in str(ran[0].error)


def test_a_chat_template_that_fails(worker: Worker, tmp_path: Path) -> None:
    broken = random_llama(tmp_path / "b", template="{{ 1 / 0 }}")
    assert "chat template failed: division by zero" in str(run_lanes(worker, request_for(broken, ["fp32"]))[0].error)


def test_a_system_prompt_without_a_template(worker: Worker, tmp_path: Path) -> None:
    plain = random_llama(tmp_path / "plain", template=None)
    assert "needs a chat template" in str(run_lanes(worker, request_for(plain, ["fp32"], system="Be brief."))[0].error)
    assert run_lanes(worker, request_for(plain, ["fp32"]))[0].error is None


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    count = torch.cuda.device_count()
    with pytest.raises(EngineError, match=rf"device cuda:{count} is not on this machine \(allowed: cpu"):
        Worker(tmp_path, f"cuda:{count}")


def test_a_lane_over_its_time_is_stopped_and_the_next_runs(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32"], timeout_s=0.02, max_new_tokens=900))
    assert ran[0].error_kind == "timeout"
    assert ran[0].repeats[0].finish == ("timeout",)
    assert 0 < len(ran[0].repeats[0].output_ids[0]) < 900
    assert run_lanes(worker, request_for(tiny, ["fp32"]))[0].error is None


@pytest.mark.parametrize("lane", ["fp32", "fp32/beam(num_beams=3)", "fp32@4"])
@pytest.mark.parametrize("schedule", ["exclusive", "interleaved"])
def test_stop_ends_every_lane_and_keeps_what_there_is(worker: Worker, tiny: Path, lane: str, schedule: str) -> None:
    cancel = threading.Event()

    def stop(event: LaneEvent) -> None:
        if isinstance(event, StepsTaken):
            cancel.set()

    ran = run_lanes(worker, request_for(tiny, [lane, "fp32"], schedule=schedule, max_new_tokens=900), cancel, stop)
    finished = [event for event in ran.events if isinstance(event, RepeatFinished)]
    assert finished
    assert finished[0].finish == ("cancelled",) * ran[finished[0].lane].lane.batch
    assert all(len(row) < 900 for row in finished[0].output_ids)
    assert len(run_lanes(worker, request_for(tiny, ["fp32"])).ids(0)[0]) == 12


def test_a_reader_that_leaves_ends_the_run(worker: Worker, tiny: Path) -> None:
    events = worker.run([0], request_for(tiny, ["fp32"], max_new_tokens=900, repeats=50), threading.Event())
    for event in events:
        if isinstance(event, StepsTaken):
            break
    events.close()  # type: ignore[attr-defined]
    assert len(run_lanes(worker, request_for(tiny, ["fp32"])).ids(0)[0]) == 12
