"""The promise of the first page: the embedded model answers in four variants side by side, drawn live."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import serving
from tests.browser.page_object import LONG, Playground

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_the_quickstart_runs_and_stops(context: BrowserContext, artifacts: Path) -> None:
    context.set_default_timeout(90_000)
    with serving() as url:
        page = Playground.open(context, url)
        expect(page.tab.locator("#device")).to_contain_text("torch")
        page.run(24)
        page.wait_points("count >= 3")
        assert all(count < 24 for count in page.points()), "points are drawn before the run ends"
        assert all(page.text(lane) for lane in range(1, 5))
        page.wait_done()
        expect(page.results).to_have_count(4)
        assert all("tok/s" in row for row in page.results.all_inner_texts())
        page.tab.screenshot(path=artifacts / "quickstart.png", full_page=True)
        page.run(LONG)
        page.tab.wait_for_function("document.querySelector('.lp-words').innerText.includes('token ')")
        page.stop()
        page.tab.close()
