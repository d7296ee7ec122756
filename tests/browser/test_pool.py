"""The pool in the top line: what is resident, what others hold, and evicting it, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.timeline.environment import Environment, ResidentFacts
from tests.browser.page_object import LONG, QUICKSTART, Playground
from tests.pages import hurried, page_of

pytestmark = pytest.mark.browser

PAYLOAD = "<img src=x onerror=window.hacked=1>${window.hacked=1}{{constructor}}"
RESIDENT = "3 variants resident, 542 MB of 2.00 GB"
LEAST_PX = {1440: 24, 390: 44}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of this file's own: what is resident outlives a visit. Others are said to hold 900 MB on its device."""
    engine = ScriptedEngine(sleep=hurried, other_bytes=900_000_000)
    with page_of(ScriptedFleet(engine), tmp_path_factory.mktemp("cache")) as url:
        yield url


@pytest.fixture
def loaded(page: Playground) -> Playground:
    """A page with three variants resident."""
    summary = page.tab.locator(".lp-pool-words")
    expect(summary).to_have_text(re.compile("Nothing loaded, 2.00 GB for variants|variants? resident"))
    if summary.inner_text() != RESIDENT:
        page.run_to_end(2)
    expect(summary).to_have_text(RESIDENT)
    return page


def labels(page: Playground) -> list[str]:
    return page.tab.locator(".lp-pool-row .lp-pool-label").all_inner_texts()


def focused(page: Playground) -> str:
    found: str = page.tab.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName")
    return found


def test_it_lists_what_is_resident_and_names_what_others_hold(loaded: Playground) -> None:
    loaded.tab.click("#pool summary")
    assert labels(loaded) == ["smollm2-135m bf16", "smollm2-135m int8", "smollm2-135m nf4", "other programs, and CUDA itself"]
    expect(loaded.tab.locator(".lp-pool-row .lp-pool-size")).to_have_text(["269 MB", "163 MB", "110 MB", "900 MB"])
    widths = loaded.tab.evaluate("[...document.querySelectorAll('#pool summary i')].map((one) => one.getBoundingClientRect().width)")
    assert widths == [*sorted(widths[:3], reverse=True), max(widths)], "as wide as they are large, the others' widest"
    hatched = "getComputedStyle(document.querySelector('#pool summary .lp-pool-other')).backgroundImage"
    assert loaded.tab.evaluate(hatched).startswith("repeating-linear-gradient")


def test_it_can_be_used_by_keyboard_alone(loaded: Playground) -> None:
    loaded.tab.locator("#pool summary").focus()
    loaded.tab.keyboard.press("Enter")
    loaded.tab.keyboard.press("Tab")
    assert focused(loaded) == "Evict smollm2-135m bf16, 269 MB"
    loaded.tab.keyboard.press("Enter")
    expect(loaded.tab.locator(".lp-pool-outcome")).to_have_text("Evicted smollm2-135m bf16.")
    expect(loaded.tab.locator(".lp-pool-words")).to_have_text("2 variants resident, 273 MB of 2.00 GB")
    assert focused(loaded) == "Evict smollm2-135m int8, 163 MB", "the keyboard goes on where it was"
    for _ in range(2):
        loaded.tab.keyboard.press("Space")
        expect(loaded.tab.locator(".lp-pool-evict:disabled")).to_have_count(0)
    expect(loaded.tab.locator(".lp-pool-words")).to_have_text("Nothing loaded, 2.00 GB for variants")
    assert focused(loaded).startswith("Memory: Nothing loaded")
    loaded.tab.keyboard.press("Escape")
    expect(loaded.tab.locator(".lp-pool-panel")).to_be_hidden()


def test_under_a_run_nothing_is_evicted_and_escape_closes_the_panel_only(loaded: Playground) -> None:
    loaded.run(LONG)
    loaded.expect_status("^Running")
    loaded.tab.click("#pool summary")
    loaded.tab.locator(".lp-pool-evict").first.click()
    expect(loaded.tab.locator(".lp-pool-outcome")).to_have_text("Not evicted: a run is on; a variant can be evicted when it has ended.")
    assert len(labels(loaded)) == 4
    loaded.tab.keyboard.press("Escape")
    expect(loaded.tab.locator(".lp-pool-panel")).to_be_hidden()
    assert loaded.status.inner_text().startswith("Running")
    loaded.tab.keyboard.press("Escape")
    loaded.expect_status("^Stopped")


def test_a_press_beside_it_closes_it_and_a_second_page_shows_the_same(loaded: Playground, context: BrowserContext, url: str) -> None:
    loaded.tab.click("#pool summary")
    loaded.tab.click("#title")
    expect(loaded.tab.locator(".lp-pool-panel")).to_be_hidden()
    other = Playground.open(context, url)
    expect(other.tab.locator(".lp-pool-words")).to_have_text(RESIDENT)
    other.tab.click("#pool summary")
    other.tab.locator(".lp-pool-evict").first.click()
    expect(other.tab.locator(".lp-pool-words")).to_have_text(re.compile("^2 variants"))
    loaded.tab.click("#pool summary")
    loaded.tab.locator(".lp-pool-evict").first.click()
    expect(loaded.tab.locator(".lp-pool-outcome")).to_have_text("Not evicted: this variant is not loaded any more.")
    expect(loaded.tab.locator(".lp-pool-words")).to_have_text(re.compile("^2 variants"))


def test_what_must_make_room_waits_in_the_hosts_memory_where_there_is_one(context: BrowserContext, tmp_path: Path, artifacts: Path) -> None:
    engine = ScriptedEngine(sleep=hurried, other_bytes=100_000_000, host_budget_bytes=4_000_000_000, budget_bytes=400_000_000)
    with page_of(ScriptedFleet(engine), tmp_path) as url:
        page = Playground.with_lanes(context, url, QUICKSTART[:3]).run_to_end(2)
        expect(page.tab.locator(".lp-pool-words")).to_have_text("2 variants resident, 273 MB of 400 MB")
        page.tab.click("#pool summary")
        expect(page.tab.locator(".lp-pool-host")).to_have_text(re.compile("Waiting in the host’s memory *269 MB of 4.00 GB"))
        expect(page.tab.locator(".lp-pool-copies")).to_contain_text("Pre-quantized copies on disk: 273 MB")
        page.tab.screenshot(path=artifacts / "pool-host.png")
        page.tab.locator(".lp-pool-host + ul .lp-pool-evict").click()
        expect(page.tab.locator(".lp-pool-host")).to_have_count(0)
        page.tab.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_right(loaded: Playground, url: str, theme: str, artifacts: Path) -> None:
    loaded.go(f"{url}?__theme={theme}")
    expect(loaded.tab.locator(".lp-pool-words")).to_have_text(re.compile("^3 variants"))
    loaded.tab.click("#pool summary")
    for width, height in ((390, 844), (1440, 780)):
        loaded.tab.set_viewport_size({"width": width, "height": height})
        panel = loaded.box(".lp-pool-panel")
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= width
        for target in ("#pool summary", ".lp-pool-evict"):
            box = loaded.box(target)
            assert min(box["width"], box["height"]) >= LEAST_PX[width]
        loaded.expect_fits_across(width)
        loaded.tab.screenshot(path=artifacts / f"pool-{theme}-{width}.png")


class Hostile(ScriptedFleet):
    """A model whose name is markup."""

    def environment(self) -> Environment:
        residents = (ResidentFacts(key=PAYLOAD, label=PAYLOAD, memory_bytes=1_000_000),)
        return super().environment() | Environment(device_name=PAYLOAD, residents=residents)


def test_a_models_name_stays_text(context: BrowserContext, tmp_path: Path) -> None:
    with page_of(Hostile(ScriptedEngine()), tmp_path) as url:
        page = Playground.open(context, url)
        page.tab.click("#pool summary")
        assert labels(page) == [PAYLOAD]
        page.tab.locator(".lp-pool-evict").click()
        expect(page.tab.locator(".lp-pool-outcome")).to_have_text("Not evicted: this variant is not loaded any more.")
        page.expect_not_hacked()
        assert page.tab.locator("#pool img").count() == 0
