"""Targets in a real Chromium: chosen, typed, dragged; the table is what Python says of the target that is shown."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from playground.analysis.slo import TARGETS, Target, timing
from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.report.slo import headings, rows
from playground.runs.runner import Runner
from playground.spec.request import RunRequest
from playground.timeline.events import LaneEvent, RepeatFinished, StepsTaken
from playground.timeline.state import RunState
from tests.browser.page_object import Playground
from tests.pages import page_of

pytestmark = pytest.mark.browser

LANES = ["bf16", "nf4@3", "bf16/beam(num_beams=2)", "int8"]
MEASURE: dict[str, Any] = {"schedule": "exclusive", "warmup": 0, "repeats": 4, "max_new_tokens": 9}


class Uneven(ScriptedEngine):
    """No two of its steps, and no two repeats, take equally long; no time passes."""

    def __init__(self) -> None:
        super().__init__(sleep=lambda _seconds: None)

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        for event in super().run(lanes, request, cancel, first):
            match event:
                case StepsTaken():
                    steps = tuple(replace(step, t_s=bent(step.t_s, event.repeat)) for step in event.steps)
                    yield StepsTaken(event.lane, event.repeat, steps, event.text)
                case RepeatFinished():
                    ends = (bent(event.end_s, event.repeat), bent(event.end_wall_s, event.repeat))
                    yield RepeatFinished(event.lane, event.repeat, *ends, event.output_ids, event.finish, event.texts)
                case _:
                    yield event


def bent(t_s: float, repeat: int) -> float:
    """Later is still later."""
    return t_s * (1 + 0.03 * repeat) + 0.0049 * math.sin(200 * t_s)


@pytest.fixture
def visit_to(context: BrowserContext, tmp_path: Path) -> Iterator[Callable[[ScriptedEngine], Playground]]:
    with ExitStack() as pages:

        def visit(engine: ScriptedEngine) -> Playground:
            url = pages.enter_context(page_of(ScriptedFleet(engine), tmp_path))
            return Playground.with_lanes(context, url, LANES, **MEASURE)

        yield visit


def measured(page: Playground) -> Playground:
    return page.run_to_end()


def recorded() -> RunState:
    """What the page's run left, from an engine like its own."""
    models = {"smollm2-135m": "x"}
    request = RunRequest.build(lanes=LANES, prompts=["Why is the sky blue?"], models=models, measure=MEASURE)
    engine = Uneven()
    reader = Runner(lambda _lane, _model_id: engine).start(request).reader()
    list(reader.events())
    return reader.view


def shown(page: Playground) -> tuple[list[str], list[list[list[str]]]]:
    """The table's headings, and of each lane the cells: text, and what it is of."""
    found = page.tab.evaluate(
        """() => {
          const text = (node) => node?.textContent ?? '';
          const all = (selector, within) => [...within.querySelectorAll(selector)], table = document.querySelector('.lp-attainment');
          const cell = (one) => [text(one.querySelector('.lp-attainment-text')), text(one.querySelector('.lp-against'))];
          return [all('thead th', table).map(text), all('tbody tr', table).map((row) => all('td', row).map(cell))];
        }"""
    )
    return found[0], found[1]


def expected(view: RunState, target: Target) -> tuple[list[str], list[list[list[str]]]]:
    return ["Lane", *headings(target)], [[[cell.text, cell.beside] for cell in cells] for _, cells in rows(view, target)]


def expect_shown(page: Playground, view: RunState, target: Target) -> None:
    """Once the answer has come."""
    wanted = expected(view, target)
    for _ in range(200):
        if shown(page) == wanted:
            return
        page.tab.wait_for_timeout(50)
    assert shown(page) == wanted


def limit(page: Playground, name: str) -> str:
    return page.tab.locator(f"[data-limit={name}]").input_value()


def type_limits(page: Playground, *texts: str) -> None:
    for name, text in zip(("ttft", "tpot", "e2e"), texts, strict=True):
        page.tab.locator(f"[data-limit={name}]").fill(text)
    page.tab.keyboard.press("Tab")


def line(page: Playground, chart: str) -> list[float]:
    ends = "(one) => (one.xref === 'paper' ? one.y0 : one.x0)"
    found: list[float] = page.tab.evaluate(f"(document.querySelector('[data-chart={chart}] .lp-plot').layout.shapes ?? []).map({ends})")
    return found


def drag(page: Playground, chart: str, by_x: float, by_y: float) -> None:
    """Takes hold of the line and moves it, without letting go."""
    grip = page.tab.locator(f"[data-chart={chart}] .lp-grip")
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.tab.mouse.move(x, y)
    page.tab.mouse.down()
    page.tab.mouse.move(x + by_x, y + by_y, steps=4)


def test_the_table_is_what_python_says(visit_to: Callable[[ScriptedEngine], Playground]) -> None:
    page, view = measured(visit_to(Uneven())), recorded()
    for target in TARGETS:
        page.tab.select_option(".lp-target", target.name)
        expect_shown(page, view, target)
    middle = timing(view.lanes[0].counted[1])
    assert middle.ttft_ms is not None
    assert middle.tpot_ms is not None
    assert middle.e2e_ms is not None
    for ttft_ms, tpot_ms, e2e_s in (
        (middle.ttft_ms, middle.tpot_ms, middle.e2e_ms / 1e3),  # what equals a limit keeps it
        (60.0, 40.123, 0.4),
        (100.0004, None, None),
        (None, 62.5, 5.0),
        (0.001, 0.001, 3600.0),
    ):
        type_limits(page, *("" if one is None else f"{one:.6f}" for one in (ttft_ms, tpot_ms, e2e_s)))
        expect(page.tab.locator(".lp-target")).to_have_value("own")
        own = Target.own(None if ttft_ms is None else ttft_ms / 1e3, None if tpot_ms is None else tpot_ms / 1e3, e2e_s)
        expect_shown(page, view, own)
        assert line(page, "gaps") == ([] if tpot_ms is None else [round(tpot_ms, 3)])
    page.tab.select_option(".lp-target", "")
    expect(page.tab.locator(".lp-attainment")).to_be_hidden()
    assert [limit(page, name) for name in ("ttft", "tpot", "e2e")] == ["", "", ""]


def test_a_target_is_typed_and_dragged_and_outlives_runs(visit_to: Callable[[ScriptedEngine], Playground], artifacts: Path) -> None:
    page, view = measured(visit_to(Uneven())), recorded()
    wrong = page.tab.locator(".lp-limit-wrong")
    type_limits(page, "120", "45", "0.8")
    good = Target.own(0.12, 0.045, 0.8)
    expect_shown(page, view, good)
    for text, says in (
        ("abc", "TTFT: “abc” is no limit; allowed: a number from 0.001 to 3,600,000 ms, or nothing."),
        ("-5", "TTFT: “-5” is no limit; "),
        ("0", "TTFT: “0” is no limit; "),
        ("1e9", "TTFT: “1e9” is no limit; "),
    ):
        page.tab.locator("[data-limit=ttft]").fill(text)
        expect(wrong).to_contain_text(says)
        expect_shown(page, view, good)  # the last good target stays
        assert line(page, "ttft") == [120]
    expect(page.tab.locator("[data-limit=ttft]")).to_have_attribute("aria-invalid", "true")
    page.tab.screenshot(path=artifacts / "targets-wrong.png", full_page=True)
    type_limits(page, "", "", "")
    expect(wrong).to_contain_text("No limit is given")
    expect_shown(page, view, Target.own(e2e_s=0.8))  # the last one that had a limit

    page.tab.select_option(".lp-target", "mlperf-llama2-70b")
    expect(wrong).to_have_text("")
    drag(page, "ttft", -60, 0)
    expect(page.tab.locator(".lp-target")).to_have_value("own")
    held = float(limit(page, "ttft"))
    assert held < 450, "the field follows while it is dragged"
    expect_shown(page, view, Target.own(held / 1e3, 0.04))  # and so do the lanes
    page.tab.mouse.up()
    drag(page, "gaps", 0, 12)
    page.tab.mouse.up()
    assert line(page, "ttft") == [held]
    assert line(page, "gaps") == [float(limit(page, "tpot"))]
    assert float(limit(page, "tpot")) < 40
    own = Target.own(held / 1e3, float(limit(page, "tpot")) / 1e3)
    expect_shown(page, view, own)

    page.tab.locator(".lp-card").first.evaluate("(card) => { card.dataset.before = 'true'; }")
    page.run()
    expect(page.tab.locator(".lp-card[data-before]")).to_have_count(0)
    page.wait_done()
    assert shown(page)[0] == ["Lane", *headings(own)], "it outlives the run"
    page.tab.wait_for_function("['passes', 'fails'].includes(document.querySelector('.lp-attainment-text').textContent)")
    page.tab.locator(".lp-play").click()
    page.tab.get_by_role("button", name="Dark").click()
    assert shown(page)[1][0][0][0] in ("passes", "fails")
    assert line(page, "ttft") == [held]
    page.wait_done()
    assert page.violations() == []
    page.tab.screenshot(path=artifacts / "targets-dark.png", full_page=True)
    page.tab.set_viewport_size({"width": 390, "height": 844})
    for one in (page.tab.locator(".lp-target"), *page.tab.locator(".lp-limit").all()):
        box = one.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    page.expect_fits_across(390)
    page.tab.screenshot(path=artifacts / "targets-390.png", full_page=True)
