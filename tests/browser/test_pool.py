"""The pool in the top line: what is resident, what others hold, and evicting it, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from playground.engines.registry import Fleet, ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.presets import load_presets
from playground.timeline.environment import Environment, ResidentFacts
from playground.ui.page import build
from playground.ui.theme import launch_options
from tests.browser.conftest import free_port, open_page
from tests.browser.test_page import run, set_tokens, wait_words

pytestmark = pytest.mark.browser

PAYLOAD = "<img src=x onerror=window.hacked=1>${window.hacked=1}{{constructor}}"
LEAST_PX = {1440: 24, 390: 44}


@contextmanager
def page_of(fleet: Fleet, cache_dir: Path) -> Iterator[str]:
    """A page on this fleet, in this process; its address."""
    settings = Settings(engine="scripted", cache_dir=cache_dir)
    demo = build(settings, fleet, Runner(fleet.engine_for), load_presets(settings.presets_dir))
    _, url, _ = demo.launch(server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, **launch_options(cache_dir))
    try:
        yield url
    finally:
        demo.close()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A page of its own: what is resident outlives a visit. Others are said to hold 900 MB on its device."""
    with page_of(ScriptedFleet(ScriptedEngine(other_bytes=900_000_000)), tmp_path) as url:
        yield url


@pytest.fixture
def loaded(context: BrowserContext, url: str) -> Page:
    """A visitor's page after a run of four lanes on three variants."""
    page = open_page(context, url)
    expect(page.locator(".lp-pool-words")).to_have_text("Nothing loaded, 2.00 GB for variants")
    run(page, 2, lanes=4)
    wait_words(page, "^Done")
    expect(page.locator(".lp-pool-words")).to_have_text("3 variants resident, 542 MB of 2.00 GB")
    return page


def labels(page: Page) -> list[str]:
    return page.locator(".lp-pool-row .lp-pool-label").all_inner_texts()


def focused(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName")
    return found


def test_it_lists_what_is_resident_and_names_what_others_hold(loaded: Page) -> None:
    loaded.click("#pool summary")
    assert labels(loaded) == ["smollm2-135m bf16", "smollm2-135m int8", "smollm2-135m nf4", "other programs, and CUDA itself"]
    expect(loaded.locator(".lp-pool-row .lp-pool-size")).to_have_text(["269 MB", "163 MB", "110 MB", "900 MB"])
    widths = loaded.evaluate("[...document.querySelectorAll('#pool summary i')].map((one) => one.getBoundingClientRect().width)")
    assert widths == [*sorted(widths[:3], reverse=True), max(widths)], "as wide as they are large, the others' widest"
    hatched = "getComputedStyle(document.querySelector('#pool summary .lp-pool-other')).backgroundImage"
    assert loaded.evaluate(hatched).startswith("repeating-linear-gradient")


def test_it_can_be_used_by_keyboard_alone(loaded: Page) -> None:
    loaded.locator("#pool summary").focus()
    loaded.keyboard.press("Enter")
    loaded.keyboard.press("Tab")
    assert focused(loaded) == "Evict smollm2-135m bf16, 269 MB"
    loaded.keyboard.press("Enter")
    expect(loaded.locator(".lp-pool-said")).to_have_text("Evicted smollm2-135m bf16.")
    expect(loaded.locator(".lp-pool-words")).to_have_text("2 variants resident, 273 MB of 2.00 GB")
    assert focused(loaded) == "Evict smollm2-135m int8, 163 MB", "the keyboard goes on where it was"
    for _ in range(2):
        loaded.keyboard.press("Space")
        expect(loaded.locator(".lp-pool-evict:disabled")).to_have_count(0)
    expect(loaded.locator(".lp-pool-words")).to_have_text("Nothing loaded, 2.00 GB for variants")
    assert focused(loaded).startswith("Memory: Nothing loaded")
    loaded.keyboard.press("Escape")
    expect(loaded.locator(".lp-pool-panel")).to_be_hidden()


def test_under_a_run_nothing_is_evicted_and_escape_closes_the_panel_only(loaded: Page) -> None:
    set_tokens(loaded, 2000)
    loaded.click("#run")
    wait_words(loaded, "^Running")
    loaded.click("#pool summary")
    loaded.locator(".lp-pool-evict").first.click()
    expect(loaded.locator(".lp-pool-said")).to_have_text("Not evicted: a run is on; a variant can be evicted when it has ended.")
    assert len(labels(loaded)) == 4
    loaded.keyboard.press("Escape")
    expect(loaded.locator(".lp-pool-panel")).to_be_hidden()
    assert loaded.locator(".lp-run-words").inner_text().startswith("Running")
    loaded.keyboard.press("Escape")
    wait_words(loaded, "^Stopped")


def test_a_press_beside_it_closes_it_and_a_second_page_shows_the_same(loaded: Page, context: BrowserContext, url: str) -> None:
    loaded.click("#pool summary")
    loaded.click("#title")
    expect(loaded.locator(".lp-pool-panel")).to_be_hidden()
    other = open_page(context, url)
    expect(other.locator(".lp-pool-words")).to_have_text("3 variants resident, 542 MB of 2.00 GB")
    other.click("#pool summary")
    other.locator(".lp-pool-evict").first.click()
    expect(other.locator(".lp-pool-words")).to_have_text(re.compile("^2 variants"))
    loaded.click("#pool summary")
    loaded.locator(".lp-pool-evict").first.click()
    expect(loaded.locator(".lp-pool-said")).to_have_text("Not evicted: this variant is not loaded any more.")
    expect(loaded.locator(".lp-pool-words")).to_have_text(re.compile("^2 variants"))


def test_what_must_make_room_waits_in_the_hosts_memory_where_there_is_one(context: BrowserContext, tmp_path: Path, artifacts: Path) -> None:
    engine = ScriptedEngine(other_bytes=100_000_000, host_budget_bytes=4_000_000_000, budget_bytes=400_000_000)
    with page_of(ScriptedFleet(engine), tmp_path) as url:
        page = open_page(context, url)
        run(page, 2, lanes=3)
        wait_words(page, "^Done")
        expect(page.locator(".lp-pool-words")).to_have_text("2 variants resident, 273 MB of 400 MB")
        page.click("#pool summary")
        expect(page.locator(".lp-pool-host")).to_have_text(re.compile("Waiting in the host’s memory *269 MB of 4.00 GB"))
        expect(page.locator(".lp-pool-copies")).to_contain_text("Pre-quantized copies on disk: 273 MB")
        page.screenshot(path=artifacts / "pool-host.png")
        page.locator(".lp-pool-host + ul .lp-pool-evict").click()
        expect(page.locator(".lp-pool-host")).to_have_count(0)
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 780), (390, 844)])
def test_it_looks_right(loaded: Page, url: str, theme: str, width: int, height: int, artifacts: Path) -> None:
    loaded.set_viewport_size({"width": width, "height": height})
    loaded.goto(f"{url}?__theme={theme}")
    expect(loaded.locator(".lp-pool-words")).to_have_text(re.compile("^3 variants"))
    loaded.click("#pool summary")
    panel = loaded.locator(".lp-pool-panel").bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width
    for target in (loaded.locator("#pool summary"), loaded.locator(".lp-pool-evict").first):
        box = target.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= LEAST_PX[width]
    assert loaded.evaluate("document.documentElement.scrollWidth") <= width
    loaded.screenshot(path=artifacts / f"pool-{theme}-{width}.png")


class Hostile(ScriptedFleet):
    """A model whose name is markup."""

    def environment(self) -> Environment:
        residents = (ResidentFacts(key=PAYLOAD, label=PAYLOAD, memory_bytes=1_000_000),)
        return super().environment() | Environment(device_name=PAYLOAD, residents=residents)


def test_a_models_name_stays_text(browser: Browser, context: BrowserContext, tmp_path: Path) -> None:
    with page_of(Hostile(ScriptedEngine()), tmp_path) as url:
        page = open_page(context, url)
        page.click("#pool summary")
        assert labels(page) == [PAYLOAD]
        page.locator(".lp-pool-evict").click()
        expect(page.locator(".lp-pool-said")).to_have_text("Not evicted: this variant is not loaded any more.")
        assert page.evaluate("window.hacked") is None
        assert page.locator("#pool img").count() == 0
