"""`code` writes a lane's script to standard output, from the options that `run` takes, and starts nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.cli.app import main
from playground.cli.surroundings import Surroundings
from playground.engines.registry import Fleet
from playground.report.script import script
from playground.settings import ROOT, Settings
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL
from playground.spec.request import RunRequest

Code = Callable[..., str]


def no_fleet(_settings: Settings) -> Fleet:
    raise AssertionError("nothing is to be run")


@pytest.fixture
def playground(tmp_path: Path) -> Callable[..., int]:
    return lambda *arguments: main(["code", *arguments], Surroundings(Settings(cache_dir=tmp_path), no_fleet))


@pytest.fixture
def code(playground: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Code:
    def written(*arguments: str) -> str:
        assert playground(*arguments) == 0
        return capsys.readouterr().out

    return written


def test_a_lane_of_ones_own(code: Code) -> None:
    options = ("--prompt", "Hi", "--seed", "3", "--max-new-tokens", "5", "--free-length", "--warmup", "0", "--threads", "2")
    request = RunRequest.build(
        lanes=["nf4/top_p(p=0.9)"],
        prompts=["Hi"],
        models={EMBEDDED_MODEL: EMBEDDED_MODEL},
        measure={"seed": 3, "max_new_tokens": 5, "fixed_length": False, "warmup": 0, "threads": 2},
    )
    assert code("--lane", "nf4/top_p(p=0.9)", *options) == script(request, 0)


def test_a_presets_lane_by_its_number_and_the_first_if_none_is_given(code: Code) -> None:
    assert "# The lane int8 " in code("precision", "--lane", "3")
    assert "# The lane fp32 " in code("precision")


def test_prompts_need_suit_only_the_lane_that_is_written(code: Code) -> None:
    assert '["a", "b"]' in code("batch", "--lane", "2", "--prompt", "a", "--prompt", "b")


def test_folders_are_written_out(code: Code, tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    source = code("--lane", "bf16+faq", "--model", f"mine={tmp_path}", "--adapter", f"faq={tmp_path / 'lora'}")
    assert f'MODEL = "{tmp_path}"' in source
    assert f'"{tmp_path / "lora"}"' in source


def test_the_one_model_given_is_all_lanes_unless_one_names_a_model(code: Code, tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("title: Mine\nlanes: [bf16, 'other:bf16']\n")
    assert 'MODEL = "some/model"' in code("quickstart", "--model", "mine=some/model")
    assert EMBEDDED_HUB_ID in code(str(preset), "--lane", "1", "--model", "other=some/model")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "nothing to run; name a preset"),
        (("quickstart", "--lane", "9"), "--lane: there is no lane 9; allowed: 1 to 4"),
        (("quickstart", "--lane", "0"), "--lane: there is no lane 0; allowed: 1 to 4"),
        (("quickstart", "--lane", "bf17"), "unknown precision 'bf17'"),
        (("--lane", "bf16", "--raw", "--system", "x"), "a system prompt needs the chat template"),
        (("nothing",), "'nothing' is not known"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: tuple[str, ...], sentence: str, playground: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert playground(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_larger_model_for_a_gpu_is_told_beside_the_script(playground: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("quickstart") == 0
    assert capsys.readouterr().err == "smollm2-135m is written; on a GPU, run takes smollm2-1.7b for this preset\n"
    assert playground("quickstart", "--model", "mine=some/model") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_a_script_reads_back_whatever_standard_output_can_show(encoding: str) -> None:
    prompt = "Où est\\l'été ☀ 😀?"
    command = [sys.executable, "-m", "playground", "code", "--lane", "bf16", "--prompt", prompt]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=True, timeout=60)
    texts = [node.value for node in ast.walk(ast.parse(done.stdout)) if isinstance(node, ast.Constant)]
    assert prompt in texts
