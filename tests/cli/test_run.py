"""The command line: exit codes, what goes to which stream, what a recording holds, and one sentence for every mistake."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.cli.app import main
from playground.cli.commands.doctor import cuda_in_words
from playground.cli.surroundings import Surroundings
from playground.engines.registry import Fleet, ScriptedFleet
from playground.engines.scripted import DEFAULT_SCRIPTS, Script, ScriptedEngine
from playground.errors import EngineError
from playground.recordings.schema import SCHEMA, Recording
from playground.settings import ROOT, Settings
from playground.spec.lane import Lane
from playground.timeline.environment import Cuda, Environment

QUICK = ("--max-new-tokens", "3", "--warmup", "0")


class FakeFleet(ScriptedFleet):
    """Scripted lanes that take no time; nf4 fails if asked to; a machine of one's choice."""

    def __init__(self, fails: str = "", **environment: Any) -> None:
        def script_for(lane: Lane) -> Script:
            return Script(fails_after=1) if lane.variant.weights.scheme == fails else DEFAULT_SCRIPTS[lane.variant.weights.scheme]

        super().__init__(ScriptedEngine(script_for, sleep=lambda _seconds: None))
        self._environment = Environment(**environment)
        self.closed = False

    def environment(self) -> Environment:
        return super().environment() | self._environment

    def close(self) -> None:
        self.closed = True


class BrokenFleet(FakeFleet):
    def environment(self) -> Environment:
        raise EngineError("the worker did not start: torch is not installed")


Playground = Callable[..., int]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(engine="scripted", cache_dir=tmp_path / "cache")


@pytest.fixture
def playground(settings: Settings) -> Playground:
    def call(*arguments: str, fleet: Fleet | None = None) -> int:
        return main(arguments, Surroundings(settings, lambda _settings: fleet or FakeFleet()))

    return call


def recorded(playground: Playground, capsys: pytest.CaptureFixture[str], *arguments: str, fleet: Fleet | None = None) -> Recording:
    assert playground("run", *arguments, "--json", "-", fleet=fleet) == 0
    return Recording.model_validate_json(capsys.readouterr().out)


def test_a_run_shows_a_table_on_stdout_and_progress_on_stderr(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = FakeFleet()
    assert playground("run", "quickstart", *QUICK, "--repeats", "2", fleet=fleet) == 0
    out, err = capsys.readouterr()
    rows = {row[0]: row[1:] for line in reversed(out.splitlines()) if (row := line.split())}
    assert rows["bf16"] == ["55.0", "ms", "39.0", "ms", "25.6", "134", "ms", "50.0", "ms,", "cold", "269", "MB"]
    int8 = next(at for at, line in enumerate(out.splitlines()) if line.startswith(" int8"))
    assert out.splitlines()[int8 + 1].split()[:2] == ["2.47×", "1.59×"], "beneath a figure its multiple of the baseline’s"
    assert "bf16/top_p(p=0.9)" in rows
    for word in (
        "exclusive",
        "no warm-up",
        "median of 1 to 2 repeats (cold ones left out)",
        "fixed length 3 tokens",
        "seed 7",
        "model smollm2-135m",
        "nothing is measured",
    ):
        assert word in out.lower() or word in out
    assert "nf4 writes fastest: 26.8 ms a token (TPOT), 0.687× lane 1’s, with 0.409× its memory" in out
    assert "nf4: repeat 2 of 2 done, 3 tokens" in err
    assert fleet.closed


def test_a_lane_needs_no_preset(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    recording = recorded(playground, capsys, "--lane", "nf4[double_quant=yes]", "--lane", "bf16@2", *QUICK)
    assert [lane.label for lane in recording.lanes] == ["nf4[double_quant=true]", "bf16@2"]
    assert recording.request.workload.prompts == ("Why is the sky blue?",)
    assert recording.request.measure.schedule == "exclusive"


def test_lanes_replace_the_presets_and_the_rest_of_it_stays(
    playground: Playground, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "title: Mine\nlanes: [bf16, nf4]\nprompts: [Hello there]\nsystem: Be brief.\n"
        "measure: {seed: 3, max_new_tokens: 2, schedule: interleaved}"
    )
    recording = recorded(playground, capsys, str(preset), "--lane", "int8")
    assert [lane.label for lane in recording.lanes] == ["int8"]
    request = recording.request
    assert (request.workload.prompts, request.workload.system, request.measure.seed, request.measure.schedule) == (
        ("Hello there",),
        "Be brief.",
        3,
        "interleaved",
    )
    assert recorded(playground, capsys, str(preset), "--schedule", "exclusive").request.measure.schedule == "exclusive"


def test_every_option_reaches_the_request(playground: Playground, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = (
        *("--lane", "bf16+faq@2", "--model", "big=some/model", "--adapter", f"faq={tmp_path}", "--prompt", "a", "--prompt", "b"),
        *("--system", "s", "--max-new-tokens", "4", "--free-length", "--schedule", "interleaved", "--warmup", "2", "--repeats", "3"),
        *("--seed", "11", "--threads", "1", "--agreement", "--raw"),
        *("--quantum-ms", "50", "--until", "40", "--time-limit", "0.01"),
    )
    request = recorded(playground, capsys, *arguments).request
    assert (request.model, request.models["big"], request.adapters) == ("big", "some/model", {"faq": str(tmp_path)})
    assert (request.workload.prompts, request.workload.system, request.workload.chat) == (("a", "b"), "s", False)
    measure = request.measure
    assert (measure.max_new_tokens, measure.fixed_length, measure.schedule) == (4, False, "interleaved")
    assert (measure.warmup, measure.seed, measure.threads, measure.agreement, measure.quantum_s) == (2, 11, 1, True, 0.05)
    assert measure.repeats >= 3
    assert measure.until is not None
    assert (measure.until.width, measure.until.limit_s) == (0.4, 0.01)


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        (("--lane", "bf16"), "smollm2-135m"),
        (("--lane", "bf16", "--model", "big=x"), "big"),
        (("--lane", "bf16", "--lane", "big:bf16", "--model", "big=x"), "smollm2-135m"),
        (("--lane", "bf16", "--model", "big=x", "--model", "huge=y"), "smollm2-135m"),
    ],
)
def test_one_model_given_is_the_model_of_lanes_that_name_none(
    playground: Playground, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], model: str
) -> None:
    assert recorded(playground, capsys, *arguments, *QUICK).request.model == model


@pytest.mark.parametrize(
    ("environment", "arguments", "model"),
    [
        ({"device": "cuda:0", "hub_reachable": True}, (), "smollm2-1.7b"),
        ({"device": "cuda:0", "hub_reachable": False}, (), "smollm2-135m"),
        ({"device": "cpu", "hub_reachable": True}, (), "smollm2-135m"),
        ({"device": "cuda:0", "hub_reachable": True}, ("--model", "mine=x"), "mine"),
    ],
)
def test_the_quickstart_takes_the_larger_model_where_it_is_worth_it(
    playground: Playground, capsys: pytest.CaptureFixture[str], environment: dict[str, Any], arguments: tuple[str, ...], model: str
) -> None:
    assert recorded(playground, capsys, "quickstart", *arguments, *QUICK, fleet=FakeFleet(**environment)).request.model == model


def test_a_failed_lane_is_exit_1_and_the_others_are_there(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("run", "--lane", "bf16", "--lane", "nf4[double_quant=true]", *QUICK, fleet=FakeFleet(fails="nf4")) == 1
    out, err = capsys.readouterr()
    assert "nf4[double_quant=true] failed: the script fails after 1 steps" in out
    assert "55.0 ms" in out
    assert "Traceback" not in out + err


def test_brackets_in_a_lane_are_text_not_markup(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("run", "--lane", "bf16[device=cpu]", *QUICK) == 0
    out, err = capsys.readouterr()
    assert "bf16[device=cpu]" in out
    assert "bf16[device=cpu]: loaded" in err


def test_beam_has_no_tpot_in_the_table(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("run", "--lane", "bf16/beam(num_beams=2)", *QUICK) == 0
    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if "beam" in line and "ms, cold" in line]
    assert row == ["bf16/beam(num_beams=2)", "134", "ms", "–", "–", "134", "ms", "50.0", "ms,", "cold", "269", "MB"]


def test_a_recording_is_written_to_a_file_whole(playground: Playground, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    assert playground("run", "--lane", "bf16", *QUICK, "--json", str(target)) == 0
    assert Recording.model_validate_json(target.read_text()).lanes[0].label == "bf16"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert "TTFT" in capsys.readouterr().out


def test_one_run_is_written_as_json_csv_and_markdown(playground: Playground, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = {kind: tmp_path / f"run.{kind}" for kind in ("json", "csv", "markdown")}
    options = [text for kind, target in targets.items() for text in (f"--{kind}", str(target))]
    assert playground("run", "--lane", "bf16", "--lane", "nf4", *QUICK, *options) == 0
    assert Recording.model_validate_json(targets["json"].read_text()).lanes[1].label == "nf4"
    with targets["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["bf16", "nf4"]
    assert [float(row["tpot_s"]) for row in rows] == pytest.approx([0.039, 0.0268])
    assert targets["csv"].read_bytes().count(b"\r\n") == 3
    assert "| 2 nf4 | 101 ms (1.84× · +84 %) |" in targets["markdown"].read_text()
    assert "TTFT" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "begin"), [("--csv", "run,created_at,lane,"), ("--markdown", "**Result:** bf16 takes ")])
def test_a_document_on_stdout_is_alone_there(playground: Playground, capsys: pytest.CaptureFixture[str], option: str, begin: str) -> None:
    assert playground("run", "--lane", "bf16", *QUICK, option, "-") == 0
    out, err = capsys.readouterr()
    assert out.startswith(begin)
    assert "───" not in out
    assert "───" in err, "the table"


def test_the_baseline_is_chosen_by_its_number(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert recorded(playground, capsys, "--lane", "bf16", "--lane", "nf4", "--baseline", "2", *QUICK).request.baseline == 1
    assert playground("run", "--lane", "bf16", "--lane", "nf4", "--baseline", "2", *QUICK) == 0
    out = capsys.readouterr().out
    assert "With each figure stands its multiple of lane 2’s" in out
    first, beneath, second, tag = [line.split() for line in out.splitlines() if "─" not in line][3:7]
    assert (first[0], beneath[1], second[0], tag) == ("bf16", "1.46×", "nf4", ["baseline"])


@pytest.mark.parametrize("option", ["--json", "--csv", "--markdown"])
@pytest.mark.parametrize(
    ("target", "why"), [("none/run.json", "No such file or directory"), (".", "is a folder"), ("file/run.json", "Not a directory")]
)
def test_a_target_that_cannot_be_written_is_found_out_before_the_run(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, target: str, why: str
) -> None:
    (tmp_path / "file").write_text("")

    def never(_settings: Settings) -> Fleet:
        raise AssertionError("the engine was started")

    assert main(["run", "--lane", "bf16", option, str(tmp_path / target)], Surroundings(settings, never)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"playground: {option}: ")
    assert why in err


def test_an_old_recording_outlives_a_run_that_breaks(playground: Playground, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    assert playground("run", "quickstart", "--json", str(target), fleet=BrokenFleet()) == 1
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


PRESETS = "quickstart, precision, decoding, batch, adapter-lab, falcon-faq, noise, sharing"
BAD_INPUT = [
    (
        ("run",),
        f"run: nothing to run; name a preset (allowed: {PRESETS}) or give --lane",
    ),
    (
        ("run", "quick"),
        f"preset: 'quick' is not known (allowed: {PRESETS}, or a YAML file)",
    ),
    (("run", "none.yaml"), "preset 'none.yaml': there is no such file"),
    (("run", "--lane", "bf17"), "lane 'bf17': unknown precision 'bf17' (allowed: fp32, bf16, fp16, int8, nf4, fp4)"),
    (("run", "quickstart", "--lane", "bf16/x"), "run: lane 'bf16/x': unknown decoding 'x' (allowed: greedy, top_k, top_p, min_p, beam)"),
    (("run", "--lane", "big:bf16"), "run: lane 'big:bf16': model 'big' is not known (allowed: smollm2-1.7b, smollm2-135m)"),
    (("run", "--lane", "bf16+no"), "run: lane 'bf16+no': adapter 'no' is not known (allowed: faq, random-r1 to random-r1024)"),
    (("run", "--lane", "bf16", "--prompt", " "), "run: prompts: prompt 1 is empty; give at least one word"),
    (
        ("run", "--lane", "bf16", "--max-new-tokens", "0"),
        "--max-new-tokens: 0 is not allowed; allowed: 1 to 4,096",
    ),
    (
        ("run", "--lane", "bf16", "--schedule", "x"),
        "--schedule: 'x' is not allowed; allowed: exclusive, interleaved, contended",
    ),
    (("run", "--lane", "bf16", "--model", "big"), "--model: 'big' is not understood; write NAME=ID"),
    (
        ("run", "--lane", "bf16", "--model", "Big=x"),
        "--model: 'Big' is not a name (allowed: a-z 0-9 . _ -, not ending in .merged)",
    ),
    (("run", "--lane", "bf16", "--model", "a=x", "--model", "a=y"), "--model: 'a' is given twice; allowed: each name once"),
    (("run", "--lane", "bf16", "--adapter", "faq="), "--adapter: 'faq=' is not understood; write NAME=PATH"),
    (
        ("run", "--lane", "bf16", "--adapter", "faq=/none"),
        "--adapter: faq: there is no folder '/none'; allowed: a folder with a LoRA adapter",
    ),
    (("run", "--lane", "bf16", "--time-limit", "5"), "--time-limit: goes with --until, which is not given; allowed: both, or neither"),
    (("run", "--lane", "bf16", "--until", "0"), "--until: 0 is not allowed; allowed: above 0 and at most 200 %"),
    (("run", "quickstart", "--baseline", "5"), "--baseline: there is no lane 5; allowed: 1 to 4"),
    (("run", "--lane", "bf16", "--baseline", "0"), "--baseline: there is no lane 0; allowed: 1"),
    (
        ("run", "--lane", "bf16", "--json", "-", "--csv", "-"),
        "--csv: '-' is where --json goes; allowed: a place of its own, - for one of them only",
    ),
    (
        ("run", "--lane", "bf16", "--csv", "a.txt", "--markdown", "./a.txt"),
        "--markdown: './a.txt' is where --csv goes; allowed: a place of its own, - for one of them only",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT)
def test_bad_input_is_one_sentence_and_exit_2(
    playground: Playground, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert playground(*arguments) == 2
    assert capsys.readouterr() == ("", f"playground: {sentence}\n")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("walk",), "no such command 'walk'"),
        (("run", "--lanes", "bf16"), "no such option: --lanes"),
        (("run", "--seed", "x"), "invalid value for '--seed'"),
        (("run", "--lane"), "--lane"),
        (("run", "quickstart", "decoding"), "unexpected extra argument"),
    ],
)
def test_a_usage_error_is_one_sentence_and_exit_2(
    playground: Playground, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], part: str
) -> None:
    assert playground(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert part in err


def test_a_setting_that_is_not_allowed_is_exit_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PLAYGROUND_ENGINE", "warp")
    assert main(["presets"]) == 2
    assert capsys.readouterr().err.startswith("playground: settings: engine: ")


def test_without_a_command_there_is_help(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground() == 0
    assert "doctor" in capsys.readouterr().out


def test_presets_are_listed(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("presets") == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.split()[:1] and line.split()[0] in ("quickstart", "batch")] == [
        "quickstart",
        "batch",
    ]
    assert "nf4[double_quant=true]" in out


def model_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text("")
    return folder


def test_doctor_says_what_is_here(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = model_folder(tmp_path / "weights")
    mine = settings.model_copy(update={"models": {"mine": str(weights), "absent": str(tmp_path / "absent")}})
    fleet = FakeFleet(memory_budget_bytes=2_500_000_000, cuda={"available": False, "build": None, "driver": None, "devices": []})
    surroundings = Surroundings(mine, lambda _settings: fleet)
    assert main(["doctor", "--json"], surroundings) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["models"] == [{"name": "mine", "id": str(weights), "folder": str(weights)}]
    assert document["memory_budget_bytes"] == 2_500_000_000
    assert document["error"] is None
    assert main(["doctor"], surroundings) == 0
    out = capsys.readouterr().out
    assert "2.50 GB" in out
    assert "built without CUDA" in out
    assert "model mine" in out


def test_doctor_tells_why_the_engine_does_not_start(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    assert playground("doctor", "--json", fleet=BrokenFleet()) == 1
    assert json.loads(capsys.readouterr().out)["error"] == "the worker did not start: torch is not installed"


@pytest.mark.parametrize(
    ("cuda", "words"),
    [
        ({"available": True, "build": "13.0", "driver": "580.1", "devices": ["H200"]}, "built for 13.0, driver 580.1, H200"),
        ({"available": False, "build": None, "driver": None}, "not used: this torch is built without CUDA"),
        (
            {"available": False, "build": "13.0", "driver": None},
            "not available: torch is built for CUDA 13.0, and no NVIDIA driver is found",
        ),
        (
            {"available": False, "build": "13.0", "driver": "470.1"},
            "not available: torch is built for CUDA 13.0, and the driver 470.1 does not serve it: "
            "update the driver, or install a torch built for an older CUDA",
        ),
    ],
)
def test_driver_against_build(cuda: dict[str, Any], words: str) -> None:
    assert cuda_in_words(Cuda.model_validate(cuda)) == words


# As a process of its own


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "playground", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PLAYGROUND_ENGINE": "scripted"}


def test_json_on_stdout_is_one_document_and_nothing_else() -> None:
    arguments = command("run", "--lane", "bf16", *QUICK, "--json", "-")
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
    )
    document = json.loads(done.stdout)
    assert document["schema"] == SCHEMA
    assert document["derived"]["lanes"][0]["repeats"][0]["tpot_s"] == pytest.approx(0.039)
    assert "TTFT" in done.stderr


def test_a_terminal_of_few_letters_gets_a_table_and_whole_json() -> None:
    arguments = command("run", "--lane", "bf16", "--prompt", "Où ?", *QUICK)
    narrow = environment() | {"PYTHONIOENCODING": "ascii"}
    table = subprocess.run(arguments, cwd=ROOT, env=narrow, capture_output=True, timeout=60, check=True)
    assert b"TTFT" in table.stdout
    document = subprocess.run([*arguments, "--json", "-"], cwd=ROOT, env=narrow, capture_output=True, timeout=60, check=True)
    assert json.loads(document.stdout)["request"]["workload"]["prompts"] == ["Où ?"]


def test_bad_input_in_a_process_is_exit_2_without_a_traceback() -> None:
    done = subprocess.run(command("run", "nope"), cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_reader_that_leaves_is_no_traceback() -> None:
    shell = f"{sys.executable} -m playground presets | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_interrupt_stops_cleanly_and_keeps_what_there_is(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    arguments = command("run", "--lane", "bf16", "--warmup", "0", "--max-new-tokens", "4000", "--json", str(target))
    with subprocess.Popen(arguments, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert "loaded" in running.stderr.readline()
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert "stopped before the end" in out
    recording = Recording.model_validate_json(target.read_text())
    (repeat,) = recording.lanes[0].repeats
    assert (recording.status, repeat.finish) == ("cancelled", ("cancelled",))
    assert 0 < len(repeat.output_ids[0]) < 4000


def test_a_run_is_held_against_a_target(playground: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    lanes = ("--lane", "bf16", "--lane", "nf4")
    assert playground("run", *lanes, *QUICK, "--target", "ttft=100ms,tpot=40ms", "--markdown", "-") == 0
    out, err = capsys.readouterr()
    assert "| 2 nf4 | fails | 101 ms (missed) | 26.8 ms (met) | 67 % (2 of 3) | 0 % (0 of 1) | 0 req/s |" in out
    assert [line.split()[:2] for line in err[err.index("Target:") :].splitlines() if line.strip().startswith(("bf16", "nf4"))] == [
        ["bf16", "passes"],
        ["nf4", "fails"],
    ]


@pytest.mark.parametrize("target", ["chatt", "ttft=fast", "ttft=0ms"])
def test_what_is_no_target_is_said_before_anything_runs(playground: Playground, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert playground("run", "quickstart", "--target", target, fleet=BrokenFleet()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "--target: " in err
    assert "allowed: " in err
