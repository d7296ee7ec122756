"""Downloads from a Hub: a real one in small (`tests/hub.py`), real processes, and no network beyond this machine."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from playground.engines.local.client import LocalEngine, LocalFleet
from playground.models.hub import Cancelled, HubError, HubModel, Pace, Progress, download, find
from playground.models.hub_download import sentence_for
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.timeline.events import LaneEvent, LaneStatus
from tests.hub import Hub, Repository, serving_hub
from tests.tiny_models import random_llama
from tests.worker.conftest import request_for, run_lanes

SLOW = 500_000.0
"""Bytes a second: some seconds for `tiny`'s weights as they are padded here."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving_hub() as hub:
        yield hub


@pytest.fixture(scope="session")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of some megabytes, with what nobody needs beside it."""
    folder = random_llama(tmp_path_factory.mktemp("hub") / "larger", hidden=256, layers=4)
    for name in ("pytorch_model.bin", "model.gguf", "consolidated.safetensors", "onnx/model.onnx", "README.md", "original/params.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"unwanted")
    return folder


def model(hub: Hub, at: Path, model_id: str = "me/larger") -> HubModel:
    repo, _, revision = model_id.partition("@")
    return HubModel(repo, revision or None, hub.url, at / "hub")


def never() -> bool:
    return False


def parts(wanted: HubModel) -> list[Path]:
    return list(wanted.cache_dir.rglob("*.incomplete"))


def test_only_what_is_needed_is_brought_and_its_size_and_progress_are_told(hub: Hub, larger: Path, tmp_path: Path) -> None:
    hub.repositories["me/larger"] = Repository(larger, bytes_per_s=2_000_000)
    shown: list[Progress] = []
    folder = download(model(hub, tmp_path), shown.append, never)
    brought = {path.name for path in folder.rglob("*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= brought
    assert not brought & {"pytorch_model.bin", "model.gguf", "consolidated.safetensors", "model.onnx", "README.md", "params.json"}
    assert (folder / "model.safetensors").read_bytes() == (larger / "model.safetensors").read_bytes()
    assert {progress.total_bytes for progress in shown} == {sum(path.stat().st_size for path in folder.iterdir())}
    done = [progress.done_bytes for progress in shown]
    assert done == sorted(done)
    assert any(0 < progress.fraction < 1 and progress.bytes_per_s for progress in shown)
    assert find(model(hub, tmp_path)) == folder


def test_progress_is_shown_no_more_often_than_it_can_be_read(hub: Hub, larger: Path, tmp_path: Path) -> None:
    """On a clock that stands still it is shown once, however long it takes."""
    hub.repositories["me/larger"] = Repository(larger, bytes_per_s=3_000_000)
    shown: list[Progress] = []
    download(model(hub, tmp_path), shown.append, never, clock=lambda: 1.0)
    assert len(shown) == 1


@pytest.mark.parametrize("stalls", [None, 1_000_000])
def test_stop_leaves_nothing_broken_and_the_next_download_goes_on(hub: Hub, larger: Path, tmp_path: Path, stalls: int | None) -> None:
    """Also when the Hub has fallen silent and no byte comes that could look at the flag."""
    hub.repositories["me/larger"] = Repository(larger, bytes_per_s=SLOW, stalls_after_bytes=stalls)
    wanted, shown = model(hub, tmp_path), list[Progress]()
    with pytest.raises(Cancelled):
        download(wanted, shown.append, lambda: any(progress.fraction > 0.01 for progress in shown))
    assert find(wanted) is None
    assert parts(wanted) == []
    hub.repositories["me/larger"] = Repository(larger)
    folder = download(wanted, shown.append, never)
    assert (folder / "model.safetensors").read_bytes() == (larger / "model.safetensors").read_bytes()
    assert hub.sent("*/config.json") == 1, "what was complete is kept"


def test_what_a_killed_download_left_is_removed_by_the_next(hub: Hub, larger: Path, tmp_path: Path) -> None:
    """But not what somebody else is writing now."""
    hub.repositories["me/larger"] = Repository(larger)
    wanted = model(hub, tmp_path)
    blobs, locks = wanted.cache_dir / "models--me--larger" / "blobs", wanted.cache_dir / ".locks" / "models--me--larger"
    for folder in (blobs, locks):
        folder.mkdir(parents=True)
    left, busy = blobs / "aa.12345678.incomplete", blobs / "bb.12345678.incomplete"
    for part in (left, busy):
        part.write_bytes(b"half")
    with FileLock(locks / "bb.lock"):
        download(wanted, lambda progress: None, never)
    assert not left.exists()
    assert busy.exists()


@pytest.mark.parametrize(
    ("model_id", "sentence"),
    [
        ("me/gated", "'me/gated' is gated: accept its licence at {hub}/me/gated, then log in with `hf auth login` or set HF_TOKEN on the"),
        ("me/private", "'me/private' is not on the Hub, or it is private: check the id at {hub}/me/private; for a private one log in"),
        ("me/nothing", "'me/nothing' is not on the Hub, or it is private"),
        ("me/larger@v2", "'me/larger' has no revision 'v2'; see {hub}/me/larger/tree/main"),
        ("me/pickled", "'me/pickled' has no safetensors weights on the Hub ({hub}/me/pickled), only .bin, .gguf; others are not loaded"),
        ("me/text", "'me/text' has no config.json on the Hub"),
        ("me/huge", "'me/huge' needs 1,000,000,000 GB of disk, "),
        ("a/b/c", "'a/b/c' is neither a folder nor an id of the Hub (allowed: organisation/name)"),
    ],
)
def test_what_cannot_be_had_says_why_and_how_to_get_access(hub: Hub, larger: Path, tmp_path: Path, model_id: str, sentence: str) -> None:
    pickled, text = tmp_path / "pickled", tmp_path / "text"
    shutil.copytree(larger, pickled, ignore=shutil.ignore_patterns("*.safetensors"))
    text.mkdir()
    (text / "README.md").write_text("no model")
    hub.repositories |= {
        "me/larger": Repository(larger),
        "me/gated": Repository(larger, gated=True),
        "me/private": Repository(larger, private=True),
        "me/pickled": Repository(pickled),
        "me/text": Repository(text),
        "me/huge": Repository(larger, sizes={"model.safetensors": 10**18}),
    }
    with pytest.raises(HubError) as error:
        download(model(hub, tmp_path, model_id), lambda progress: None, never)
    assert f"model {sentence.format(hub=hub.url)}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hub_that_is_not_in_reach(tmp_path: Path, hub: Hub) -> None:
    nowhere = HubModel("me/larger", None, "http://127.0.0.1:1", tmp_path)
    with pytest.raises(HubError, match=r"'me/larger' is not on this machine and the Hub is not in reach \(http://127.0.0.1:1\)$"):
        download(nowhere, lambda progress: None, never)


def test_a_full_disk_is_named() -> None:
    wanted = HubModel("me/larger", None, "https://huggingface.co", Path("/somewhere"))
    assert sentence_for(OSError(errno.ENOSPC, "No space left on device"), wanted) == (
        "the disk is full in '/somewhere' while downloading 'me/larger'; free some or set HF_HOME to a larger disk"
    )


def test_a_folder_that_cannot_be_written_is_named(hub: Hub, larger: Path) -> None:
    """A file where a folder should be: refused to root as well."""
    hub.repositories["me/larger"] = Repository(larger)
    with pytest.raises(
        HubError, match=r"^'/dev/null/x/hub' cannot be written to download 'me/larger'; set HF_HOME to a folder that can be$"
    ):
        download(model(hub, Path("/dev/null/x")), lambda progress: None, never)


def test_the_address_of_the_real_hub_is_said_as_people_know_it() -> None:
    assert HubModel("org/name", None, "https://huggingface.co", Path()).address == "huggingface.co/org/name"


def test_a_model_that_lacks_one_of_its_weight_files_is_not_there(tmp_path: Path) -> None:
    """Whatever brought the others: `hf download` with a pattern, say."""
    wanted = HubModel("me/parts", None, "https://huggingface.co", tmp_path)
    storage = tmp_path / "models--me--parts"
    folder = storage / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text("a" * 40)
    (folder / "config.json").write_text("{}")
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(zip("ab", names, strict=True))}))
    (folder / names[0]).write_bytes(b"")
    assert find(wanted) is None
    (folder / names[1]).write_bytes(b"")
    assert find(wanted) == folder


@given(st.lists(st.integers(0, 10**10), min_size=2, max_size=40), st.floats(0.25, 10))
def test_the_pace_is_of_the_last_seconds_and_never_below_zero(steps: list[int], period_s: float) -> None:
    pace, total = Pace(), sum(steps)
    for index, done in enumerate(itertools.accumulate(steps)):
        progress = pace.take(index * period_s, done, total)
        assert 0 <= progress.fraction <= 1
        window = steps[max(1, index + 1 - max(1, int(3 / period_s) + 1)) : index + 1]
        assert progress.bytes_per_s is None or progress.bytes_per_s <= max(window, default=0) / period_s * (1 + 1e-9)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(1_200_000_000, 3_400_000_000, 35_120_000.0), "downloading, 1.20 of 3.40 GB, 35.1 MB/s"),
        (Progress(0, 93_400_000, None), "downloading, 0.0 of 93.4 MB"),
        (Progress(50, 100, 0.0), "downloading, 50 of 100 B, waiting for the Hub"),
    ],
)
def test_progress_in_words(progress: Progress, words: str) -> None:
    assert progress.words == words


@pytest.fixture
def fleet(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalFleet]:
    """A worker process that uses this Hub."""
    for name, value in hub.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    with LocalFleet(Settings(cache_dir=tmp_path / "cache")) as fleet:
        yield fleet


def downloads(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "playground.models.hub_download" in child.cmdline()]


def test_a_run_shows_its_download_stops_in_it_and_then_has_the_model(hub: Hub, fleet: LocalFleet, larger: Path) -> None:
    hub.repositories["me/larger"] = Repository(larger, bytes_per_s=SLOW)
    engine, cancel = fleet.engine_for(Lane.parse("bf16")), threading.Event()
    assert isinstance(engine, LocalEngine)
    engine.environment()
    pid = engine.pid

    def stop(event: LaneEvent) -> None:
        if isinstance(event, LaneStatus) and event.fraction:
            cancel.set()

    request = request_for(larger, ["bf16", "fp32"], models={"m": "me/larger"})
    stopped = run_lanes(engine, request, cancel, stop)
    assert [lane.error for lane in stopped.view.lanes] == [None, None]
    assert stopped[0].status == "stopped while downloading"
    assert not any(isinstance(event, LaneStatus) and event.lane == 1 for event in stopped.events), "the other lane began nothing"
    hub.repositories["me/larger"].bytes_per_s = None
    ran = run_lanes(engine, request)
    assert [len(row) for row in (*ran.ids(0), *ran.ids(1))] == [12, 12]
    assert ran[0].fraction is None
    assert engine.pid == pid, "nothing of it cost the worker"


def test_a_killed_worker_takes_its_download_with_it(hub: Hub, fleet: LocalFleet, larger: Path) -> None:
    hub.repositories["me/larger"] = Repository(larger, bytes_per_s=SLOW, stalls_after_bytes=100_000)
    engine = fleet.engine_for(Lane.parse("bf16"))
    assert isinstance(engine, LocalEngine)
    found: list[psutil.Process] = []

    def kill(event: LaneEvent) -> None:
        if isinstance(event, LaneStatus) and event.fraction and not found:
            assert engine.pid is not None
            found.extend(downloads(engine.pid))
            os.kill(engine.pid, signal.SIGKILL)

    ran = run_lanes(engine, request_for(larger, ["bf16"], models={"m": "me/larger"}), on_event=kill)
    assert ran[0].error_kind == "worker_died"
    [process] = found
    assert psutil.wait_procs([process], timeout=10)[1] == []
