"""The page as a visitor uses it: lanes, settings, Run and Stop, cards, charts, the table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

PAYLOAD = "<img src=x onerror=window.hacked=1>${window.hacked=1}"
"""What would set `window.hacked`, were it ever markup or a template."""
QUICKSTART = ["bf16", "int8", "nf4", "bf16/top_p(p=0.9)"]
"""The lanes of a page that was opened without a link."""
LONG = 4000
"""New tokens of a run that outlives the test unless it is stopped."""

DRAWN = "document.querySelector('[data-chart=progress] .lp-plot').data?.length > 0"
POINTS = """[...document.querySelector('[data-chart=progress] .lp-plot').data]
  .filter((trace) => trace.mode.includes('lines')).map((trace) => trace.x.length)"""
WATCH_SHIFTS = """() => {
  window.shift = 0;
  window.moved = [];
  const note = (one) => {
    window.shift += one.value;
    one.sources.forEach(({ node }) => window.moved.push(node?.className ?? node?.nodeName));
  };
  window.shifts = window.shifts ?? new PerformanceObserver((list) => list.getEntries().filter((one) => !one.hadRecentInput).forEach(note));
  window.shifts.observe({ type: "layout-shift" });
}"""
PASTE = """([number, lanes]) => {
  const data = new DataTransfer();
  data.setData('text', lanes);
  const box = document.querySelector(`#lane-${number} input`);
  const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
  if (box.dispatchEvent(event)) document.execCommand('insertText', false, lanes);
  box.blur();
}"""
# Between two states a button fades from one colour to the other, and is neither: axe-core looks when that is over.
SETTLED = """() => {
  const going = /^(Running|Starting|Waiting)/.test(document.querySelector('.lp-run-words').textContent);
  const ends = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
  const moving = document.getAnimations().some((one) => one.playState === 'running' && ends(one));
  return document.querySelector('#run').disabled === going && !moving;
}"""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def link(**fields: Any) -> str:
    """The query of an address that holds a run: the quickstart's, but for these fields."""
    return "?run=" + quote(json.dumps({"v": 1, "preset": "quickstart"} | fields))


class Playground:
    """One open page. `tab` is the browser's own, for what is not worth a name here."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.run_button, self.stop_button = tab.locator("#run"), tab.locator("#stop")
        self.status, self.problem, self.summary = tab.locator(".lp-run-words"), tab.locator("#problem"), tab.locator("#summary")
        self.prompt, self.tokens = tab.locator("#prompt textarea"), tab.locator("#max-new-tokens input")
        self.lane_rows = tab.locator(".lane-edit:visible")
        self.cards, self.labels, self.words = tab.locator(".lp-card"), tab.locator(".lp-label"), tab.locator(".lp-card .lp-words")
        self.results = tab.locator(".lp-results tbody tr")

    # ---- coming ----

    @classmethod
    def open(cls, context: BrowserContext, address: str) -> Self:
        return cls(context.new_page()).go(address)

    @classmethod
    def with_lanes(cls, context: BrowserContext, url: str, lanes: list[str], **fields: Any) -> Self:
        return cls(context.new_page()).go_with_lanes(url, lanes, **fields)

    def go(self, address: str) -> Self:
        """Opens the address, until the page is ready for Run."""
        self.tab.goto(address)
        return self.wait_ready()

    def go_with_lanes(self, url: str, lanes: list[str], **fields: Any) -> Self:
        """The page with these lanes, and these fields of a link; until they stand there."""
        self.go(f"{url}/{link(lanes=lanes, **fields)}")
        self.expect_lanes(lanes)
        return self

    def wait_ready(self) -> Self:
        self.cards.first.wait_for()
        self.tab.wait_for_function(DRAWN)
        return self

    # ---- lanes and settings ----

    def lane(self, number: int) -> Locator:
        """The text of a lane."""
        return self.tab.locator(f"#lane-{number} input[data-testid=textbox]")

    def set_lane(self, number: int, text: str) -> None:
        self.lane(number).fill(text)
        self.lane(number).blur()

    def paste_lanes(self, number: int, lanes: str) -> None:
        self.lane(number).select_text()
        self.tab.evaluate(PASTE, [number, lanes])

    def expect_lanes(self, lanes: list[str]) -> None:
        expect(self.lane_rows).to_have_count(len(lanes))
        for number, lane in enumerate(lanes, start=1):
            expect(self.lane(number)).to_have_value(lane)

    def open_lanes(self) -> None:
        """Unfolds the lanes' fields."""
        self.tab.click("#lanes-toggle button")
        expect(self.tab.locator("#lanes-toggle button")).to_have_attribute("aria-expanded", "true")
        expect(self.field(1, "precision")).to_be_visible()

    def field(self, number: int, name: str) -> Locator:
        return self.tab.locator(f"#lane-{number} .lane-field [name={name}]")

    def options(self, number: int) -> Locator:
        """The lane's options, open. Those of another lane close: they may lie over the button."""
        panel = self.tab.locator(f"#lane-{number} .lane-options")
        if not panel.is_visible():
            self.tab.evaluate("document.querySelector('.lane-options:popover-open')?.hidePopover()")
            self.tab.click(f"#lane-{number} .lane-options-button")
        expect(panel).to_be_visible()
        return panel

    def option(self, number: int, name: str) -> Locator:
        return self.options(number).locator(f"[name={name}]")

    def set_option(self, number: int, name: str, text: str) -> None:
        self.option(number, name).fill(text)
        self.option(number, name).blur()

    def set_tokens(self, tokens: int) -> None:
        self.tokens.fill(str(tokens))
        self.tokens.blur()

    # ---- a run ----

    def run(self, tokens: int | None = None) -> None:
        """Presses Run."""
        if tokens is not None:
            self.set_tokens(tokens)
        self.tab.click("#run")

    def run_to_end(self, tokens: int | None = None) -> Self:
        self.run(tokens)
        return self.wait_done()

    def stop(self) -> None:
        self.tab.click("#stop")
        self.expect_status("^Stopped")

    def expect_status(self, pattern: str) -> None:
        expect(self.status).to_have_text(re.compile(pattern))

    def wait_done(self) -> Self:
        self.expect_status("^Done$")
        return self

    # ---- what it shows ----

    def text(self, lane: int) -> str:
        """What the lane has answered so far."""
        return self.tab.locator(".lp-text").nth(lane - 1).inner_text()

    def wait_text(self, longer_than: int = 20) -> str:
        """What lane 1 answers, once it is so long."""
        self.tab.wait_for_function(f"document.querySelector('.lp-text').innerText.length > {longer_than}")
        return self.text(1)

    def points(self) -> list[int]:
        """How many points the progress chart has of each lane."""
        found: list[int] = self.tab.evaluate(POINTS)
        return found

    def wait_points(self, condition: str) -> None:
        """Until the condition, in JavaScript and about `count`, holds of each lane's points."""
        self.tab.wait_for_function(f"({POINTS}).every((count) => {condition})")

    def linked(self) -> dict[str, Any]:
        """The run that the address holds."""
        found: dict[str, Any] = json.loads(parse_qs(urlsplit(self.tab.url).query)["run"][0])
        return found

    def copied(self) -> str:
        """The clipboard's text; the context must allow it."""
        text: str = self.tab.evaluate("navigator.clipboard.readText()")
        return text

    def download(self, selector: str) -> tuple[str, bytes]:
        """Name and content of the file that a press brings."""
        expect(self.tab.locator(selector)).to_be_enabled()
        with self.tab.expect_download() as taken:
            self.tab.click(selector)
        return taken.value.suggested_filename, Path(taken.value.path()).read_bytes()

    def box(self, selector: str | Locator) -> dict[str, float]:
        """Where it is and how large, in CSS pixels."""
        one = self.tab.locator(selector) if isinstance(selector, str) else selector
        found = one.first.bounding_box()
        assert found is not None
        return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}

    def expect_fits_across(self, width: int) -> None:
        assert self.tab.evaluate("document.documentElement.scrollWidth") <= width

    def expect_not_hacked(self) -> None:
        assert self.tab.evaluate("window.hacked") is None

    def watch_shifts(self) -> None:
        """From here on each movement that no visitor caused is counted."""
        self.tab.evaluate(WATCH_SHIFTS)

    def expect_no_shifts(self) -> None:
        assert self.tab.evaluate("window.shift") < 0.001, self.tab.evaluate("window.moved")

    def violations(self) -> list[str]:
        """What axe-core finds against WCAG 2 A and AA: rule, and the first elements it is about."""
        self.tab.wait_for_function(SETTLED)
        found = Axe().run(self.tab, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
        return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"][:3]]
