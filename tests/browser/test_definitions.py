"""The figures by other tools' definitions, as a visitor reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_access import violations
from tests.browser.test_page import WATCH_SHIFTS, run, set_lane, wait_words

pytestmark = pytest.mark.browser


def cells(page: Page, lane: int) -> list[str]:
    return [text.replace("\n", " ") for text in page.locator(".lp-definitions tbody tr").nth(lane - 1).locator("td").all_inner_texts()]


def test_a_run_is_read_as_other_tools_define_the_words(visit: Page, artifacts: Path) -> None:
    select = visit.locator(".lp-definitions select")
    assert select.locator("option").all_inner_texts() == ["this page", "vLLM", "GuideLLM", "AIPerf", "MLPerf"]
    expect(visit.locator(".lp-definitions-read")).to_be_hidden()
    set_lane(visit, 2, "nf4/beam(num_beams=4)")
    select.select_option("mlperf")
    assert cells(visit, 1) == ["–"] * 5
    expect(visit.locator(".lp-definitions li")).to_have_text("Figures come when the run is over.")
    run(visit, 12)
    wait_words(visit, "^(Running|Done)")
    visit.locator(".lp-definitions-note").scroll_into_view_if_needed()
    visit.evaluate(WATCH_SHIFTS)
    wait_words(visit, "^Done")
    expect(visit.locator(".lp-definitions tbody td").first).not_to_have_text("–")
    # bf16: tokenizing 1 ms, first token after 55 ms, then 39 ms each, and 1 ms at the end.
    assert cells(visit, 1) == [
        "54.0 ms ≠ here 55.0 ms",
        "39.0 ms",
        "– ≠ here 39.0 ms",
        "483 ms ≠ here 485 ms",
        "24.8 tok/s ≠ here 24.7 tok/s",
    ]
    assert cells(visit, 2)[1] == "0 ms ≠ here –", "beam search comes in one chunk"
    assert any("which makes 0" in why for why in visit.locator(".lp-definitions li").all_inner_texts())
    assert visit.evaluate("window.shift") < 0.001, visit.evaluate("window.moved")
    visit.locator(".lp-definitions").screenshot(path=artifacts / "definitions.png")
    assert violations(visit) == []
    select.select_option("guidellm")
    assert cells(visit, 1)[1] == "40.3 ms ≠ here 39.0 ms"
    visit.locator("#more").click()
    wait_words(visit, "^Done")
    expect(visit.locator("#more")).to_be_enabled()
    assert select.input_value() == "guidellm", "the choice outlives the run"
    assert cells(visit, 1)[1] == "40.3 ms ≠ here 39.0 ms"
    select.select_option("")
    expect(visit.locator(".lp-definitions-read")).to_be_hidden()
