"""The figures by other tools' definitions, as a visitor reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_object import Playground

pytestmark = pytest.mark.browser


def cells(page: Playground, lane: int) -> list[str]:
    return [text.replace("\n", " ") for text in page.tab.locator(".lp-definitions tbody tr").nth(lane - 1).locator("td").all_inner_texts()]


def test_a_run_is_read_as_other_tools_define_the_words(tab: Playground, url: str, artifacts: Path) -> None:
    page = tab.go_with_lanes(url, ["bf16", "nf4/beam(num_beams=4)"], max_new_tokens=12)
    select = page.tab.locator(".lp-definitions select")
    assert select.locator("option").all_inner_texts() == ["this page", "vLLM", "GuideLLM", "AIPerf", "MLPerf"]
    expect(page.tab.locator(".lp-definitions-read")).to_be_hidden()
    select.select_option("mlperf")
    assert cells(page, 1) == ["–"] * 5
    expect(page.tab.locator(".lp-definitions li").first).to_have_text("Figures come when the run is over.")
    page.run()
    page.expect_status("^(Running|Done)")
    page.tab.locator(".lp-definitions .lp-section-notes").scroll_into_view_if_needed()
    page.watch_shifts()
    page.wait_done()
    expect(page.tab.locator(".lp-definitions tbody td").first).not_to_have_text("–")
    # bf16: tokenizing 1 ms, first token after 55 ms, then 39 ms each, and 1 ms at the end.
    assert cells(page, 1) == [
        "54.0 ms ≠ 55.0 ms",
        "39.0 ms",
        "– ≠ 39.0 ms",
        "483 ms ≠ 485 ms",
        "24.8 tok/s ≠ 24.7 tok/s",
    ]
    assert cells(page, 2)[1] == "0 ms ≠ –", "beam search comes in one chunk"
    assert any("which makes 0" in why for why in page.tab.locator(".lp-definitions li").all_inner_texts())
    page.expect_no_shifts()
    page.tab.locator(".lp-definitions").screenshot(path=artifacts / "definitions.png")
    assert page.violations() == []
    select.select_option("guidellm")
    assert cells(page, 1)[1] == "40.3 ms ≠ 39.0 ms"
    page.tab.locator("#more").click()
    page.wait_done()
    expect(page.tab.locator("#more")).to_be_enabled()
    assert select.input_value() == "guidellm", "the choice outlives the run"
    assert cells(page, 1)[1] == "40.3 ms ≠ 39.0 ms"
    select.select_option("")
    expect(page.tab.locator(".lp-definitions-read")).to_be_hidden()
