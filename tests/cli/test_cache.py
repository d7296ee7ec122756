"""`python -m playground cache`: what is kept, what is of no use, and what pruning takes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playground.cli.app import main
from playground.cli.surroundings import Surroundings
from playground.models.cache import (
    CopyNote,
    all_kept,
    copy_key,
    installed_versions,
    note_files,
    remove,
    sweep,
    useless,
    what_is_wrong,
    write_note,
)
from playground.settings import ROOT, Settings

HOUR_S = 3600
QUANTIZATION = {"load_in_8bit": True}


def make_copy(cache: Path, source: str = "one", versions: dict[str, str] | None = None, age: timedelta = timedelta()) -> Path:
    versions = versions or installed_versions()
    copy = cache / "prequantized" / copy_key(source, QUANTIZATION, versions)
    copy.mkdir(parents=True)
    (copy / "config.json").write_text("{}")
    (copy / "model.safetensors").write_bytes(source.encode() * 1000)
    created = datetime.now(UTC) - age
    note = CopyNote(
        model=source,
        variant="int8[threshold=6.0]",
        source=source,
        quantization=QUANTIZATION,
        versions=versions,
        created=created,
        files=note_files(copy),
    )
    write_note(copy, note)
    return copy


def make_unfinished(folder: Path, name: str, age_s: float) -> Path:
    aside = folder / name
    aside.mkdir(parents=True)
    (aside / "model.safetensors").write_bytes(b"half")
    for path in (aside / "model.safetensors", aside):
        os.utime(path, (time.time() - age_s,) * 2)
    return aside


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """One thing of every kind and state."""
    folder = tmp_path / "cache"
    make_copy(folder, "good", age=timedelta(days=3))
    make_copy(folder, "old", installed_versions() | {"torch": "1.0"})
    (make_copy(folder, "broken") / "model.safetensors").write_bytes(b"x")
    make_unfinished(folder / "prequantized", ".writing-left", 2 * HOUR_S)
    make_unfinished(folder / "prequantized", ".writing-now", 1)
    make_unfinished(folder / "models", ".converting-left", 2 * HOUR_S)
    model = folder / "models" / "smollm2-135m"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"w" * 5000)
    (folder / "hashes.json").write_text("{}")
    return folder


def playground(cache: Path, *arguments: str) -> int:
    return main(["cache", *arguments], Surroundings(Settings(cache_dir=cache)))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def states(document: dict[str, Any], key: str = "kept") -> set[tuple[str, str]]:
    return {(one["what"].partition(" ")[0], one["state"]) for one in document[key]}


LEFT = {("old", "stale"), ("broken", "damaged"), (".writing-left", "left behind"), (".converting-left", "left behind")}
STAYS = {("good", "current"), (".writing-now", "being written"), ("smollm2-135m", "current"), ("hashes.json", "current")}


def test_everything_is_listed_with_its_state_and_size(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(cache, "--json") == 0
    document = told(capsys)
    assert states(document) == LEFT | STAYS
    assert document["total_bytes"] == sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    assert document["folder"] == str(cache)
    assert document["removed"] == []


def test_the_table_says_why_and_where(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(cache) == 0
    out = capsys.readouterr().out
    assert f"in {cache}" in out
    assert "--prune removes it" in out
    lines = {line.split()[1]: line for line in out.splitlines() if len(line.split()) > 3}
    assert "good int8[threshold=6.0]" in lines["good"]
    assert "3 days" in lines["good"]
    assert "made with torch 1.0, here is" in lines["old"]
    assert "model.safetensors has 1 B, 6.00 kB were written" in lines["broken"]


def test_pruning_takes_what_is_of_no_use(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(cache, "--prune", "--json") == 0
    document = told(capsys)
    assert states(document, "removed") == LEFT
    assert states(document) == STAYS
    assert playground(cache, "--json") == 0
    after = told(capsys)
    assert states(after) == STAYS
    assert after["total_bytes"] == document["total_bytes"]


def test_pruning_all_leaves_models_and_what_is_being_written(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(cache, "--prune", "--all") == 0
    out = capsys.readouterr().out
    assert "removed good int8[threshold=6.0]: current" in out
    assert playground(cache, "--json") == 0
    assert states(told(capsys)) == STAYS - {("good", "current")}


def test_a_worker_that_starts_sweeps_only_what_is_left_behind(cache: Path) -> None:
    sweep(cache)
    left = {one.path.name for one in all_kept(cache, time.time()) if one.kind == "unfinished"}
    assert left == {".writing-now"}


def test_a_bit_that_flipped_unseen_is_found_by_reading_all(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a failing disk does it: the file's time of change stays."""
    [copy] = [one.path for one in all_kept(cache, time.time()) if one.what.startswith("good")]
    file = copy / "model.safetensors"
    before = file.stat()
    file.write_bytes(b"G" + file.read_bytes()[1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert what_is_wrong(copy) is None
    assert what_is_wrong(copy, thoroughly=True) == "model.safetensors is not what was written"
    assert playground(cache, "--check", "--prune", "--json") == 0
    assert ("good", "damaged") in states(told(capsys), "removed")


@pytest.mark.parametrize("note", [b"", b"null", b"{}", b"\xff\xfe", b'{"files": 3}'])
def test_a_note_that_cannot_be_read_is_damage(cache: Path, note: bytes) -> None:
    copy = make_copy(cache, "other")
    (copy / "copy.json").write_bytes(note)
    assert what_is_wrong(copy) == "has no copy.json that can be read"


def test_a_copy_in_anothers_place_is_damage(cache: Path) -> None:
    copy = make_copy(cache, "other")
    place = copy.with_name("0" * 32)
    copy.rename(place)
    assert what_is_wrong(place) == "has the copy.json of another copy"


def test_what_is_none_of_ours_is_listed_and_left_alone(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "prequantized" / "notes.txt").write_text("mine")
    assert playground(cache, "--prune", "--all", "--json") == 0
    assert ("notes.txt", "current") in states(told(capsys))


def test_removing_what_somebody_else_removed_is_fine(cache: Path) -> None:
    for one in [one for one in all_kept(cache, time.time()) if useless(one)]:
        remove(one)
        remove(one)
        assert not one.path.exists()


def test_no_cache_folder_keeps_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(tmp_path / "none", "--prune") == 0
    assert capsys.readouterr().out == f"nothing is kept in {tmp_path / 'none'}\n"


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground(tmp_path, "--all") == 2
    assert capsys.readouterr() == ("", "playground: --all: goes with --prune; allowed: cache --prune --all\n")
    (tmp_path / "file").write_text("")
    assert playground(tmp_path / "file") == 2
    assert capsys.readouterr() == ("", f"playground: cache: {str(tmp_path / 'file')!r} cannot be read: not a directory\n")


def test_as_a_process_it_is_light_and_prints_one_document(cache: Path) -> None:
    environment = os.environ | {"PLAYGROUND_CACHE_DIR": str(cache)}
    code = "import sys; from playground.cli import main; main(['cache', '--json']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert len(json.loads(done.stdout)["kept"]) == 8
    assert not {"torch", "transformers", "huggingface_hub", "gradio"} & set(done.stderr.split())
