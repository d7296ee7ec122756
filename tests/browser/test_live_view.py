"""What the live view offers beside the stream: replay, predict, the first difference, targets, the table, PNG; and its every state."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from playground.analysis.figures import METRICS
from playground.settings import ROOT
from tests.browser.conftest import free_port, open_page, wait_until_up
from tests.browser.test_page import PAYLOAD, keep_lanes, run, set_lane, set_tokens, text_of, wait_words

pytestmark = pytest.mark.browser

Shot = Callable[[Page, str], None]


@contextmanager
def made(kind: str) -> Iterator[str]:
    """A page of `tests/pages.py`; its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.pages", kind, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield wait_until_up(process, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def shot(artifacts: Path) -> Shot:
    """Keeps a picture of a state."""

    def take(page: Page, name: str) -> None:
        page.screenshot(path=artifacts / f"state-{name}.png")

    return take


def place(page: Page, runner: int) -> str:
    return page.locator(".lp-where").nth(runner).inner_text()


# ---- replay ----


def test_a_finished_run_is_played_again_and_ends_as_it_was(visit: Page, shot: Shot) -> None:
    run(visit, 40)
    wait_words(visit, "^Done")
    texts, words = text_of(visit, 1), visit.locator(".lp-words").first.inner_text()
    visit.click(".lp-play")
    visit.wait_for_function("document.querySelector('.lp').dataset.replay && Number(document.querySelector('.lp-where').textContent) > 5")
    assert len(text_of(visit, 1)) < len(texts)
    expect(visit.locator(".lp-run-words")).to_have_text(re.compile("^Replay"))
    shot(visit, "replay")
    visit.wait_for_function("!document.querySelector('.lp').dataset.replay")
    assert (text_of(visit, 1), visit.locator(".lp-words").first.inner_text()) == (texts, words)
    expect(visit.locator(".lp-run-words")).to_have_text(re.compile("^Done"))


def test_a_replay_can_be_paused_and_scrubbed(visit: Page) -> None:
    run(visit, 40)
    wait_words(visit, "^Done")
    visit.select_option(".lp-speed", "0.25")
    visit.click(".lp-play")
    visit.wait_for_function("Number(document.querySelector('.lp-where').textContent) > 2")
    visit.click(".lp-play")
    held = place(visit, 0)
    visit.wait_for_timeout(400)
    assert place(visit, 0) == held
    for moment, tokens in ((55 + 39 * 10 + 1, "11"), (56, "1"), (1, "")):
        visit.locator(".lp-scrub").evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }", moment
        )
        assert place(visit, 0) == tokens
    assert text_of(visit, 1) == ""


def test_a_new_run_ends_a_replay(visit: Page) -> None:
    run(visit, 40)
    wait_words(visit, "^Done")
    visit.select_option(".lp-speed", "0.25")
    visit.click(".lp-play")
    visit.click("#run")
    wait_words(visit, "^Running")
    expect(visit.locator(".lp-play")).to_be_disabled()
    wait_words(visit, "^Done")


# ---- predict, difference, targets ----


def test_a_prediction_is_revealed_after_the_run(visit: Page) -> None:
    keep_lanes(visit, 3)
    expect(visit.locator(".lp-pick")).to_have_count(3)
    visit.locator(".lp-pick").nth(1).click()
    run(visit, 8, lanes=3)
    wait_words(visit, "^Done")
    expect(visit.locator(".lp-predict")).to_have_text("You picked2, first was3")


def test_nobody_has_to_predict(visit: Page) -> None:
    run(visit, 4)
    wait_words(visit, "^Done")
    expect(visit.locator(".lp-predict")).to_have_text("")


def test_the_first_word_that_departs_from_the_baseline_is_marked(visit: Page) -> None:
    keep_lanes(visit, 2)
    set_lane(visit, 2, "bf16/top_p(p=0.9)")
    run(visit, 12)
    wait_words(visit, "^Done")
    marks = visit.locator(".lp-departs")
    expect(marks).to_have_text(["since"])
    assert text_of(visit, 2).startswith("the sky looks blue since tiny bits"), "the text itself is whole"


def test_a_chosen_target_is_a_line_on_the_chart_it_is_about(visit: Page) -> None:
    ends = "document.querySelector(`[data-chart=${name}] .lp-plot`).layout.shapes?.map((one) => (one.xref === 'paper' ? one.y0 : one.x0))"
    for target, lines in (
        ("chat", [[200], [], []]),
        ("documents", [[], [1, 2], []]),
        ("mlperf-llama2-70b", [[450], [], [40]]),
        ("", [[], [], []]),
    ):
        visit.select_option(".lp-target", target)
        found = [visit.evaluate(f"(name) => {ends} ?? []", name) for name in ("ttft", "progress", "gaps")]
        assert found == lines, target


# ---- code, table and files ----


def test_the_code_of_a_lane_is_shown_and_copied(visit: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.locator("#prompt textarea").fill(PAYLOAD)
    run(visit, 4)
    wait_words(visit, "^Done")
    visit.locator(".lp-show-code").nth(1).click()
    dialog = visit.locator(".lp-code")
    expect(dialog).to_contain_text("Lane 2: int8")
    visit.click(".lp-code-copy")
    expect(visit.locator(".lp-code-copy")).to_have_text("Copied")
    code = visit.evaluate("navigator.clipboard.readText()")
    compile(code, "lane", "exec")
    assert "BitsAndBytesConfig(load_in_8bit=True" in code
    assert repr(PAYLOAD)[1:-1] in code
    visit.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    wait_words(visit, "^Done")
    assert visit.evaluate("window.hacked") is None


def test_the_table_sorts_shows_all_figures_and_is_copied(visit: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    run(visit, 6, lanes=3)
    wait_words(visit, "^Done")
    first = visit.locator(".lp-results tbody th").first
    visit.get_by_role("button", name="TPOT").click()
    expect(first).to_contain_text("nf4")
    visit.get_by_role("button", name="TPOT").click()
    expect(first).to_contain_text("int8")
    visit.get_by_role("button", name="TPOT").click()
    expect(first).to_contain_text("bf16")
    few = visit.locator(".lp-results thead th").count()
    visit.click(".lp-more")
    assert visit.locator(".lp-results thead th").count() == 1 + len(METRICS) > few
    visit.click(".lp-copy")
    expect(visit.locator(".lp-copy")).to_have_text("Copied")
    lines = visit.evaluate("navigator.clipboard.readText()").split("\n")
    assert len(lines) == 4
    assert lines[0].startswith("Lane\tTTFT")
    assert "1.59× · +59 %" in lines[2]


def test_a_chart_can_be_saved_as_png(visit: Page, tmp_path: Path) -> None:
    run(visit, 4)
    wait_words(visit, "^Done")
    with visit.expect_download() as taken:
        visit.locator("[data-chart=gaps] .lp-png").click()
    taken.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


# ---- states ----


def test_empty_and_queued_and_stopped(visit: Page, context: BrowserContext, url: str, shot: Shot) -> None:
    expect(visit.locator(".lp-text").first).to_have_text("Press Run: each lane writes its answer here.")
    shot(visit, "empty")
    run(visit, 2000)
    wait_words(visit, "^Running")
    second = open_page(context, url)
    run(second, 4)
    wait_words(second, "^Waiting, 1 run ahead")
    shot(second, "queued")
    second.click("#stop")
    wait_words(second, "^Stopped")
    visit.click("#stop")
    wait_words(visit, "^Stopped")
    shot(visit, "stopped")


def test_stop_while_it_loads(context: BrowserContext, shot: Shot) -> None:
    with made("slow") as url:
        page = open_page(context, url)
        page.click("#run")
        expect(page.locator(".lp-card").first).to_have_attribute("data-state", "loading")
        shot(page, "loading")
        page.click("#stop")
        wait_words(page, "^Stopped")
        expect(page.locator("#run")).to_be_enabled()


def test_stop_before_the_first_token(context: BrowserContext) -> None:
    with made("late") as url:
        page = open_page(context, url)
        page.click("#run")
        expect(page.locator(".lp-words").first).to_have_text(re.compile("first token…"))
        page.click("#stop")
        wait_words(page, "^Stopped")


def test_a_failed_lane_is_told_and_the_others_go_on(context: BrowserContext, shot: Shot) -> None:
    with made("failing") as url:
        page = open_page(context, url)
        set_tokens(page, 8)
        page.click("#run")
        wait_words(page, "^Done, 1 of 4 lanes failed")
        expect(page.locator(".lp-card").nth(1)).to_contain_text("failed: the script fails after 5 steps")
        expect(page.locator(".lp-results tbody tr").nth(1)).to_contain_text("failed: the script fails after 5 steps")
        shot(page, "failed")


def test_no_model_reachable(context: BrowserContext, shot: Shot) -> None:
    with made("none") as url:
        page = open_page(context, url)
        expect(page.locator("#device")).to_contain_text("no model reachable")
        page.click("#run")
        wait_words(page, "^Done, 4 of 4 lanes failed")
        shot(page, "unreachable")


def test_what_a_model_writes_is_never_markup(context: BrowserContext) -> None:
    with made("hostile") as url:
        page = open_page(context, url)
        run(page, 8)
        wait_words(page, "^Done")
        assert text_of(page, 1).startswith("<img src=x onerror=window.hacked=1> ${window.hacked=1}")
        page.click(".lp-play")
        page.wait_for_function("!document.querySelector('.lp').dataset.replay")
        assert page.evaluate("window.hacked") is None
        assert page.locator(".lp-card img, .lp-card script").count() == 0


def test_a_lost_connection_is_said(visit: Page, context: BrowserContext) -> None:
    run(visit, 2000)
    wait_words(visit, "^Running")
    context.set_offline(True)
    wait_words(visit, "connection to the server is lost")
    context.set_offline(False)


def test_a_slow_connection_gets_everything_in_fewer_frames(visit: Page) -> None:
    asked: list[dict[str, object]] = []

    def slowly(route: object) -> None:
        asked.append(json.loads(route.request.post_data))  # type: ignore[attr-defined]
        visit.wait_for_timeout(400)
        route.continue_()  # type: ignore[attr-defined]

    visit.route("**/component_server**", slowly)
    run(visit, 30)
    wait_words(visit, "^Done")
    assert text_of(visit, 1).count(" ") >= 29
    assert len(asked) < 25


def test_a_reload_ends_the_run_and_starts_clean(visit: Page) -> None:
    run(visit, 2000)
    wait_words(visit, "^Running")
    visit.reload()
    visit.locator(".lp-card").first.wait_for()
    expect(visit.locator(".lp-run-words")).to_have_text("Ready")
    expect(visit.locator(".lane-edit:visible")).to_have_count(
        2
    )  # the address has kept them; until it is read the first preset's stand there
    run(visit, 4)
    wait_words(visit, "^Done")


def test_after_an_edit_the_old_figures_stay_dimmed(visit: Page, shot: Shot) -> None:
    run(visit, 6)
    wait_words(visit, "^Done")
    figures = visit.locator(".lp-results tbody").inner_text()
    opacity = "getComputedStyle(document.querySelector('.lp-cards')).opacity"
    assert visit.evaluate(opacity) == "1"
    set_lane(visit, 2, "fp32")
    visit.wait_for_function(f"{opacity} < 1")
    label = "getComputedStyle(document.querySelector('.lp-measure'), '::before').content"
    assert "from the previous settings" in visit.evaluate(label)
    assert visit.locator(".lp-results tbody").inner_text() == figures
    shot(visit, "stale")
    visit.click("#run")
    visit.wait_for_function(f"{opacity} === '1'")
    wait_words(visit, "^Done")


def test_edit_run_edit_run(visit: Page) -> None:
    for lane, tokens in (("nf4", 4), ("fp32@2", 6), ("bf16/beam(num_beams=2)", 5)):
        set_lane(visit, 2, lane)
        run(visit, tokens)
        wait_words(visit, "^Done")
        expect(visit.locator(".lp-runner-label").nth(1)).to_have_attribute("title", lane)
