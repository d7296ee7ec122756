"""Adapters, swaps, compared outputs and published figures, as the page shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from tests.browser.page_object import QUICKSTART, Playground, link
from tests.pages import hurried, page_of

pytestmark = pytest.mark.browser

Visit = Callable[..., Playground]


@pytest.fixture
def visit_to(context: BrowserContext, tmp_path: Path) -> Iterator[Visit]:
    """Opens a page on an engine of its own: what is loaded before a run says where its lanes come from."""
    with ExitStack() as pages:

        def visit(query: str, engine: ScriptedEngine | None = None) -> Playground:
            url = pages.enter_context(page_of(ScriptedFleet(engine or ScriptedEngine(sleep=hurried)), tmp_path))
            return Playground.open(context, f"{url}/{query}")

        yield visit


def chart(page: Playground, name: str, trace: int, field: str) -> list[object]:
    found: list[object] = page.tab.evaluate(f"[...document.querySelector('[data-chart={name}] .lp-plot').data[{trace}].{field}]")
    return found


def test_adapters_are_chosen_by_field_and_their_ranks_and_swaps_are_shown(visit_to: Visit, artifacts: Path) -> None:
    page = visit_to(link(lanes=["bf16", "bf16", "nf4+random-r64", "bf16+faq|none@2"], max_new_tokens=12, warmup=0))
    page.expect_lanes(["bf16", "bf16", "nf4+random-r64", "bf16+faq|none@2"])
    page.open_lanes()
    page.field(2, "adapter").select_option("faq.merged")
    page.expect_lanes(["bf16", "bf16+faq.merged", "nf4+random-r64", "bf16+faq|none@2"])
    expect(page.field(3, "adapter").locator("option:checked")).to_have_text("random-r64")
    expect(page.field(4, "batch").locator("option:disabled")).to_have_text("1: fewer rows than the 2 adapters")
    page.run()
    page.wait_done()
    expect(page.tab.locator(".lp-swap")).to_have_text(
        [
            "ready in 50.0 ms, read from its files",
            "ready in 50.0 ms, read from its files",
            "ready in 50.0 ms, read from its files",
            "ready in 20.0 ms, put on a base in place",
        ]
    )
    expect(page.tab.locator(".lp-adapters")).to_have_text(
        [
            "",
            "faq: rank 8 on q_proj, v_proj, 60 modules, merged",
            "random-r64: rank 64 on 7 kinds of layers, 210 modules, untrained",
            "faq: rank 8 on q_proj, v_proj, 60 modules, row 1",
        ]
    )
    expect(page.tab.locator(".lp-change")).to_have_text(["", "differs at token 1", "differs at token 10", "differs at token 1"])
    page.tab.wait_for_function("document.querySelector('[data-chart=swaps] .lp-plot').data[0].x[3] === 0.02")
    assert chart(page, "swaps", 0, "text") == ["50.0 ms, cold", "50.0 ms, cold", "50.0 ms, cold", "20.0 ms, attached"]
    page.tab.screenshot(path=artifacts / "adapters.png", full_page=True)


def test_swaps_that_come_later_are_marks(visit_to: Visit) -> None:
    engine = ScriptedEngine(sleep=hurried, host_budget_bytes=10**9, budget_bytes=300_000_000)
    page = visit_to(link(lanes=["bf16", "int8"], schedule="exclusive", max_new_tokens=3, warmup=0), engine)
    page.expect_lanes(["bf16", "int8"])
    page.run()
    page.wait_done()
    expect(page.tab.locator(".lp-swap")).to_have_text(["ready in 50.0 ms, read from its files (and 1 time more)"] * 2)
    page.tab.wait_for_function("document.querySelector('[data-chart=swaps] .lp-plot').data[1].x.length === 2")
    assert chart(page, "swaps", 1, "text") == ["20.0 ms, host"] * 2
    with page.tab.expect_download() as taken:
        page.tab.get_by_role("button", name="Save the chart of swaps as PNG").click()
    assert taken.value.suggested_filename == "latency-playground-swaps.png"


def test_outputs_are_compared_when_asked_and_published_figures_stand_beside(visit_to: Visit, artifacts: Path) -> None:
    page = visit_to("?preset=falcon-faq")
    expect(page.tab.locator("[data-section=published] tbody tr")).to_have_count(3)
    expect(page.tab.locator("[data-section=published] tbody tr").nth(1)).to_contain_text("9.28 s")
    page.tab.get_by_role("button", name="Settings", exact=True).click()
    expect(page.tab.get_by_label("Compare outputs")).to_be_checked()
    page.tab.get_by_label("Compare outputs").uncheck()
    expect(page.summary).not_to_contain_text("outputs compared")
    page.tab.get_by_label("Compare outputs").check()
    expect(page.summary).to_contain_text("outputs compared")
    page.tab.locator("#repeats input").fill("1")
    page.set_tokens(2)
    page.run()
    page.wait_done()
    row = page.tab.locator("[data-section=published] tbody tr").nth(2).locator("td")
    expect(row).to_have_text(["load_in_8bit", "3.04 s", "0.229×", "199 ms", "1.55×", "same tokens · 100 % agree"])
    expect(page.tab.locator(".lp-results thead").first).to_contain_text("Top-1 agreement")
    expect(page.tab.locator(".lp-verdict")).to_contain_text("7 lanes agree with lane 1 on 100 % of tokens")
    assert page.violations() == []
    page.tab.screenshot(path=artifacts / "published.png", full_page=True)
    page.tab.locator("#preset input").click()
    page.tab.get_by_role("option", name="Quickstart").click()
    page.expect_lanes(QUICKSTART)
    page.run()
    expect(page.tab.locator("[data-section=published]")).to_be_hidden()
    page.stop()
