"""A real page in a real Chromium: `python app.py` with the scripted engine, and one visitor after the other."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from playground.settings import ROOT

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The Chromium that `make test` found, or one that is installed; None: Playwright's own."""
    return os.environ.get("PLAYGROUND_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)  # two shared cores: the default of 5 s is for machines of one's own
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until_up(process: subprocess.Popen[bytes], url: str) -> str:
    """The address, once the page answers there."""
    for _ in range(300):
        assert process.poll() is None, "the page ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return url
    raise AssertionError("the page did not come up")


@contextmanager
def serving(**variables: str) -> Iterator[str]:
    """A real `python app.py` with these variables; its address."""
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)} | variables
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield wait_until_up(process, f"http://127.0.0.1:{port}")
        process.terminate()
        assert process.wait(20) == 0, "SIGTERM ends the page cleanly"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scripted page's address."""
    with serving(PLAYGROUND_ENGINE="scripted", PLAYGROUND_CACHE_DIR=str(tmp_path_factory.mktemp("cache"))) as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor. A script error on any of their pages fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 780})
    context.set_default_timeout(60_000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert not errors


@pytest.fixture
def visit(context: BrowserContext, url: str) -> Page:
    """The visitor's page, ready for Run."""
    return open_page(context, url)


def open_page(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.locator(".lp-card").first.wait_for()
    page.wait_for_function("document.querySelector('[data-chart=progress] .lp-plot').data?.length > 0")
    return page


@pytest.fixture
def artifacts() -> Path:
    """Where a test leaves screenshots to be looked at."""
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder
