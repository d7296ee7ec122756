"""Pre-quantized copies: damaged ones are found and made again, and a disk that takes no more costs the copy, never the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from playground.cli.app import main
from playground.engines.local.client import Limits, LocalEngine, LocalFleet
from playground.models.cache import NOTE, read_note
from playground.settings import ROOT, Settings
from playground.spec.lane import Lane
from playground.timeline.events import LaneStatus
from playground.worker.process import Worker
from tests.worker.conftest import Ran, request_for, run_lanes

NF4 = "nf4[double_quant=false,compute=bf16]"


def said(ran: Ran, *parts: str) -> list[str]:
    """The statuses with all these parts."""
    texts = [event.text for event in ran.events if isinstance(event, LaneStatus)]
    return [text for text in texts if all(part in text for part in parts)]


def copies(cache: Path) -> list[Path]:
    return sorted((cache / "prequantized").iterdir())


def test_a_copy_says_what_it_is(tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu")
    assert worker.environment().copies_bytes == 0
    ran = run_lanes(worker, request_for(tiny, ["nf4[compute=fp32]"]))
    environment = worker.environment()
    worker.close()
    [copy] = copies(tmp_path)
    note = read_note(copy)
    assert note is not None
    assert (note.model, note.variant) == (str(tiny), "nf4[double_quant=false,compute=fp32]")
    assert note.versions["torch"] == environment.versions["torch"]
    assert note.files["model.safetensors"].size_bytes == (copy / "model.safetensors").stat().st_size
    assert environment.copies_bytes == sum(file.stat().st_size for file in copy.iterdir())
    assert ran[0].facts.copy_error is None


def flip_a_weight(copy: Path) -> None:
    """One bit in the middle of the weights: the file loads and says something else."""
    file = copy / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-len(content) // 4] ^= 0x40
    file.write_bytes(content)


def cut(copy: Path) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])


def change_the_config(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["rms_norm_eps"] = 0.5
    (copy / "config.json").write_text(json.dumps(config))


def add_a_file(copy: Path) -> None:
    shutil.copy(copy / "model.safetensors", copy / "more.safetensors")


def half_a_note(copy: Path) -> None:
    (copy / NOTE).write_bytes((copy / NOTE).read_bytes()[:50])


@pytest.mark.parametrize("precision", ["nf4", "int8"])
@pytest.mark.parametrize("damage", [flip_a_weight, cut, change_the_config, add_a_file, half_a_note, lambda copy: (copy / NOTE).unlink()])
def test_a_damaged_copy_is_found_made_again_and_said(damage: Callable[[Path], None], precision: str, tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu")
    first = run_lanes(worker, request_for(tiny, [precision]))
    worker.evict()
    damage(copies(tmp_path)[0])
    second = run_lanes(worker, request_for(tiny, [precision]))
    worker.evict()
    third = run_lanes(worker, request_for(tiny, [precision]))
    worker.close()
    assert said(second, f"the {precision} copy was damaged and is made again")
    assert [second[0].load_kind, third[0].load_kind] == ["cold", "prequantized"]
    assert first.ids(0) == second.ids(0) == third.ids(0)


def test_a_copy_that_was_only_moved_is_read_through_once_and_is_fine(tiny: Path, tmp_path: Path) -> None:
    """As when a cache is unpacked from an archive: other times of change, the same bytes."""
    worker = Worker(tmp_path, "cpu")
    run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.evict()
    [copy] = copies(tmp_path)
    os.utime(copy / "model.safetensors", ns=(1, 1))
    assert run_lanes(worker, request_for(tiny, ["nf4"]))[0].load_kind == "prequantized"
    worker.close()
    note = read_note(copy)
    assert note is not None
    assert note.files["model.safetensors"].mtime_ns == 1, "remembered, so that it is not read at each load"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    """A real worker process."""
    with LocalFleet(Settings(cache_dir=tmp_path / "cache")) as fleet:
        engine = fleet.engine_for(Lane.parse("nf4[device=cpu]"))
        assert isinstance(engine, LocalEngine)
        yield engine


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set on another process, which only Linux can")
def test_a_file_that_cannot_be_written_costs_the_copy_and_a_later_run_tries_again(engine: LocalEngine, tiny: Path, tmp_path: Path) -> None:
    engine.environment()
    assert engine.pid
    worker = psutil.Process(engine.pid)
    unlimited = worker.rlimit(psutil.RLIMIT_FSIZE)
    assert unlimited is not None
    worker.rlimit(psutil.RLIMIT_FSIZE, (20_000, unlimited[1]))
    request = request_for(tiny, ["nf4[device=cpu]", "fp32[device=cpu]"])
    full = run_lanes(engine, request)
    assert said(full, f"no {NF4} copy is kept: file too large while writing to the cache folder", "cache --prune")
    assert (full[0].facts.copy_error or "").startswith("no nf4")
    assert copies(tmp_path / "cache") == [], "nothing half-written is left"
    worker.rlimit(psutil.RLIMIT_FSIZE, unlimited)
    loaded = []
    for _ in range(2):
        engine.evict(None)
        ran = run_lanes(engine, request)
        assert (ran.ids(0), ran.ids(1)) == (full.ids(0), full.ids(1))
        loaded.append(ran[0].load_kind)
    assert (full[0].load_kind, loaded) == ("cold", ["cold", "prequantized"])


def worker_on_a_small_disk(disk: Path, size_kb: int) -> LocalEngine:
    """A worker process whose cache folder is a file system of its own, of this size, that it alone sees."""
    mount = f'mount -t tmpfs -o size={size_kb}k none "$0" && exec "$@"'
    worker = [sys.executable, "-m", "playground.worker", "--cache-dir", str(disk), "--device", "cpu"]
    return LocalEngine(["unshare", "--mount", "sh", "-c", mount, str(disk), *worker], Limits())


def may_mount() -> bool:
    try:
        done = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this process may not mount a file system")
@pytest.mark.parametrize(("size_kb", "sentence"), [(40, "are free in the cache folder"), (96, "no space left on device while writing to")])
def test_a_full_disk_costs_the_copy_and_nothing_else(size_kb: int, sentence: str, tiny: Path, tmp_path: Path) -> None:
    """Too full to begin; and room for the tensors, but not for all that stands beside them (a file there takes whole pages of 4 kB)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    engine = worker_on_a_small_disk(disk, size_kb)
    try:
        ran = run_lanes(engine, request_for(tiny, ["nf4"]))
        environment = engine.environment()
    finally:
        engine.close()
    assert said(ran, "no nf4", sentence, "PLAYGROUND_CACHE_DIR"), [e for e in ran.events if isinstance(e, LaneStatus)]
    assert (len(ran.ids(0)[0]), ran[0].load_kind) == (12, "cold")
    assert environment.copies_bytes == 0


def test_a_cache_folder_that_cannot_be_written_costs_the_copy_and_nothing_else(tiny: Path, tmp_path: Path) -> None:
    """A file where the folder should be: refused to root as well."""
    (tmp_path / "cache").write_text("")
    worker = Worker(tmp_path / "cache", "cpu")
    ran = run_lanes(worker, request_for(tiny, ["nf4"]))
    environment = worker.environment()
    worker.close()
    assert said(ran, f"no {NF4} copy is kept:", "while writing to", "PLAYGROUND_CACHE_DIR")
    assert len(ran.ids(0)[0]) == 12
    assert environment.copies_bytes == 0


@pytest.mark.skipif(not may_mount(), reason="this process may not mount a file system")
def test_a_read_only_copy_is_read_and_a_new_one_is_not_kept(tiny: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    worker = Worker(cache, "cpu")
    first = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.close()
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    command = [sys.executable, "-m", "playground.worker", "--cache-dir", str(cache), "--device", "cpu"]
    engine = LocalEngine(["unshare", "--mount", "sh", "-c", mount, str(cache), *command], Limits())
    try:
        ran = run_lanes(engine, request_for(tiny, ["nf4", "int8"]))
    finally:
        engine.close()
    assert [ran[0].load_kind, ran[1].load_kind] == ["prequantized", "cold"]
    assert ran.ids(0) == first.ids(0)
    assert said(ran, "no int8", "read-only file system while writing to")


def test_pruning_does_not_harm_a_run_that_reads_a_copy(tiny: Path, tmp_path: Path) -> None:
    """The weights of a copy are mapped, not read: they must stay while it is loaded."""
    worker = Worker(tmp_path, "cpu")
    first = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.evict()
    assert run_lanes(worker, request_for(tiny, ["nf4"]))[0].load_kind == "prequantized"
    pruned = subprocess.run(
        [sys.executable, "-m", "playground", "cache", "--prune", "--all"],
        cwd=ROOT,
        env=os.environ | {"PLAYGROUND_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "removed " in pruned.stdout
    assert copies(tmp_path) == []
    again = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.evict()
    anew = run_lanes(worker, request_for(tiny, ["nf4"]))
    worker.close()
    assert [again[0].load_kind, anew[0].load_kind] == ["resident", "cold"]
    assert first.ids(0) == again.ids(0) == anew.ids(0)


def test_copies_of_a_real_worker_are_listed(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = Worker(tmp_path, "cpu")
    run_lanes(worker, request_for(tiny, ["nf4", "int8"]))
    worker.close()
    monkeypatch.setenv("PLAYGROUND_CACHE_DIR", str(tmp_path))
    assert main(["cache", "--check", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)["kept"]
    found = {(one["what"], one["state"]) for one in kept if one["kind"] == "copy"}
    assert found == {(f"{tiny} int8[threshold=6.0]", "current"), (f"{tiny} {NF4}", "current")}
