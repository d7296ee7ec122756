"""Several visitors at once: who waits, who watches, who goes on, and who leaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from playground.recordings.schema import Recording
from tests.browser.conftest import NewContext, serving
from tests.browser.page_object import LONG, Playground

pytestmark = pytest.mark.browser

Arrive = Callable[[], Playground]


@pytest.fixture
def arrive(new_context: NewContext, url: str) -> Arrive:
    """Each call is another visitor's page, of one lane and few tokens."""
    return lambda: Playground.with_lanes(new_context(), url, ["bf16"], max_new_tokens=4)


def test_who_waits_learns_their_place_and_how_long_it_will_probably_be(pair: Playground, arrive: Arrive) -> None:
    pair.run(LONG)
    pair.expect_status("Running")
    second, third = arrive(), arrive()
    second.run()
    second.expect_status(r"^Waiting, 1 run ahead, about \d+ (s|min)$")
    third.run()
    third.expect_status(r"^Waiting, 2 runs ahead, about \d+ (s|min)$")
    expect(third.cards.first).to_contain_text(re.compile(r"waiting, 2 runs ahead, about \d+ (s|min)"))
    second.tab.close()  # who leaves while waiting leaves the queue
    third.expect_status("^Waiting, 1 run ahead")
    pair.stop()
    third.wait_done()


def test_a_closed_tab_frees_the_device(pair: Playground, arrive: Arrive) -> None:
    leaving = arrive()
    leaving.run(LONG)
    leaving.expect_status("Running")
    leaving.tab.close()
    pair.run_to_end()


def test_a_watcher_sees_the_run_live_and_neither_stops_it_nor_is_missed(pair: Playground, arrive: Arrive) -> None:
    pair.run(LONG)
    before = pair.wait_text(200)
    watcher = arrive()
    watch = watcher.tab.locator("#watch")
    assert "other visitors" in (watch.get_attribute("title") or "")
    watch.click()
    watcher.tab.locator(".lp[data-watching]").wait_for()
    seen = watcher.wait_text(len(before) - 1)
    assert seen.startswith(before[:100]), "all that was written before they came"
    watcher.wait_text(len(seen) + 20)
    expect(watcher.labels).to_have_count(2)
    expect(watcher.run_button).to_be_enabled()
    expect(watch).to_be_disabled()
    watcher.tab.click("#stop")
    expect(watch).to_be_enabled()
    expect(watcher.stop_button).to_be_disabled()
    assert pair.status.inner_text().startswith("Running")
    pair.wait_text(len(pair.text(1)) + 20)
    watch.click()
    watcher.tab.locator(".lp[data-watching]").wait_for()
    watcher.tab.close()
    pair.wait_text(len(pair.text(1)) + 50)
    pair.stop()


def test_a_watcher_waits_for_the_next_run_and_then_for_the_one_after(pair: Playground, arrive: Arrive) -> None:
    watcher = arrive()
    watcher.tab.click("#watch")
    expect(watcher.problem).to_have_text("Nothing is running; waiting for the next run")
    pair.run(12)
    watcher.expect_status("^Watching: Done$")
    assert watcher.text(1) == pair.text(1)
    pair.wait_done()
    pair.tab.locator("#lane-2 .lane-remove").click()
    expect(pair.lane_rows).to_have_count(1)
    pair.run(5)
    expect(watcher.labels).to_have_count(1)
    watcher.expect_status("^Watching: Done$")
    watcher.tab.click("#stop")
    expect(watcher.tab.locator("#watch")).to_be_enabled()


def test_who_watches_can_run_something_of_their_own(pair: Playground, arrive: Arrive) -> None:
    pair.run(LONG)
    pair.expect_status("Running")
    watcher = arrive()
    watch = watcher.tab.locator("#watch")
    watch.click()
    watcher.wait_text()
    watcher.run()
    watcher.expect_status("^Waiting, 1 run ahead")
    expect(watcher.tab.locator(".lp[data-watching]")).to_have_count(0)
    expect(watcher.stop_button).to_be_enabled()
    expect(watch).to_be_disabled()
    pair.stop()
    watcher.wait_done()
    expect(watcher.stop_button).to_be_disabled()
    expect(watch).to_be_enabled()
    expect(watcher.labels).to_have_count(1)


def test_more_repeats_go_on_from_a_finished_run_and_not_from_a_stopped_one(pair: Playground) -> None:
    more, basis = pair.tab.locator("#more"), pair.tab.locator(".lp-basis")
    expect(more).to_be_disabled()
    pair.run_to_end(25)
    expect(more).to_have_text(re.compile(r"Make it sure: 4 more repeats, about \d+ s"))
    pair.set_tokens(LONG)
    more.click()
    expect(more).to_be_disabled()
    expect(basis.first).to_have_text(re.compile("^median of [2-4]$"))
    pair.wait_done()
    expect(basis).to_have_text(["median of 5"] * 2)
    expect(pair.tab.locator(".lp-measure")).to_contain_text("median of 5 repeats")
    recording = Recording.model_validate_json(pair.download("#download")[1])
    assert recording.request.measure.repeats == 5
    assert [[repeat.warmup for repeat in lane.repeats].count(False) for lane in recording.lanes] == [5, 5]
    assert recording.request.measure.max_new_tokens == 25, "what was run, not what the controls say by now"
    pair.run()
    pair.wait_text()
    pair.stop()
    expect(pair.run_button).to_be_enabled()
    expect(more).to_be_disabled()


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


def test_what_the_operator_decides(new_context: NewContext, tmp_path: Path) -> None:
    """An address's share, and no watching; with the real app, whose script is not in a hurry."""
    settings = {"PLAYGROUND_ENGINE": "scripted", "PLAYGROUND_MAX_RUNS_PER_ADDRESS": "1", "PLAYGROUND_WATCH": "false"}
    with serving(PLAYGROUND_CACHE_DIR=str(tmp_path), **settings) as url:
        one, other = (Playground.with_lanes(new_context(), url, ["bf16"], max_new_tokens=4) for _ in range(2))
        assert other.tab.locator("#watch").count() == 0
        one.run(LONG)
        one.expect_status("Running")
        other.run()
        expect(other.problem).to_have_text(
            "1 run of your address is waiting or running, the most that one address may have here; try again when one has ended"
        )
        expect(other.run_button).to_be_enabled()
        one.stop()
        other.run_to_end()
        one.tab.close()
        other.tab.close()
