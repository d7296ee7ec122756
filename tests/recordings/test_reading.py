"""Recordings read from files: those of earlier versions, and one sentence for everything that is none. Those in `assets/` hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from playground.analysis.metrics import measure
from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.recordings.reading import MAX_BYTES, parse_recording, read_recording
from playground.settings import ROOT
from playground.timeline.trace import SCHEMA, Metrics
from tests.timelines import Ran, played

ASSETS = sorted((ROOT / "assets" / "recordings").glob("*.json"))

# As schema 1 was written: no repeat's number, coldness, conditions or memory, no lane's memory by parts and no comparison.
FIRST_SCHEMA: dict[str, Any] = {
    "schema": 1,
    "id": "a",
    "created_at": "2026-11-01T00:00:00+00:00",
    "status": "done",
    "environment": {"device": "cpu"},
    "request": {
        "lanes": [
            {
                "variant": {"model": None, "precision": "bf16", "adapter": None, "merged": False},
                "decoding": {"strategy": "greedy"},
                "batch": 1,
            }
        ],
        "prompts": ["Why?"],
        "system": None,
        "chat": True,
        "model": "smollm2-135m",
        "models": {"smollm2-135m": "smollm2-135m"},
        "adapters": {},
        "measure": {
            "schedule": "exclusive",
            "max_new_tokens": 2,
            "fixed_length": True,
            "warmup": 0,
            "repeats": 1,
            "seed": 7,
            "threads": None,
        },
        "baseline": 0,
    },
    "lanes": [
        {
            "index": 0,
            "label": "bf16",
            "lane": {"variant": {"precision": "bf16"}, "decoding": {"strategy": "greedy"}, "batch": 1},
            "error": None,
            "load_s": 0.5,
            "load_kind": "cold",
            "memory_bytes": 7,
            "loads": [{"load_s": 0.5, "load_kind": "cold"}],
            "facts": {"dtype": "bfloat16"},
            "repeats": [
                {
                    "warmup": False,
                    "prompt_tokens": [5],
                    "tokenize_s": 0.125,
                    "steps": [
                        {"t_s": 0.5, "wall_s": 0.5, "token_ids": [[1]], "keep": None},
                        {"t_s": 0.75, "wall_s": 0.75, "token_ids": [[2]], "keep": None},
                    ],
                    "end_s": 1.0,
                    "end_wall_s": 1.0,
                    "output_ids": [[1, 2]],
                    "finish": ["length"],
                    "texts": ["so"],
                    "revises": False,
                    "metrics": {"ttft_s": 0.5},
                }
            ],
        }
    ],
}


def document(**fields: Any) -> bytes:
    """A whole recording as it is written now, but for these fields of the top."""
    return json.dumps(json.loads(build_recording(played({"bf16": Ran()})).model_dump_json()) | fields).encode()


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
    (tmp_path / "x.json").write_text(made.model_dump_json(indent=1), encoding="utf-8")
    assert read_recording(tmp_path / "x.json") == made


def test_the_first_schema_is_read_and_its_figures_are_todays() -> None:
    old = parse_recording(json.dumps(FIRST_SCHEMA).encode(), "old.json")
    (repeat,) = old.lanes[0].repeats
    assert old.schema_version == SCHEMA
    assert (repeat.number, repeat.cold, repeat.memory, old.lanes[0].comparison) == (None, False, None, None)
    assert (measure(repeat).tpot_s, measure(repeat).e2e_s) == (0.25, 1.0)


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
    ],
    ids=range(15),
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


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_a_recording_that_is_kept_reads_and_its_figures_are_those_of_its_timelines(path: Path) -> None:
    read, written = read_recording(path), json.loads(path.read_bytes())
    for lane, kept in zip(read.lanes, written["lanes"], strict=True):
        for repeat, kept_repeat in zip(lane.repeats, kept["repeats"], strict=True):
            figures = json.loads(TypeAdapter(Metrics).dump_json(measure(repeat)))
            assert kept_repeat["metrics"].items() <= figures.items()


def test_a_figure_that_is_not_its_timelines_is_measured_again() -> None:
    wrong = changed(lambda one: one["metrics"].update(ttft_s=9.0))
    assert parse_recording(wrong, "x.json") == parse_recording(document(), "x.json")
