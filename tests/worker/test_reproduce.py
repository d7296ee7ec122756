"""The scripts of lanes, run by another Python that knows nothing of the playground, give the lanes' tokens."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from playground.report.script import script
from playground.spec.names import EMBEDDED_MODEL
from playground.spec.request import RunRequest
from playground.worker.process import Worker
from tests.tiny_models import random_llama, random_lora
from tests.worker.conftest import Ran, request_for, run_lanes

Rows = list[list[int]]
Results = dict[tuple[str, str], tuple[Rows, Rows]]
"""By group and lane: the ids its script gave, and the lane's own."""

PRECISIONS = ["fp32", "bf16", "fp16", "int8", "nf4", "fp4"]
OPTIONS = [
    *("int8[threshold=0.5]", "nf4[double_quant=true]", "nf4[compute=fp32]", "fp4[compute=fp16,double_quant=true]"),
    "bf16[attention=eager]",
]
DECODINGS = [
    *("", "/top_k(k=20,temperature=1.5)", "/top_p(p=0.9,seed=3)", "/min_p(p=0.05,temperature=2.0)"),
    "/beam(num_beams=3,length_penalty=0.5)",
]
SINGLE = [variant + decoding for variant in [*PRECISIONS, *OPTIONS] for decoding in DECODINGS]
ADAPTED = [f"{variant}+lora{decoding}" for variant in [*PRECISIONS, "nf4[compute=fp32]"] for decoding in ("", "/top_p(p=0.95)")]
HUNG = [
    *(f"{variant}+lora.merged" for variant in PRECISIONS),
    *("nf4[compute=fp32]+lora.merged", "fp32+lora.merged/top_p(p=0.95)", "int8+random-r4.merged"),
    *("bf16+random-r8", "nf4+random-r2/top_k(k=20)", "bf16+lora@2"),
    *("fp32+lora|none@4", "bf16+none|other.v2|lora@3", "int8+lora|other.v2@3", "nf4+random-r4|lora|none/top_p(p=0.9)@3"),
    "fp32+lora|none/beam(num_beams=2)@3",
]
BATCHES = ["bf16@4", "int8/top_k(k=50)@4", "nf4/min_p(p=0.02)@3", "fp32/beam(num_beams=2)@4", "fp4+lora/top_p(p=0.9)@3"]
ENDING = ["fp32/top_k(k=300,temperature=3.0)@8", "fp32/beam(num_beams=2)@8"]
PAD = 1

# Each script in a namespace of its own; one process for all, as importing torch takes longer than most scripts.
RUN_ALL = """
import json, pathlib, runpy
ids = {path.stem: runpy.run_path(str(path))["output_ids"].tolist() for path in pathlib.Path().glob("*.py")}
pathlib.Path("ids.json").write_text(json.dumps(ids))
"""


def run_scripts(sources: Sequence[str], folder: Path) -> list[Rows]:
    """`output_ids` of each script."""
    for number, source in enumerate(sources):
        (folder / f"{number}.py").write_text(source, encoding="utf-8")
    python(folder, "-c", RUN_ALL)
    ids = json.loads((folder / "ids.json").read_text())
    return [ids[str(number)] for number in range(len(sources))]


def python(folder: Path, *arguments: str) -> str:
    alone = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, encoding="utf-8", timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def first_counted(ran: Ran, lane: int) -> Rows:
    assert ran[lane].error is None, ran[lane].error
    return [list(row) for row in ran[lane].counted[0].output_ids]


@pytest.fixture(scope="module")
def sensitive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deeper than the tiny one, so that another dtype, compute or option shows in its tokens."""
    return random_llama(tmp_path_factory.mktemp("models") / "sensitive", hidden=128, layers=6, seed=1)


def writes_bos(folder: Path) -> Path:
    """Its tokenizer now puts a token before each text, as Llama's does; where a chat template is used it must not."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer._tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def requests(sensitive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunRequest]:
    more = tmp_path_factory.mktemp("more")
    lora = {"lora": random_lora(sensitive, more / "lora")}
    several = lora | {"other.v2": random_lora(sensitive, more / "other", seed=2)}
    templated, plain = writes_bos(random_llama(more / "templated")), writes_bos(random_llama(more / "plain", template=None))
    three = ['Why is the "sky" blue?\n', "Hi", "Où est l'été ☀?"]
    eight = [f"question number {n}" for n in range(8)]
    # One thread: on a machine that has other work too, OpenMP's threads wait for each other longer than they compute.
    return {
        "single": request_for(sensitive, SINGLE, max_new_tokens=16, threads=1),
        "adapted": request_for(sensitive, ADAPTED, lora, system="Be 'brief'.", schedule="interleaved", threads=1),
        "hung": request_for(sensitive, HUNG, several, prompts=three[:1], threads=1),
        "batches": request_for(sensitive, BATCHES, lora, prompts=three, warmup=1, repeats=2, threads=1),
        "ending": request_for(sensitive, ENDING, prompts=eight, fixed_length=False, max_new_tokens=120, seed=1, threads=1),
        "fixed": request_for(sensitive, ENDING, prompts=eight, max_new_tokens=120, seed=1, threads=1),
        "template": request_for(templated, ["fp32"], threads=1),
        "raw": request_for(templated, ["fp32"], chat=False, threads=1),
        "no template": request_for(plain, ["fp32"], threads=1),
    }


@pytest.fixture(scope="module")
def results(requests: dict[str, RunRequest], tmp_path_factory: pytest.TempPathFactory) -> Results:
    keys = [(group, index) for group, request in requests.items() for index in range(len(request.lanes))]
    sources = [script(requests[group], index, show_folders=True) for group, index in keys]
    given = run_scripts(sources, tmp_path_factory.mktemp("scripts"))
    worker = Worker(tmp_path_factory.mktemp("cache"), "cpu")
    ran = {group: run_lanes(worker, request) for group, request in requests.items()}
    worker.close()
    texts = {"single": SINGLE, "adapted": ADAPTED, "hung": HUNG, "batches": BATCHES, "ending": ENDING, "fixed": ENDING}
    return {
        (group, texts.get(group, ["fp32"])[index]): (ids, first_counted(ran[group], index))
        for (group, index), ids in zip(keys, given, strict=True)
    }


@pytest.mark.parametrize("lane", SINGLE)
def test_every_precision_with_every_decoding(lane: str, results: Results) -> None:
    given, expected = results["single", lane]
    assert given == expected


@pytest.mark.parametrize("lane", ADAPTED)
def test_an_adapter_under_a_system_prompt(lane: str, results: Results) -> None:
    given, expected = results["adapted", lane]
    assert given == expected


@pytest.mark.parametrize("lane", HUNG)
def test_adapters_merged_untrained_and_by_row(lane: str, results: Results) -> None:
    given, expected = results["hung", lane]
    assert given == expected


def test_what_hangs_on_a_row_shows_in_its_tokens(results: Results) -> None:
    rows = results["hung", "bf16+none|other.v2|lora@3"][0]
    assert len(set(map(tuple, rows))) == 3
    assert rows[2] == results["hung", "bf16+lora@2"][0][0]
    assert rows[0] == results["hung", "bf16+random-r8"][0][0]


@pytest.mark.parametrize("lane", BATCHES)
def test_batches_of_several_prompts(lane: str, results: Results) -> None:
    given, expected = results["batches", lane]
    assert given == expected
    assert given[0] != given[1]


def test_what_a_script_must_get_right_shows_in_the_tokens(results: Results) -> None:
    """Else equal tokens would say nothing."""
    ids = {variant: [results["single", variant + decoding][0] for decoding in DECODINGS] for variant in [*PRECISIONS, *OPTIONS]}
    assert [(one, other) for one, other in itertools.combinations(ids, 2) if ids[one] == ids[other]] == []


@pytest.mark.parametrize("lane", ENDING)
def test_rows_that_end_are_padded(lane: str, results: Results) -> None:
    given, expected = results["ending", lane]
    for row, ids in zip(given, expected, strict=True):
        assert row[: len(ids)] == ids
        assert set(row[len(ids) :]) <= {PAD}


@pytest.mark.parametrize("lane", ENDING)
def test_a_fixed_length_is_kept_where_rows_would_end(lane: str, results: Results) -> None:
    given, expected = results["fixed", lane]
    assert given == expected
    assert {len(row) for row in given} == {120}


def test_some_rows_end_early(results: Results) -> None:
    assert len({len(row) for row in results["ending", ENDING[0]][1]}) > 1, "the seed was chosen so"


@pytest.mark.parametrize("group", ["template", "raw", "no template"])
def test_special_tokens_and_templates(group: str, results: Results) -> None:
    given, expected = results[group, "fp32"]
    assert given == expected


def test_a_script_by_itself_prints_answers_and_times(tiny: Path, tmp_path: Path, worker: Worker) -> None:
    request = request_for(tiny, ["nf4/top_p(p=0.9)@2"], prompts=["Hi"], warmup=1)
    (tmp_path / "lane.py").write_text(script(request, 0, show_folders=True), encoding="utf-8")
    printed = python(tmp_path, "lane.py")
    assert printed.startswith("\n---\n".join(run_lanes(worker, request)[0].counted[0].texts))
    assert [line.split()[::2] for line in printed.splitlines()[-2:]] == [["TTFT", "ms"], ["TPOT", "ms"]]


@pytest.mark.model
def test_the_embedded_model(worker: Worker, embedded: Path, tmp_path: Path) -> None:
    lanes = ["bf16", "int8/top_p(p=0.9)", "nf4/beam(num_beams=2)"]
    request = request_for(embedded, lanes, threads=1)
    by_alias = request.model_copy(update={"models": {"m": EMBEDDED_MODEL}})
    given = run_scripts([script(by_alias, index, sources={"m": str(embedded)}, show_folders=True) for index in range(len(lanes))], tmp_path)
    ran = run_lanes(worker, request)
    assert given == [first_counted(ran, index) for index in range(len(lanes))]
