"""What a visitor does with the page, and what the page does meanwhile."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import NewContext
from tests.browser.page_object import LONG, PAYLOAD, Playground

pytestmark = pytest.mark.browser


def test_one_click_runs_the_quickstart(page: Playground) -> None:
    expect(page.labels).to_have_text(["bf16", "int8", "nf4", "top_p(p=0.9)"])
    expect(page.tab.locator("#device")).to_contain_text("nothing is measured")
    expect(page.tab.locator(".lp-text").first).to_have_text("Press Run: each lane writes its answer here.")
    page.run()
    page.expect_status("Running")


def test_the_charts_script_is_found_behind_a_prefix(page: Playground) -> None:
    sources = page.tab.evaluate("[...document.scripts].map((one) => one.getAttribute('src') || '').filter((src) => src.includes('plotly'))")
    assert len(sources) == 1
    assert sources[0].startswith("gradio_api/file="), "relative to the page"


def test_text_and_charts_grow_before_the_run_ends(pair: Playground) -> None:
    pair.run(60)
    pair.wait_points("count >= 3")
    shown = pair.text(1)
    assert shown
    assert pair.status.inner_text().startswith("Running"), "so points and text were there before the end"
    pair.wait_done()
    pair.wait_points("count === 60")
    assert len(pair.text(1)) > len(shown)
    expect(pair.results).to_have_count(2)
    assert "39.0 ms" in pair.results.first.inner_text(), "the script's TPOT, exactly"


def test_stop_keeps_what_there_is_and_the_next_run_works(pair: Playground) -> None:
    pair.run(LONG)
    pair.expect_status("Running")
    pair.wait_text()
    expect(pair.run_button).to_be_disabled()
    expect(pair.tokens).to_be_disabled()
    expect(pair.lane(1)).to_be_disabled()
    pair.stop()
    expect(pair.run_button).to_be_enabled()
    expect(pair.stop_button).to_be_disabled()
    expect(pair.tokens).to_be_enabled()
    assert len(pair.text(1)) > 20
    pair.run_to_end(4)


def test_lane_text_stays_text(page: Playground) -> None:
    for payload in (PAYLOAD, "<script>window.hacked=1</script>", "bf16[x=<b>]", "{{constructor}}"):
        page.set_lane(2, "int8")
        expect(page.problem).not_to_contain_text("Lane 2:")
        page.set_lane(2, payload)
        page.run()
        expect(page.problem).to_contain_text("Lane 2:")
        page.expect_not_hacked()
        assert page.tab.locator("#problem img, #problem b, #problem script").count() == 0


def test_a_bad_lane_costs_one_sentence_and_loses_nothing(pair: Playground) -> None:
    pair.run_to_end()
    before = pair.results.all_inner_texts()
    pair.set_lane(2, "int9")
    pair.run()
    expect(pair.problem).to_contain_text("Lane 2: unknown precision 'int9' (allowed: fp32, bf16")
    assert pair.results.all_inner_texts() == before
    expect(pair.lane(2)).to_have_value("int9")
    pair.set_lane(2, "nf4")
    pair.run()
    expect(pair.labels).to_have_text(["bf16", "nf4"])
    pair.wait_done()


def test_lanes_are_added_and_removed(page: Playground) -> None:
    for count in (3, 2, 1):
        page.tab.locator(".lane-edit:visible .lane-remove").last.click()
        expect(page.lane_rows).to_have_count(count)
    expect(page.tab.locator(".lane-edit:visible .lane-remove")).to_be_disabled()
    for count in range(2, 10):
        page.tab.click("#add-lane")
        expect(page.lane_rows).to_have_count(count)
    expect(page.tab.locator("#add-lane")).to_be_disabled()


def test_nothing_is_fetched_from_elsewhere(context: BrowserContext, url: str) -> None:
    hosts: set[str | None] = set()
    context.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
    Playground.with_lanes(context, url, ["bf16", "int8"]).run_to_end(4)
    assert hosts - {None, ""} == {"127.0.0.1"}


def test_nothing_jumps_while_it_streams(page: Playground) -> None:
    page.set_tokens(20)
    page.watch_shifts()
    page.run()
    page.tab.wait_for_timeout(600)  # shifts within 500 ms of the click do not count as the page's own
    height = page.tab.evaluate("document.querySelector('.lp').offsetHeight")
    page.wait_done()
    assert page.tab.evaluate("document.querySelector('.lp').offsetHeight") == height
    page.expect_no_shifts()


def test_beam_text_is_marked_until_it_stands(tab: Playground, url: str) -> None:
    page = tab.go_with_lanes(url, ["bf16", "bf16/beam(num_beams=4)"])
    page.run(60)
    expect(page.cards.nth(1)).to_have_attribute("data-unsure", "revising")
    page.wait_done()
    expect(page.cards.nth(1)).to_have_attribute("data-unsure", "")
    assert "–" in page.results.nth(1).inner_text()


def test_it_fits_and_is_legible_in_both_themes(new_context: NewContext, url: str, artifacts: Path) -> None:
    page = Playground.open(new_context(color_scheme="dark"), url)
    page.run_to_end(6)
    page.wait_points("count === 6")
    for theme in ("dark", "light"):
        for width, height in ((1440, 780), (1024, 768), (390, 844)):
            page.tab.set_viewport_size({"width": width, "height": height})
            page.tab.wait_for_function(
                "[...document.querySelectorAll('.main-svg')].every((one) => one.clientWidth <= one.closest('.lp-chart').offsetWidth)"
            )
            page.tab.screenshot(path=artifacts / f"page-{theme}-{width}.png", full_page=True)
            page.expect_fits_across(width)
        ink, surface = page.tab.evaluate(
            "(() => { const card = getComputedStyle(document.querySelector('.lp-card')); return [card.color, card.backgroundColor]; })()"
        )
        assert (luminance(ink) > luminance(surface)) == (theme == "dark")
        assert contrast(ink, surface) >= 7
        if theme == "dark":
            page.tab.get_by_role("button", name="Light theme").click()
            page.tab.wait_for_function("!document.body.classList.contains('dark')")


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast of two `rgb(…)` colours."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
