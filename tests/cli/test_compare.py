"""`compare`, and `run --read-as`, from the command line: what they print and write, and one sentence for every mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.cli.app import main
from playground.cli.surroundings import Surroundings
from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.recordings.schema import SCHEMA
from playground.settings import Settings

Playground = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def playground(tmp_path: Path) -> Playground:
    settings = Settings(engine="scripted", cache_dir=tmp_path / "cache")

    def call(*arguments: str) -> int:
        return main(arguments, Surroundings(settings, lambda _settings: ScriptedFleet(ScriptedEngine(sleep=lambda _seconds: None))))

    return call


@pytest.fixture
def two(playground: Playground, tmp_path: Path, capsys: Capture) -> tuple[str, str]:
    """The paths of two recordings: the second is of twice as many tokens, three repeats and one lane less."""
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path, more in zip(paths, (["--max-new-tokens", "4", "--lane", "nf4"], ["--max-new-tokens", "8", "--repeats", "3"]), strict=True):
        assert playground("run", "--lane", "bf16", "--lane", "int8", "--warmup", "0", "--json", str(path), *more) == 0
    capsys.readouterr()
    return str(paths[0]), str(paths[1])


def test_two_recordings_stand_side_by_side(playground: Playground, two: tuple[str, str], capsys: Capture) -> None:
    assert playground("compare", *two) == 0
    out, err = capsys.readouterr()
    rows = {row[0]: row[1:] for line in out.splitlines() if (row := line.split())}
    assert rows["bf16"] == ["55.0", "ms", "55.0", "ms", "1.00×", "39.0", "ms", "39.0", "ms", "1.00×", "173", "ms", "329", "ms", "1.90×"]
    assert rows["nf4"][:4] == ["101", "ms", "–", "–"]
    assert "Lane nf4 is only in the first." in out
    assert out.splitlines()[-2:] == ["- max new tokens: 4 against 8", "- repeats: 1 against 3"]
    assert err == ""


def test_a_recording_is_equal_to_itself(playground: Playground, two: tuple[str, str], capsys: Capture) -> None:
    assert playground("compare", two[0], two[0]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "The fingerprints are equal: nothing that is known of what ran differs."


def test_it_is_written_as_json_and_as_markdown(playground: Playground, two: tuple[str, str], tmp_path: Path, capsys: Capture) -> None:
    assert playground("compare", *two, "--json", str(tmp_path / "c.json"), "--markdown", "-") == 0
    out, err = capsys.readouterr()
    assert "| bf16 | 55.0 ms | 55.0 ms | 1.00× | 39.0 ms |" in out
    assert "- max new tokens: 4 against 8\n" in out
    assert "They differ in:" in err, "the table goes where the document does not"
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert written["rows"][0]["figures"]["e2e_s"]["ratio"] == pytest.approx(0.329 / 0.173)
    assert written["differences"] == ["max new tokens: 4 against 8", "repeats: 1 against 3"]


def test_a_bad_file_is_one_sentence_and_says_which(playground: Playground, two: tuple[str, str], tmp_path: Path, capsys: Capture) -> None:
    newer = tmp_path / "newer.json"
    newer.write_text(Path(two[0]).read_text(encoding="utf-8").replace(f'"schema":{SCHEMA}', '"schema":99'), encoding="utf-8")
    assert playground("compare", two[0], str(newer)) == 2
    out, err = capsys.readouterr()
    newest = f"allowed: 1 to {SCHEMA}"
    assert (out, err) == ("", f"playground: second recording: 'newer.json' has schema 99, which is newer than this playground; {newest}\n")
    assert playground("compare", str(tmp_path / "no.json"), two[0]) == 2
    assert capsys.readouterr().err.startswith("playground: first recording: ")
    assert playground("compare", two[0]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_is_read_as_another_tool_defines_the_words(playground: Playground, capsys: Capture) -> None:
    run = ("run", "--lane", "bf16", "--max-new-tokens", "5", "--warmup", "0")
    assert playground(*run, "--read-as", "guidellm") == 0
    out = capsys.readouterr().out
    read = out[out.index("Read as GuideLLM") :].splitlines()
    # Five tokens: the first after 55 ms, then four times 39 ms. TPOT there: 211 ms ÷ 5; throughput: 5 ÷ 156 ms, and here 5 ÷ 212 ms.
    assert next(line.split() for line in read if line.startswith(" bf16"))[1:7] == ["55.0", "ms", "42.2", "ms", "39.0", "ms"]
    assert ["≠", "39.0", "ms", "≠", "23.6", "tok/s"] in [line.split() for line in read]
    assert any(line.startswith("TPOT: All the time up to the last token") for line in read)
    assert playground(*run) == 0
    assert "Read as" not in capsys.readouterr().out


def test_a_tool_that_is_not_known_is_one_sentence_before_anything_runs(playground: Playground, capsys: Capture) -> None:
    assert playground("run", "--lane", "bf16", "--read-as", "triton") == 2
    assert capsys.readouterr() == ("", "playground: --read-as: 'triton' is not known; allowed: vllm, guidellm, aiperf, mlperf\n")
