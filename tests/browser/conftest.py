"""A real page in a real Chromium, and one visitor after the other.

`page` is enough for most tests: one tab a file, which each test begins with a fresh load of the page. Tests that need a visitor of their
own (another size, permissions, no network) take `context`, which is closed after them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from playground.settings import ROOT
from tests.browser.page_object import Playground
from tests.pages import free_port, page_of_kind

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_MS = 60_000
"""Two shared cores: Playwright's own 5 s are for machines of one's own."""

NewContext = Callable[..., BrowserContext]


def chromium_path() -> str | None:
    """The Chromium that `make test` found, or one that is installed; None: Playwright's own."""
    return os.environ.get("PLAYGROUND_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def wait_until_up(process: subprocess.Popen[bytes], url: str) -> str:
    """The address, once the page answers there."""
    for _ in range(600):
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
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scripted page that all tests share."""
    with page_of_kind("plain", tmp_path_factory.mktemp("cache")) as url:
        yield url


@contextmanager
def contexts_of(browser: Browser) -> Iterator[NewContext]:
    """Makes visitors, each with a window of their own; a script error on any of their pages fails the test at the end."""
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def new(**options: Any) -> BrowserContext:
        opened.append(browser.new_context(**{"viewport": {"width": 1440, "height": 780}} | options))
        opened[-1].set_default_timeout(TIMEOUT_MS)
        opened[-1].on("weberror", lambda error: errors.append(str(error.error)))
        return opened[-1]

    yield new
    for context in opened:
        context.close()
    assert not errors


@pytest.fixture
def new_context(browser: Browser) -> Iterator[NewContext]:
    with contexts_of(browser) as new:
        yield new


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    """A visitor."""
    return new_context()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Playground]:
    """One visitor's tab for a whole file, at no address yet."""
    with contexts_of(browser) as new:
        yield Playground(new().new_page())


@pytest.fixture
def page(tab: Playground, url: str) -> Playground:
    """The page as it is when it is opened: the quickstart's four lanes."""
    return tab.go(url)


@pytest.fixture
def pair(tab: Playground, url: str) -> Playground:
    """The page with two lanes, bf16 and int8, of six tokens: enough for most runs."""
    return tab.go_with_lanes(url, ["bf16", "int8"], max_new_tokens=6)


@pytest.fixture
def artifacts() -> Path:
    """Where a test leaves screenshots to be looked at."""
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder
