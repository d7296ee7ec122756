"""The promise of the first page: the embedded model answers in four variants side by side, drawn live."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import open_page, serving
from tests.browser.test_page import POINTS, set_tokens, text_of, wait_words

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_the_quickstart_runs_and_stops(browser: Browser, context: BrowserContext, artifacts: Path) -> None:
    context.set_default_timeout(90_000)
    with serving() as url:
        page = open_page(context, url)
        expect(page.locator("#device")).to_contain_text("torch")
        set_tokens(page, 24)
        page.click("#run")
        page.wait_for_function(f"({POINTS}).every((count) => count >= 3)")
        assert all(count < 24 for count in page.evaluate(POINTS)), "points are drawn before the run ends"
        assert all(text_of(page, lane) for lane in range(1, 5))
        wait_words(page, "^Done$")
        rows = page.locator(".lp-results tbody tr")
        expect(rows).to_have_count(4)
        assert all("tok/s" in row for row in rows.all_inner_texts())
        page.screenshot(path=artifacts / "quickstart.png", full_page=True)
        set_tokens(page, 2000)
        page.click("#run")
        page.wait_for_function("document.querySelector('.lp-words').innerText.includes('token ')")
        page.click("#stop")
        wait_words(page, "^Stopped")
