"""What repeats say, on one page: a run that goes on until it is sure, then the same lanes all at once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from playground.engines.scripted import Script, ScriptedEngine, script_of
from playground.spec.lane import Lane
from tests.browser.page_object import Playground, link
from tests.browser.test_lab import Visit, chart, visit_to
from tests.pages import hurried

__all__ = ["visit_to"]

pytestmark = pytest.mark.browser

HEIGHT = "document.querySelector('.lp').offsetHeight"
PARTS_MS = "[...document.querySelector('[data-chart=parts] .lp-plot').data].map((part) => part.x)"
POINTS = "[...document.querySelector('[data-chart=against] .lp-plot').data].map((one) => [one.x[0], one.error_x?.array?.[0] ?? null])"
LISTEN = """() => {
  const line = document.querySelector('.lp-beneath');
  window.said = [];
  new MutationObserver(() => window.said.push(line.textContent)).observe(line, { childList: true, characterData: true, subtree: true });
}"""

RINGS = """document.querySelector('[data-chart=progress] .lp-plot').data
  .flatMap((trace) => [trace.marker?.symbol].flat()).filter((symbol) => symbol === 'circle-open').length"""


def uneven(lane: Lane) -> Script:
    """Repeats differ by some percent; in one, lane 1 takes twice as long."""
    jitter = {"bf16": (1.0, 1.01, 0.99, 2.0, 1.02, 0.98, 1.01, 0.99), "nf4": (1.0, 1.02, 1.0, 0.99, 0.98, 1.01)}
    return replace(script_of(lane), jitter=jitter.get(lane.variant.weights.scheme, (1.0,)))


def run_and_watch(page: Playground) -> None:
    """Presses Run, waits for its end, and sees that nothing moved meanwhile."""
    page.tab.evaluate("window.shift = 0; window.moved = []")
    page.run()
    page.tab.wait_for_timeout(600)  # shifts within 500 ms of the click do not count as the page's own
    height = page.tab.evaluate(HEIGHT)
    page.wait_done()
    assert page.tab.evaluate(HEIGHT) == height
    page.expect_no_shifts()


def test_until_sure_then_all_at_once(visit_to: Visit) -> None:
    lanes = ["bf16", "nf4", "bf16/beam(num_beams=2)", "nf4/top_p(p=0.9)"]
    query = link(lanes=lanes, schedule="exclusive", max_new_tokens=4, warmup=1, repeats=2, until_percent=199, limit_s=60)
    page = visit_to(query, ScriptedEngine(uneven, hurried))
    page.watch_shifts()
    page.tab.evaluate(LISTEN)
    run_and_watch(page)
    assert any(
        words.startswith("Repeats are added until sure, 60 s at most: the widest interval is ")
        for words in page.tab.evaluate("window.said")
    )
    after_until_sure(page)
    page.tab.get_by_role("button", name="Settings", exact=True).click()
    page.tab.locator("#schedule input").click()
    page.tab.get_by_role("option", name="Contended").click()
    page.tab.locator("#until-percent input").fill("0")
    page.tab.locator("#until-percent input").blur()
    expect(page.summary).to_contain_text("contended")
    run_and_watch(page)
    after_all_at_once(page)
    assert page.violations() == []


def after_until_sure(page: Playground) -> None:
    compared = page.tab.locator(".lp-compared")
    expect(compared.nth(0)).to_have_text("baseline")
    expect(compared.nth(1)).to_have_text(re.compile(r"faster \(1\.\d+–\d"))
    expect(compared.nth(1)).to_have_attribute("title", re.compile(r"faster than bf16 \(95 %: "))
    expect(page.tab.locator(".lp-basis").first).to_have_text("median of 6")
    page.tab.wait_for_function(f"({PARTS_MS}).every((part) => part.every((ms) => ms !== null))")
    parts = page.tab.evaluate(PARTS_MS)
    told = [page.tab.locator(".lp-phases").nth(lane).get_attribute("aria-label") for lane in range(4)]
    assert len(parts) == 4, "tokenizing, prefill, decoding and post"
    assert parts[0] == [1] * 4
    assert all(words and words.endswith("of 6 repeats whose E2E is the median, the lower of the two middle ones") for words in told)
    ratios = page.tab.evaluate(POINTS)
    assert ratios[0] == [1, None]
    assert ratios[1][0] < 1 < ratios[1][0] / ratios[1][1], "a point with its interval"
    page.tab.wait_for_function(f"{RINGS} === 2")  # lane 1 and its beams took twice as long once
    assert "1.00× E2E" in chart(page, "against", 4, "text"), "beam search has no TPOT"


def after_all_at_once(page: Playground) -> None:
    expect(page.tab.locator(".lp-neighbours")).to_have_text([re.compile(r"^[34]\.\d\d× its time alone$")] * 4)
    expect(page.tab.locator(".lp-title").nth(3)).to_contain_text("not repeatable")
    expect(page.tab.locator(".lp-title").nth(1)).not_to_contain_text("not repeatable")
    expect(page.tab.locator(".lp-measure")).to_contain_text("contended, all lanes at once")
    expect(page.tab.locator(".lp-results thead")).to_contain_text("Slowdown")
