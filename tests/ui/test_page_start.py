"""How the page starts: light, and with one sentence when it cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from playground.settings import ROOT

BUILD = """
import sys
from playground.engines.registry import open_fleet
from playground.spec.presets import load_presets
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.ui.page import build
settings = Settings.read()
with open_fleet(settings) as fleet:
    build(settings, fleet, Runner(fleet.engine_for), load_presets(settings.presets_dir))
print(sorted({name.partition('.')[0] for name in sys.modules} & {'torch', 'transformers', 'peft', 'bitsandbytes'}))
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_building_the_page_imports_no_decoder_and_starts_no_worker(tmp_path: Path) -> None:
    done = python("-c", BUILD, PLAYGROUND_CACHE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_importing_the_app_starts_nothing() -> None:
    done = python("-c", "import app, threading; print(threading.active_count())")
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = python("app.py", GRADIO_SERVER_NAME="127.0.0.1", GRADIO_SERVER_PORT=str(taken.getsockname()[1]))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot listen on 127.0.0.1:" in done.stderr
    assert "GRADIO_SERVER_PORT" in done.stderr


def test_a_bad_setting_is_one_sentence() -> None:
    done = python("app.py", PLAYGROUND_MAX_LANES="many")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "max_lanes" in done.stderr
