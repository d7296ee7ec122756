"""Recordings read from files: those of earlier versions, and one sentence for everything that is none. Those in `assets/` hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.comparison import comparison
from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.recordings.reading import MAX_BYTES, parse_recording, read_recording
from playground.recordings.replay import state_of
from playground.recordings.schema import SCHEMA
from playground.recordings.writing import dump_recording, figures_of
from playground.report.wording.comparison import comparison_sentence
from playground.settings import ROOT
from playground.timeline.trace import RowText
from tests.timelines import Ran, played

ASSETS = sorted((ROOT / "assets" / "recordings").glob("*.json"))

DATA = Path(__file__).parent / "data"
"""A run of the scripted engine in each older schema, as the code of its time wrote it: a batch, beams, an adapter, a lane that failed."""


def document(**fields: Any) -> bytes:
    """A whole recording as it is written now, but for these fields of the top."""
    return json.dumps(json.loads(dump_recording(build_recording(played({"bf16": Ran()})))) | fields).encode()


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The same with its first repeat changed."""
    whole = json.loads(document())
    change(whole["lanes"][0]["repeats"][0])
    return json.dumps(whole).encode()


def sentence(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_recording(content, "x.json")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("recording: 'x.json' ")


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    made = build_recording(played({"bf16": Ran(), "nf4@2": Ran(finish="stop"), "bf16/beam": Ran()}))
    (tmp_path / "x.json").write_text(dump_recording(made, indent=1), encoding="utf-8")
    assert read_recording(tmp_path / "x.json") == made


@pytest.mark.parametrize("path", [DATA / "schema1.json", DATA / "schema2.json", *ASSETS], ids=lambda path: path.name)
def test_a_recording_that_is_kept_shows_the_figures_that_it_was_written_with(path: Path) -> None:
    written, read = json.loads(path.read_bytes()), read_recording(path)
    shown = figures_of(read).model_dump(mode="json")
    beside = written.get("derived", {}).get("lanes")
    for at, (lane, record, found) in enumerate(zip(read.lanes, written["lanes"], shown["lanes"], strict=True)):
        kept = beside[at] if beside else {**record, "repeats": [repeat["metrics"] for repeat in record["repeats"]]}
        assert lane.error == record.get("error", (record.get("failure") or {}).get("message"))
        assert [found[key] for key in ("label", "load_s", "load_kind", "memory_bytes")] == [
            kept[key] for key in ("label", "load_s", "load_kind", "memory_bytes")
        ]
        for old, new in zip([*kept["repeats"], kept.get("comparison") or {}], [*found["repeats"], found["comparison"] or {}], strict=True):
            assert {key: new[key] for key in old if key != "verdict"} == {key: old[key] for key in old if key != "verdict"}


def test_a_recording_that_is_kept_reads_as_the_sentences_that_were_written_into_it() -> None:
    path = DATA / "schema2.json"
    state = state_of(read_recording(path))
    found = [(lane, comparison(state, lane)) for lane in state.lanes]
    written = [(one["comparison"] or {}).get("verdict") for one in json.loads(path.read_bytes())["lanes"]]
    assert [compared and comparison_sentence(state, lane, compared) for lane, compared in found] == written


def test_text_changes_that_were_not_kept_come_with_the_last_step() -> None:
    repeat = read_recording(DATA / "schema1.json").lanes[1].repeats[0]
    last = len(repeat.steps) - 1
    assert repeat.changes == tuple(RowText(row, text, step=last) for row, text in enumerate(repeat.texts))
    assert len(repeat.changes) == 2


def test_the_first_schema_knows_no_numbers_and_they_are_counted() -> None:
    old = read_recording(DATA / "schema1.json")
    assert (old.schema_version, old.lanes[0].repeats[0].cold) == (SCHEMA, False)
    assert [repeat.number for repeat in old.lanes[0].repeats] == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (document(schema=SCHEMA + 1), f"has schema {SCHEMA + 1}, which is newer than this playground; allowed: 1 to {SCHEMA}"),
        (document()[:-40], "ends in the middle: it was not written or copied whole; allowed: a whole recording"),
        (b"", "ends in the middle: it was not written or copied whole; allowed: a whole recording"),
        (b"ttft,tpot\n1,2\n", "is not JSON; allowed: a recording as JSON"),
        (b"\xff\xfe\x00", "is not JSON; allowed: a recording as JSON"),
        (b"[" * 100_000, "is not JSON; allowed: a recording as JSON"),
        (b"{}", "is not a recording of this playground; allowed: a file that `run --json` or the page’s download wrote"),
        (b"[1, 2]", "is not a recording of this playground; allowed: a file that `run --json` or the page’s download wrote"),
        (
            b'{"schema": "2", "lanes": []}',
            "is not a recording of this playground; allowed: a file that `run --json` or the page’s download wrote",
        ),
        (document(mood="good"), "does not fit schema 3 at mood: extra inputs are not permitted; allowed: a recording as it was written"),
        (b" " * (MAX_BYTES + 1), "is too large: 64 MB; allowed: at most 64 MB"),
        (
            changed(lambda one: one.update(end_s=float("nan"))),
            "does not fit schema 3 at lanes.0.repeats.0.end_s: input should be a finite number; allowed: a recording as it was written",
        ),
        (
            changed(lambda one: one.update(output_ids=[[1], [2]])),
            "is damaged: the rows of lane 1 do not agree; allowed: a recording as it was written",
        ),
        (
            changed(lambda one: one["steps"].reverse()),
            "is damaged: the times of lane 1 are out of order; allowed: a recording as it was written",
        ),
        (
            changed(lambda one: one.update(tokenize_s=-1.0)),
            "is damaged: the times of lane 1 are out of order; allowed: a recording as it was written",
        ),
        (
            changed(lambda one: one.update(changes=[{"row": 1, "text": "no such row"}])),
            "is damaged: the texts of lane 1 do not go with its steps; allowed: a recording as it was written",
        ),
        (
            changed(lambda one: one.update(changes=[{"row": 0, "text": "no such step", "step": 99}])),
            "is damaged: the texts of lane 1 do not go with its steps; allowed: a recording as it was written",
        ),
        (document(lanes=[]), "is damaged: its lanes are not those of its request; allowed: a recording as it was written"),
    ],
    ids=range(18),
)
def test_what_is_no_recording_is_one_sentence(content: bytes, what: str) -> None:
    assert sentence(content) == what


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: no such file"):
        read_recording(tmp_path / "no.json")
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        read_recording(tmp_path)


@given(st.data())
def test_a_file_cut_anywhere_is_one_sentence(data: st.DataObject) -> None:
    whole = document()
    sentence(whole[: data.draw(st.integers(0, len(whole) - 1))])
