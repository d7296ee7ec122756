"""What the live view offers beside the stream: replay, a prediction; and its every state."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import NewContext
from tests.browser.page_object import LONG, Playground
from tests.pages import page_of_kind

pytestmark = pytest.mark.browser

Shot = Callable[[Playground, str], None]
REPLAYING = "document.querySelector('.lp').dataset.replay"
SCRUB = "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }"


@pytest.fixture
def shot(artifacts: Path) -> Shot:
    """Keeps a picture of a state."""

    def take(page: Playground, name: str) -> None:
        page.tab.screenshot(path=artifacts / f"state-{name}.png")

    return take


def place(page: Playground, runner: int) -> str:
    return page.tab.locator(".lp-where").nth(runner).inner_text()


# ---- replay ----


def test_a_finished_run_is_replayed_paused_scrubbed_and_ended_by_a_new_run(pair: Playground, shot: Shot) -> None:
    pair.run_to_end(40)
    ended = pair.text(1), pair.words.first.inner_text()
    plays_and_ends_as_it_was(pair, ended, shot)
    is_paused_and_scrubbed(pair)
    pair.tab.select_option(".lp-speed", "0.25")
    pair.tab.click(".lp-play")
    pair.run()
    pair.expect_status("^Running")
    expect(pair.tab.locator(".lp-play")).to_be_disabled()
    pair.wait_done()


def plays_and_ends_as_it_was(page: Playground, ended: tuple[str, str], shot: Shot) -> None:
    page.tab.click(".lp-play")
    page.tab.wait_for_function(f"{REPLAYING} && Number(document.querySelector('.lp-where').textContent) > 5")
    assert len(page.text(1)) < len(ended[0])
    page.expect_status("^Replay")
    shot(page, "replay")
    page.tab.wait_for_function(f"!{REPLAYING}")
    assert (page.text(1), page.words.first.inner_text()) == ended
    page.wait_done()


def is_paused_and_scrubbed(page: Playground) -> None:
    page.tab.select_option(".lp-speed", "0.25")
    page.tab.click(".lp-play")
    page.tab.wait_for_function("Number(document.querySelector('.lp-where').textContent) > 2")
    page.tab.click(".lp-play")
    held = place(page, 0)
    page.tab.wait_for_timeout(400)
    assert place(page, 0) == held
    for moment, tokens in ((55 + 39 * 10 + 1, "11"), (56, "1"), (1, "")):
        page.tab.locator(".lp-scrub").evaluate(SCRUB, moment)
        assert place(page, 0) == tokens
    assert page.text(1) == ""


def test_a_prediction_is_revealed_after_the_run(tab: Playground, url: str) -> None:
    page = tab.go_with_lanes(url, ["bf16", "int8", "nf4"])
    expect(page.tab.locator(".lp-pick")).to_have_count(3)
    page.tab.locator(".lp-pick").nth(1).click()
    page.run_to_end(8)
    expect(page.tab.locator(".lp-predict")).to_have_text("You picked2, first was3")


# ---- states ----


def test_queued_and_stopped(pair: Playground, new_context: NewContext, url: str, shot: Shot) -> None:
    pair.run(LONG)
    pair.expect_status("^Running")
    second = Playground.with_lanes(new_context(), url, ["bf16"])
    second.run()
    second.expect_status("^Waiting, 1 run ahead")
    shot(second, "queued")
    second.stop()
    pair.stop()
    shot(pair, "stopped")


def test_stop_while_it_loads(tab: Playground, tmp_path: Path, shot: Shot) -> None:
    with page_of_kind("slow", tmp_path) as url:
        page = tab.go(url)
        shot(page, "empty")
        page.run()
        expect(page.cards.first).to_have_attribute("data-state", "loading")
        shot(page, "loading")
        page.stop()
        expect(page.run_button).to_be_enabled()
        page.tab.goto("about:blank")


def test_stop_before_the_first_token(tab: Playground, tmp_path: Path) -> None:
    with page_of_kind("late", tmp_path) as url:
        page = tab.go(url)
        page.run()
        expect(page.words.first).to_have_text(re.compile("first token…"))
        page.stop()
        page.tab.goto("about:blank")


def test_a_failed_lane_is_named_and_the_others_go_on(tab: Playground, tmp_path: Path, shot: Shot) -> None:
    with page_of_kind("failing", tmp_path) as url:
        page = tab.go(url)
        page.run(8)
        page.expect_status("^Done, 1 of 4 lanes failed")
        expect(page.cards.nth(1)).to_contain_text("failed: the script fails after 5 steps")
        expect(page.results.nth(1)).to_contain_text("failed: the script fails after 5 steps")
        shot(page, "failed")
        page.tab.goto("about:blank")


def test_no_model_reachable(tab: Playground, tmp_path: Path, shot: Shot) -> None:
    with page_of_kind("none", tmp_path) as url:
        page = tab.go(url)
        expect(page.tab.locator("#device")).to_contain_text("no model reachable")
        page.run()
        page.expect_status("^Done, 4 of 4 lanes failed")
        shot(page, "unreachable")
        page.tab.goto("about:blank")


def test_what_a_model_writes_is_never_markup(tab: Playground, tmp_path: Path) -> None:
    with page_of_kind("hostile", tmp_path) as url:
        page = tab.go(url)
        page.run_to_end(8)
        assert page.text(1).startswith("<img src=x onerror=window.hacked=1> ${window.hacked=1}")
        page.tab.click(".lp-play")
        page.tab.wait_for_function(f"!{REPLAYING}")
        page.expect_not_hacked()
        assert page.tab.locator(".lp-card img, .lp-card script").count() == 0
        page.tab.goto("about:blank")


def test_a_lost_connection_is_shown(new_context: NewContext, url: str) -> None:
    context = new_context()
    page = Playground.with_lanes(context, url, ["bf16", "int8"])
    page.run(LONG)
    page.expect_status("^Running")
    context.set_offline(True)
    page.expect_status("connection to the server is lost")
    context.set_offline(False)


def test_a_slow_connection_gets_everything_in_fewer_frames(new_context: NewContext, url: str) -> None:
    page = Playground.with_lanes(new_context(), url, ["bf16", "int8"], max_new_tokens=40)
    requests: list[object] = []

    def slowly(route: Route) -> None:
        requests.append(json.loads(route.request.post_data or "{}"))
        page.tab.wait_for_timeout(400)
        route.continue_()

    page.tab.route("**/component_server**", slowly)
    page.run_to_end()
    assert page.text(1).count(" ") >= 39
    assert len(requests) < 25


def test_a_reload_ends_the_run_and_starts_clean(pair: Playground) -> None:
    pair.run(LONG)
    pair.expect_status("^Running")
    pair.tab.reload()
    pair.wait_ready()
    expect(pair.status).to_have_text("Ready")
    expect(pair.lane_rows).to_have_count(2)  # the address has kept them; until it is read the first preset's stand there
    pair.run_to_end(4)


def test_edit_run_edit_run(pair: Playground, shot: Shot) -> None:
    """After an edit the old figures stay, dimmed, until the next run."""
    opacity = "getComputedStyle(document.querySelector('.lp-cards')).opacity"
    label = "getComputedStyle(document.querySelector('.lp-measure'), '::before').content"
    pair.run_to_end(4)
    for lane, tokens in (("nf4", 4), ("fp32@2", 6), ("bf16/beam(num_beams=2)", 5)):
        figures = pair.results.all_inner_texts()
        pair.set_lane(2, lane)
        pair.tab.wait_for_function(f"{opacity} < 1")
        assert "from the previous settings" in pair.tab.evaluate(label)
        assert pair.results.all_inner_texts() == figures
        shot(pair, "stale")
        pair.run(tokens)
        pair.tab.wait_for_function(f"{opacity} === '1'")
        expect(pair.tab.locator(".lp-runner-label").nth(1)).to_have_attribute("title", lane)
        pair.wait_done()
