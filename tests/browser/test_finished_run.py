"""One finished run of the quickstart's lanes, and everything that can be read, sorted, copied, shown or taken home of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from playground.analysis.metrics import METRICS
from playground.recordings.schema import Recording
from tests.browser.conftest import contexts_of
from tests.browser.page_object import PAYLOAD, Playground

pytestmark = pytest.mark.browser

TOKENS = 12


@pytest.fixture(scope="module")
def done(browser: Browser, url: str) -> Iterator[Playground]:
    """The page when its run has ended. Tests leave it as they found it."""
    with contexts_of(browser) as new:
        page = Playground.open(new(permissions=["clipboard-read", "clipboard-write"]), url)
        for button in ("download", "download-csv", "download-md"):
            expect(page.tab.locator(f"#{button}")).to_be_disabled()
        page.prompt.fill(PAYLOAD)
        page.run_to_end(TOKENS)
        page.wait_points(f"count === {TOKENS}")
        yield page
        page.expect_not_hacked()


def test_the_recording_can_be_taken_home(done: Playground) -> None:
    _, content = done.download("#download")
    recording = Recording.model_validate_json(content)
    assert [len(lane.repeats[-1].steps) for lane in recording.lanes] == [TOKENS] * 4


def test_the_table_can_be_taken_home(done: Playground) -> None:
    name, table = done.download("#download-csv")
    assert name.endswith(".csv")
    assert "tpot_s" in next(csv.reader(io.StringIO(table.decode())))
    name, text = done.download("#download-md")
    assert name.endswith(".md")
    assert "| Lane | TTFT |" in text.decode()


def test_a_chart_can_be_saved_as_png(done: Playground) -> None:
    _, picture = done.download("[data-chart=gaps] .lp-png")
    assert picture.startswith(b"\x89PNG")


def test_the_code_of_a_lane_is_shown_and_copied(done: Playground) -> None:
    done.tab.locator(".lp-show-code").nth(1).click()
    dialog = done.tab.locator(".lp-code")
    expect(dialog).to_contain_text("Lane 2: int8")
    done.tab.click(".lp-code-copy")
    expect(done.tab.locator(".lp-code-copy")).to_have_text("Copied")
    code = done.copied()
    compile(code, "lane", "exec")
    assert "BitsAndBytesConfig(load_in_8bit=True" in code
    assert repr(PAYLOAD)[1:-1] in code
    done.tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    done.wait_done()


def test_the_table_sorts_shows_all_figures_and_is_copied(done: Playground) -> None:
    first = done.tab.locator(".lp-results tbody th").first
    for lane in ("nf4", "int8", "bf16"):
        done.tab.get_by_role("button", name="TPOT").click()
        expect(first).to_contain_text(lane)
    headings = done.tab.locator(".lp-results thead th")
    few = headings.count()
    done.tab.click(".lp-more")
    assert headings.count() == 1 + len(METRICS) > few
    assert {"TTFT", "TPOT", "E2E", "Step"} <= set(headings.all_inner_texts()), "what the charts show is in the table"
    done.tab.click(".lp-copy")
    expect(done.tab.locator(".lp-copy")).to_have_text("Copied")
    lines = done.copied().split("\n")
    assert len(lines) == 5
    assert lines[0].startswith("Lane\tTTFT")
    assert "1.59× · +59 %" in lines[2]
    done.tab.click(".lp-more")


def test_the_charts_name_the_table_that_holds_their_data(done: Playground) -> None:
    for chart in done.tab.locator(".lp-plot").all():
        assert "results table" in (chart.get_attribute("aria-label") or "")


def test_the_first_word_that_departs_from_the_baseline_is_marked(done: Playground) -> None:
    expect(done.cards.nth(3).locator(".lp-departs")).to_have_text(["since"])
    assert done.text(4).startswith("the sky looks blue since tiny bits"), "the text itself is whole"


def test_nobody_has_to_predict(done: Playground) -> None:
    expect(done.tab.locator(".lp-predict")).to_have_text("")


def test_a_chosen_target_is_a_line_on_the_chart_it_is_about(done: Playground) -> None:
    ends = "document.querySelector(`[data-chart=${name}] .lp-plot`).layout.shapes?.map((one) => (one.xref === 'paper' ? one.y0 : one.x0))"
    for target, lines in (
        ("chat", [[200], [], []]),
        ("documents", [[], [1, 2], []]),
        ("mlperf-llama2-70b", [[450], [], [40]]),
        ("", [[], [], []]),
    ):
        done.tab.select_option(".lp-target", target)
        found = [done.tab.evaluate(f"(name) => {ends} ?? []", name) for name in ("ttft", "progress", "gaps")]
        assert found == lines, target


def test_a_change_of_theme_loses_nothing(done: Playground) -> None:
    colour = "document.querySelector('[data-chart=progress] .lp-plot').data[0].line.color"
    before, text = done.tab.evaluate(colour), done.text(1)
    done.tab.evaluate("document.body.classList.toggle('dark')")
    done.tab.wait_for_function(f"{colour} !== '{before}'")
    assert (done.points(), done.text(1)) == ([TOKENS] * 4, text)
    done.tab.evaluate("document.body.classList.toggle('dark')")
    done.tab.wait_for_function(f"{colour} === '{before}'")
