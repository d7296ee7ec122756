"""The whole thing on the embedded model: the command line, the page's endpoint, and what is left when the page is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from gradio_client import Client

from playground.analysis.measuring import measure
from playground.recordings.schema import Recording
from playground.spec.names import EMBEDDED_MODEL
from tests.browser.conftest import wait_until_up
from tests.pages import free_port
from tests.worker import bare

ROOT = Path(__file__).parent.parent
PROMPT = "Why is the sky blue?"

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A real `python app.py` and its address. The last test of this file kills it."""
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process, wait_until_up(process, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def greedy(embedded: Path) -> list[list[int]]:
    """What bare `generate` answers to the prompt."""
    return bare.generate(embedded, [PROMPT])


def test_the_command_line_says_what_bare_generate_says_and_one_bad_lane_leaves_the_others(
    tmp_path: Path, embedded: Path, greedy: list[list[int]]
) -> None:
    lanes = ("fp32", "nf4", "fp32/beam(num_beams=2)", "fp32/top_p(p=0.9)@2", "bad:fp32")
    models = ("--model", f"smollm2-135m={EMBEDDED_MODEL}", "--model", f"bad={tmp_path}")
    options = (*(part for lane in lanes for part in ("--lane", lane)), *models, "--prompt", PROMPT, "--max-new-tokens", "12")
    command = [sys.executable, "-m", "playground", "run", *options, "--json", "-"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    recording = Recording.model_validate(json.loads(done.stdout))
    assert "has no config.json" in str(recording.lanes[4].error)
    assert [list(row) for row in recording.lanes[0].repeats[-1].output_ids] == greedy
    assert [list(row) for row in recording.lanes[2].repeats[-1].output_ids] == bare.generate(embedded, [PROMPT], num_beams=2)
    for lane in recording.lanes[:4]:
        warmup, counted = lane.repeats
        assert (warmup.warmup, counted.warmup) == (True, False)
        assert len(counted.steps) == 12
        assert counted.finish == ("length",) * lane.lane.batch
        assert measure(counted).e2e_s == pytest.approx(counted.end_s)
        assert lane.loads
        assert lane.weights_bytes is not None
    assert recording.environment.versions["torch"]
    assert recording.lanes[1].facts.quantized_modules == 210


def test_the_endpoint_streams_and_ends_with_the_recording(page: tuple[subprocess.Popen[bytes], str], greedy: list[list[int]]) -> None:
    _, url = page
    job = Client(url, verbose=False).submit(
        lanes=["fp32", "nf4@2"], prompts=[PROMPT], max_new_tokens=12, schedule="interleaved", api_name="/run"
    )
    frames = list(job)
    recording = Recording.model_validate(frames[-1]["recording"])
    assert [list(row) for row in recording.lanes[0].repeats[-1].output_ids] == greedy
    growing = [len(frame["lanes"][0]["texts"][0]) for frame in frames if frame["lanes"][0]["texts"]]
    assert len(set(growing)) > 3, "the text grew while the run went on"


def test_a_killed_page_leaves_no_worker(page: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = page
    job = Client(url, verbose=False).submit(lanes=["fp32"], prompts=[PROMPT], max_new_tokens=2000, api_name="/run")
    while not any(frame["lanes"][0]["tokens"] > 2 for frame in job.outputs()):
        time.sleep(0.1)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert any("playground.worker" in worker.cmdline() for worker in workers)
    os.kill(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
