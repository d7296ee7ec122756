"""The processes benchmarks start, each ended by its own id: the app, and children that answer JSON lines."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playground.settings import ROOT, child_environment
from tests.benchmarks.setup import BenchmarkError

_PAGE_MARK = "gradio"


class Child:
    """A Python module as a process that reads one JSON line and answers with one. Between them it waits in a read: no CPU at all."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 — a file, not a pipe: nobody has to read it while the child works
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=child_environment(),
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises BenchmarkError when the child ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"a measuring process ended: {_last_line(self._errors)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """It ends when its input does; one that does not is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15 if error is None else 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class App:
    """`python app.py` on a free port of 127.0.0.1; `ready_s`: from its start until `GET /` answered 200 with the page."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        environment = child_environment() | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(self.port)}
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors
        )
        try:
            self._wait_ready(began + timeout_s)
        except BaseException:
            self._end()
            raise
        self.ready_s = time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _wait_ready(self, deadline: float) -> None:
        while not _answers(self.url):
            if self._process.poll() is not None:
                raise BenchmarkError(f"app.py ended with code {self._process.returncode}: {_last_line(self._errors)}")
            if time.perf_counter() > deadline:
                raise BenchmarkError("the page was not ready in time")
            time.sleep(0.02)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


def rss_anon_bytes(pid: int | str) -> int:
    """Anonymous resident memory of a process (Linux): unlike RSS, without the files it has mapped."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError("this system does not tell RssAnon")


def _answers(url: str) -> bool:
    # Straight to the page, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200 and _PAGE_MARK in response.read().decode(errors="replace"))
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_line(stream: Any) -> str:
    stream.seek(0)
    lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
