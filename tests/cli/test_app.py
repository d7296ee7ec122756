"""The command line finds its commands by their files."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from playground.cli import commands
from playground.cli.app import main
from playground.cli.surroundings import Surroundings
from playground.settings import Settings


def test_every_file_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.partition("Commands:")[2].splitlines() if line.strip()}
    assert listed >= {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}


def test_a_page_that_cannot_listen_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(cache_dir=tmp_path, server_name="127.0.0.1", server_port=taken.getsockname()[1])
        assert main(["page"], Surroundings(settings)) == 2
    err = capsys.readouterr().err
    assert err.startswith("playground: server: cannot listen on 127.0.0.1:")
    assert err.count("\n") == 1
