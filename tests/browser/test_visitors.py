"""Several visitors at once: who waits, who watches, who goes on, and who leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, BrowserContext, Page, expect

from playground.timeline.trace import Recording
from tests.browser.conftest import open_page, serving
from tests.browser.test_page import run, set_tokens, text_of, wait_words, words

pytestmark = pytest.mark.browser

LONG = 2000
Arrive = Callable[[], Page]


@pytest.fixture
def arrive(browser: Browser, url: str) -> Iterator[Arrive]:
    """Each call is another visitor's page."""
    contexts: list[BrowserContext] = []

    def another() -> Page:
        contexts.append(browser.new_context())
        return open_page(contexts[-1], url)

    yield another
    for context in contexts:
        context.close()


def wait_text(page: Page, longer_than: int = 20) -> str:
    """What lane 1 says, once it is so long."""
    page.wait_for_function(f"document.querySelector('.lp-text').innerText.length > {longer_than}")
    return text_of(page, 1)


def test_who_waits_is_told_their_place_and_how_long_it_will_probably_be(visit: Page, arrive: Arrive) -> None:
    run(visit, 240)
    wait_words(visit, "Running")
    second, third = arrive(), arrive()
    run(second, 4)
    wait_words(second, r"^Waiting, 1 run ahead, about \d+ (s|min)$")
    run(third, 4)
    wait_words(third, r"^Waiting, 2 runs ahead, about \d+ (s|min)$")
    expect(third.locator(".lp-card").first).to_contain_text(re.compile(r"waiting, 2 runs ahead, about \d+ (s|min)"))
    visit.click("#stop")
    wait_words(second, "^Done$")
    wait_words(third, "^Done$")


def test_a_tab_closed_while_it_waits_leaves_the_queue(visit: Page, arrive: Arrive) -> None:
    run(visit, LONG)
    wait_words(visit, "Running")
    leaving, staying = arrive(), arrive()
    run(leaving, LONG)
    wait_words(leaving, "^Waiting, 1 run ahead")
    run(staying, 4)
    wait_words(staying, "^Waiting, 2 runs ahead")
    leaving.close()
    wait_words(staying, "^Waiting, 1 run ahead")
    visit.click("#stop")
    wait_words(staying, "^Done$")


def test_a_watcher_sees_the_run_live_and_does_not_stop_it(visit: Page, arrive: Arrive) -> None:
    run(visit, LONG)
    before = wait_text(visit, 200)
    watcher = arrive()
    assert "other visitors" in (watcher.locator("#watch").get_attribute("title") or "")
    watcher.click("#watch")
    watcher.locator(".lp[data-watching]").wait_for()
    seen = wait_text(watcher, len(before) - 1)
    assert seen.startswith(before[:100]), "all that was said before they came"
    wait_text(watcher, len(seen) + 20)
    expect(watcher.locator(".lp-label")).to_have_count(2)
    expect(watcher.locator("#run")).to_be_enabled()
    expect(watcher.locator("#watch")).to_be_disabled()
    watcher.click("#stop")
    expect(watcher.locator("#watch")).to_be_enabled()
    expect(watcher.locator("#stop")).to_be_disabled()
    assert words(visit).startswith("Running")
    wait_text(visit, len(text_of(visit, 1)) + 20)
    visit.click("#stop")
    wait_words(visit, "^Stopped")


def test_a_watcher_waits_for_the_next_run_and_then_for_the_one_after(visit: Page, arrive: Arrive) -> None:
    watcher = arrive()
    watcher.click("#watch")
    expect(watcher.locator("#problem")).to_have_text("Nothing is running; waiting for the next run")
    run(visit, 12)
    wait_words(watcher, "^Watching: Done$")
    assert text_of(watcher, 1) == text_of(visit, 1)
    wait_words(visit, "^Done$")
    run(visit, 5, lanes=1)
    expect(watcher.locator(".lp-label")).to_have_count(1)
    wait_words(watcher, "^Watching: Done$")
    watcher.click("#stop")
    expect(watcher.locator("#watch")).to_be_enabled()


def test_who_watches_can_run_something_of_their_own(visit: Page, arrive: Arrive) -> None:
    run(visit, LONG)
    wait_words(visit, "Running")
    watcher = arrive()
    watcher.click("#watch")
    wait_text(watcher)
    run(watcher, 4, lanes=1)
    wait_words(watcher, "^Waiting, 1 run ahead")
    expect(watcher.locator(".lp[data-watching]")).to_have_count(0)
    expect(watcher.locator("#stop")).to_be_enabled()
    expect(watcher.locator("#watch")).to_be_disabled()
    visit.click("#stop")
    wait_words(watcher, "^Done$")
    expect(watcher.locator("#stop")).to_be_disabled()
    expect(watcher.locator("#watch")).to_be_enabled()
    expect(watcher.locator(".lp-label")).to_have_count(1)


def test_a_watcher_who_closes_the_tab_is_not_missed(visit: Page, arrive: Arrive) -> None:
    run(visit, LONG)
    watcher = arrive()
    watcher.click("#watch")
    wait_text(watcher)
    watcher.close()
    wait_text(visit, len(text_of(visit, 1)) + 50)
    visit.click("#stop")
    wait_words(visit, "^Stopped")


def test_more_repeats_go_on_from_the_run(visit: Page, tmp_path: Path) -> None:
    expect(visit.locator("#more")).to_be_disabled()
    run(visit, 6)
    wait_words(visit, "^Done$")
    expect(visit.locator("#more")).to_have_text(re.compile(r"Make it sure: 4 more repeats, about \d+ s"))
    set_tokens(visit, 50)
    visit.click("#more")
    expect(visit.locator(".lp-basis").first).to_have_text("median of 3")
    expect(visit.locator("#more")).to_be_disabled()
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp-basis")).to_have_text(["median of 5"] * 2)
    expect(visit.locator(".lp-measure")).to_contain_text("median of 5 repeats")
    expect(visit.locator("#download")).to_be_enabled()
    with visit.expect_download() as taken:
        visit.click("#download")
    taken.value.save_as(tmp_path / "recording.json")
    recording = Recording.model_validate(json.loads((tmp_path / "recording.json").read_text()))
    assert recording.request.measure.repeats == 5
    assert [[repeat.warmup for repeat in lane.repeats].count(False) for lane in recording.lanes] == [5, 5]
    assert recording.request.measure.max_new_tokens == 6, "what was run, not what the controls say by now"


def test_a_stopped_run_does_not_offer_more(visit: Page) -> None:
    run(visit, LONG)
    wait_text(visit)
    visit.click("#stop")
    wait_words(visit, "^Stopped")
    expect(visit.locator("#run")).to_be_enabled()
    expect(visit.locator("#more")).to_be_disabled()


def test_a_script_has_its_share_of_the_queue(url: str) -> None:
    client = Client(url, verbose=False)
    jobs = [client.submit(lanes=["bf16"], prompts=["Hi"], max_new_tokens=LONG, api_name="/run") for _ in range(2)]
    for job in jobs:
        next(iter(job))
    with pytest.raises(AppError, match="2 runs of yours are waiting or running, the most that one visitor may have here"):
        client.predict(lanes=["bf16"], prompts=["Hi"], api_name="/run")
    for job in jobs:
        job.cancel()
    other = Client(url, verbose=False)
    assert other.predict(lanes=["bf16"], prompts=["Hi"], max_new_tokens=2, api_name="/run")["status"] == "done"


def test_what_the_operator_decides(browser: Browser, tmp_path: Path) -> None:
    """An address's share, and no watching."""
    wanted = {"PLAYGROUND_ENGINE": "scripted", "PLAYGROUND_MAX_RUNS_PER_ADDRESS": "1", "PLAYGROUND_WATCH": "false"}
    with serving(PLAYGROUND_CACHE_DIR=str(tmp_path), **wanted) as url:
        context = browser.new_context()
        one, other = open_page(context, url), open_page(context, url)
        assert other.locator("#watch").count() == 0
        run(one, LONG)
        wait_words(one, "Running")
        run(other, 4)
        expect(other.locator("#problem")).to_have_text(
            "1 run of your address is waiting or running, the most that one address may have here; try again when one has ended"
        )
        expect(other.locator("#run")).to_be_enabled()
        one.click("#stop")
        wait_words(one, "^Stopped")
        other.click("#run")
        wait_words(other, "^Done$")
        context.close()
