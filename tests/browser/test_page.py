"""What a visitor does with the page, and what the page does meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from playground.timeline.trace import Recording
from tests.browser.conftest import open_page

pytestmark = pytest.mark.browser

POINTS = "[...document.querySelectorAll('[data-chart=progress] .lp-plot')[0].data].slice(0, -1).map((trace) => trace.x.length)"
WATCH_SHIFTS = """() => {
  window.shift = 0;
  window.moved = [];
  const note = (one) => {
    window.shift += one.value;
    one.sources.forEach(({ node }) => window.moved.push(node?.className ?? node?.nodeName));
  };
  new PerformanceObserver((list) => list.getEntries().filter((one) => !one.hadRecentInput).forEach(note)).observe({ type: "layout-shift" });
}"""
PAYLOAD = "<img src=x onerror=window.hacked=1>${window.hacked=1}"


def set_tokens(page: Page, tokens: int) -> None:
    page.locator("#max-new-tokens input").fill(str(tokens))
    page.locator("#max-new-tokens input").blur()


def set_lane(page: Page, number: int, text: str) -> None:
    field = page.locator(f"#lane-{number} textarea, #lane-{number} input").first
    field.fill(text)
    field.blur()


def keep_lanes(page: Page, count: int) -> None:
    """Removes lanes until `count` are left."""
    while (shown := page.locator(".lane-edit:visible").count()) > count:
        page.locator(".lane-edit:visible .lane-remove").last.click()
        expect(page.locator(".lane-edit:visible")).to_have_count(shown - 1)


def words(page: Page) -> str:
    return page.locator(".lp-run-words").inner_text()


def wait_words(page: Page, pattern: str) -> None:
    expect(page.locator(".lp-run-words")).to_have_text(re.compile(pattern))


def run(page: Page, tokens: int, lanes: int = 2) -> None:
    """Presses Run on a short, two-lane run."""
    keep_lanes(page, lanes)
    set_tokens(page, tokens)
    page.click("#run")


def text_of(page: Page, lane: int) -> str:
    return page.locator(".lp-text").nth(lane - 1).inner_text()


def test_one_click_runs_the_quickstart(visit: Page) -> None:
    expect(visit.locator(".lp-label")).to_have_text(["bf16", "int8", "nf4", "top_p(p=0.9)"])
    visit.click("#run")
    wait_words(visit, "Running")


def test_text_and_charts_grow_before_the_run_ends(visit: Page) -> None:
    run(visit, 30)
    visit.wait_for_function(f"({POINTS}).every((count) => count >= 3)")
    assert words(visit).startswith("Running")
    some, shown = visit.evaluate(POINTS), text_of(visit, 1)
    assert all(count < 30 for count in some)
    assert shown
    wait_words(visit, "^Done$")
    visit.wait_for_function(f"({POINTS}).every((count) => count === 30)")
    assert len(text_of(visit, 1)) > len(shown)
    expect(visit.locator(".lp-results tbody tr")).to_have_count(2)
    assert "39.0 ms" in visit.locator(".lp-results tbody tr").first.inner_text(), "the script's TPOT, exactly"


def test_the_page_says_that_a_scripted_run_measures_nothing(visit: Page) -> None:
    expect(visit.locator("#device")).to_contain_text("nothing is measured")


def test_stop_keeps_what_there_is_and_the_next_run_works(visit: Page) -> None:
    run(visit, 2000)
    wait_words(visit, "Running")
    visit.wait_for_function("document.querySelector('.lp-text').innerText.length > 20")
    expect(visit.locator("#run")).to_be_disabled()
    visit.click("#stop")
    wait_words(visit, "^Stopped")
    expect(visit.locator("#run")).to_be_enabled()
    expect(visit.locator("#stop")).to_be_disabled()
    assert len(text_of(visit, 1)) > 20
    run(visit, 4)
    wait_words(visit, "^Done$")


def test_controls_are_locked_while_it_runs(visit: Page) -> None:
    run(visit, 200)
    wait_words(visit, "Running")
    expect(visit.locator("#max-new-tokens input")).to_be_disabled()
    expect(visit.locator("#lane-1 textarea, #lane-1 input").first).to_be_disabled()
    visit.click("#stop")
    expect(visit.locator("#max-new-tokens input")).to_be_enabled()


@pytest.mark.parametrize("payload", [PAYLOAD, "<script>window.hacked=1</script>", "bf16[x=<b>]", "{{constructor}}"])
def test_lane_text_stays_text(visit: Page, payload: str) -> None:
    set_lane(visit, 2, payload)
    visit.click("#run")
    expect(visit.locator("#problem")).to_contain_text("Lane 2:")
    assert visit.evaluate("window.hacked") is None
    assert visit.locator("#problem img, #problem b, #problem script").count() == 0


def test_a_prompt_with_markup_runs_as_text(visit: Page) -> None:
    visit.locator("#prompt textarea").fill(PAYLOAD)
    run(visit, 3)
    wait_words(visit, "^Done$")
    assert visit.evaluate("window.hacked") is None


def test_a_bad_lane_costs_one_sentence_and_loses_nothing(visit: Page) -> None:
    run(visit, 4)
    wait_words(visit, "^Done$")
    before = visit.locator(".lp-results tbody").inner_text()
    set_lane(visit, 2, "int9")
    visit.click("#run")
    expect(visit.locator("#problem")).to_contain_text("Lane 2: unknown precision 'int9' (allowed: fp32, bf16")
    assert visit.locator(".lp-results tbody").inner_text() == before
    assert visit.locator("#lane-2 textarea, #lane-2 input").first.input_value() == "int9"
    set_lane(visit, 2, "nf4")
    visit.click("#run")
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp-label")).to_have_text(["bf16", "nf4"])


def test_lanes_are_added_and_removed(visit: Page) -> None:
    keep_lanes(visit, 1)
    expect(visit.locator(".lane-edit:visible .lane-remove")).to_be_disabled()
    for count in range(2, 10):
        visit.click("#add-lane")
        expect(visit.locator(".lane-edit:visible")).to_have_count(count)
    expect(visit.locator("#add-lane")).to_be_disabled()


def test_a_second_visitor_is_told_their_place(browser: Browser, visit: Page, url: str) -> None:
    other = browser.new_context()
    try:
        run(visit, 2000)
        wait_words(visit, "Running")
        waiting = open_page(other, url)
        run(waiting, 4)
        wait_words(waiting, "^Waiting, 1 run ahead")
        visit.click("#stop")
        wait_words(waiting, "^Done$")
    finally:
        other.close()


def test_a_closed_tab_frees_the_device(browser: Browser, visit: Page, url: str) -> None:
    other = browser.new_context()
    gone = open_page(other, url)
    run(gone, 2000)
    wait_words(gone, "Running")
    other.close()
    run(visit, 4)
    wait_words(visit, "^Done$")


def test_nothing_is_fetched_from_elsewhere(context: BrowserContext, url: str) -> None:
    hosts: set[str | None] = set()
    context.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
    page = open_page(context, url)
    run(page, 4)
    wait_words(page, "^Done$")
    assert hosts - {None, ""} == {"127.0.0.1"}


def test_the_recording_can_be_taken_home(visit: Page, tmp_path: Path) -> None:
    run(visit, 5)
    wait_words(visit, "^Done$")
    expect(visit.locator("#download")).to_be_enabled()
    with visit.expect_download() as taken:
        visit.click("#download")
    taken.value.save_as(tmp_path / "recording.json")
    recording = Recording.model_validate(json.loads((tmp_path / "recording.json").read_text()))
    assert [len(lane.repeats[-1].steps) for lane in recording.lanes] == [5, 5]


@pytest.mark.parametrize(("button", "ending", "holds"), [("download-csv", ".csv", "tpot_s"), ("download-md", ".md", "| Lane | TTFT |")])
def test_the_table_can_be_taken_home(visit: Page, tmp_path: Path, button: str, ending: str, holds: str) -> None:
    expect(visit.locator(f"#{button}")).to_be_disabled()
    run(visit, 5)
    wait_words(visit, "^Done$")
    with visit.expect_download() as taken:
        visit.click(f"#{button}")
    assert taken.value.suggested_filename.endswith(ending)
    taken.value.save_as(tmp_path / "table")
    assert holds in (tmp_path / "table").read_text()


def test_keyboard(visit: Page) -> None:
    keep_lanes(visit, 2)
    set_tokens(visit, 2000)
    visit.locator("#prompt textarea").focus()
    visit.keyboard.press("Control+Enter")
    wait_words(visit, "Running")
    visit.keyboard.press("Escape")
    wait_words(visit, "^Stopped")


def test_nothing_jumps_while_it_streams(visit: Page) -> None:
    keep_lanes(visit, 4)
    set_tokens(visit, 12)
    visit.evaluate(WATCH_SHIFTS)
    visit.click("#run")
    visit.wait_for_timeout(600)  # shifts within 500 ms of the click do not count as the page's own
    height = visit.evaluate("document.querySelector('.lp').offsetHeight")
    wait_words(visit, "^Done$")
    assert visit.evaluate("document.querySelector('.lp').offsetHeight") == height
    assert visit.evaluate("window.shift") < 0.001, visit.evaluate("window.moved")


def test_beam_text_is_marked_until_it_stands(visit: Page) -> None:
    keep_lanes(visit, 2)
    set_lane(visit, 2, "bf16/beam(num_beams=4)")
    run(visit, 25)
    expect(visit.locator(".lp-card").nth(1)).to_have_attribute("data-unsure", "revising")
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp-card").nth(1)).to_have_attribute("data-unsure", "")
    assert "–" in visit.locator(".lp-results tbody tr").nth(1).inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_is_legible(browser: Browser, url: str, artifacts: Path, theme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 780}, color_scheme="dark" if theme == "dark" else "light")
    page = open_page(context, url)
    run(page, 6, lanes=4)
    wait_words(page, "^Done$")
    page.wait_for_function(f"({POINTS}).every((count) => count === 6)")
    for width, height in ((1440, 780), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            "[...document.querySelectorAll('.main-svg')].every((one) => one.clientWidth <= one.closest('.lp-chart').offsetWidth)"
        )
        page.screenshot(path=artifacts / f"page-{theme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, surface = page.evaluate(
        "(() => { const card = getComputedStyle(document.querySelector('.lp-card')); return [card.color, card.backgroundColor]; })()"
    )
    context.close()
    assert contrast(ink, surface) >= 7


def test_a_change_of_theme_loses_nothing(visit: Page) -> None:
    run(visit, 6)
    wait_words(visit, "^Done$")
    visit.wait_for_function(f"({POINTS}).every((count) => count === 6)")
    colour = "document.querySelector('[data-chart=progress] .lp-plot').data[0].line.color"
    light = visit.evaluate(colour)
    visit.evaluate("document.body.classList.toggle('dark')")
    visit.wait_for_function(f"{colour} !== '{light}'")
    assert visit.evaluate(POINTS) == [6, 6]
    assert text_of(visit, 1)


def test_the_charts_script_is_found_behind_a_prefix(visit: Page) -> None:
    sources = visit.evaluate("[...document.scripts].map((one) => one.getAttribute('src') || '').filter((src) => src.includes('plotly'))")
    assert len(sources) == 1
    assert sources[0].startswith("gradio_api/file="), "relative to the page"


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast of two `rgb(…)` colours."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
