"""What the page costs the browser, in headless Chromium beside the page's own server on the same machine.

Eight scripted lanes write 50 tokens a second each for 15 s (`paced_page.py`; every word is the millisecond in which it was made).
*Display lag*: when the text of lane 8 changes, how old its last word is, so pacing, transport and drawing together; p95 of a run.
*Wire*: what the browser received in the run (devtools, bytes after decompression). *Layout shift*: what the browser itself reports.
*A control*: from the click to the next painted frame (the browser's event timing) of theme, settings and the table's further figures,
while it streams. *Heap and listeners*: after garbage collection, after run 10 against after run 2, in a browser that compiles nothing:
what its compiler makes of code that is often used is kept too, and was all that grew (snapshots of run 3 and run 8: 0.9 MB of
instructions and their tables, no object more). *Long answers*: the browser's task
time over the last 64 tokens of 4,096-token lanes against the last 64 of 64-token ones, pairs in turn. *Replay*: when each token of
lane 1 is seen at ×1, against its recorded time; the worst of a replay.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, CDPSession, Page, Playwright, sync_playwright

from playground.settings import ROOT
from tests.benchmarks.figure import Figure
from tests.benchmarks.paced_page import TPOT_S, TTFT_S
from tests.benchmarks.setup import Setup
from tests.browser.conftest import ARGUMENTS, chromium_path, wait_until_up
from tests.pages import free_port

LANES = 8
LAG_MS, WIRE_MB, SHIFT, CONTROL_MS, LONG_RATIO, REPLAY_MS, GROWTH_PERCENT = 50.0, 0.75, 0.0, 100.0, 1.5, 50.0, 5.0
WATCH_LAG = """() => {
  window.lags = [];
  const box = document.querySelectorAll('.lp-text')[7];
  const seen = () => {
    const words = box.textContent.trim().slice(-13);
    if (words) window.lags.push(Date.now() - Number(words));
  };
  window.lagWatch = new MutationObserver(seen);
  window.lagWatch.observe(box, { childList: true, characterData: true, subtree: true });
}"""
WATCH_SHIFT = """() => {
  window.shift = 0;
  const add = (list) => list.getEntries().forEach((one) => { if (!one.hadRecentInput) window.shift += one.value; });
  new PerformanceObserver(add).observe({ type: 'layout-shift' });
}"""
WATCH_CLICKS = """() => {
  window.clicks = [];
  const note = (list) => list.getEntries().forEach((one) => { if (one.name === 'click') window.clicks.push(one.duration); });
  new PerformanceObserver(note).observe({ type: 'event', durationThreshold: 16 });
}"""
WATCH_REPLAY = """(expected) => new Promise((resolve) => {
  const where = document.querySelector('.lp-where'), began = performance.now(), late = [];
  let shown = 0;
  const look = () => {
    const now = performance.now() - began, count = Number(where.textContent) || 0;
    for (; shown < count && shown < expected.length; shown += 1) late.push(now - expected[shown]);
    if (shown < expected.length && document.querySelector('.lp[data-replay]')) requestAnimationFrame(look); else resolve(late);
  };
  document.querySelector('.lp-play').click();
  look();
})"""


def run(setup: Setup) -> list[Figure]:
    with _served() as url, sync_playwright() as playwright:
        with _browser(playwright, "--expose-gc") as browser:
            drawn = [*_streaming(setup, browser, url), _long(setup, browser, url), _replay(setup, browser, url)]
        with _browser(playwright, "--expose-gc --jitless") as browser:
            return [*drawn, *_flat(setup, browser, url)]


@contextmanager
def _browser(playwright: Playwright, flags: str) -> Iterator[Browser]:
    """`flags`: of its JavaScript engine."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*ARGUMENTS, f"--js-flags={flags}"])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def _served() -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryFile() as output:
        arguments = [sys.executable, "-m", "tests.benchmarks.paced_page", str(port)]
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=output, stderr=output)
        try:
            yield wait_until_up(process, f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


class _Visit:
    """One page with eight lanes, ready for Run."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._context = browser.new_context(viewport={"width": 1440, "height": 780})
        self.page: Page = self._context.new_page()
        self.devtools: CDPSession = self._context.new_cdp_session(self.page)
        self.received_bytes = 0
        self.devtools.on("Network.dataReceived", self._count)
        for domain in ("Network.enable", "Performance.enable", "HeapProfiler.enable"):
            self.devtools.send(domain)
        wanted = {"v": 1, "preset": "quickstart", "lanes": [f"bf16/top_k(k={k})" for k in range(1, LANES + 1)], "warmup": 0}
        self.page.goto(f"{url}/?run={quote(json.dumps(wanted))}")
        self.page.wait_for_function("document.querySelector('[data-chart=progress] .lp-plot')?.data?.length > 0", timeout=60_000)
        self.page.wait_for_function(f"document.querySelectorAll('.lane-edit').length === {LANES}", timeout=60_000)

    def __enter__(self) -> _Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def _count(self, event: dict[str, Any]) -> None:
        self.received_bytes += int(event["dataLength"])

    def metric(self, name: str) -> float:
        found = self.devtools.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in found if one["name"] == name)

    def collected(self) -> tuple[float, float]:
        """Heap in bytes and listeners, after garbage collection."""
        self.devtools.send("HeapProfiler.collectGarbage")
        return self.metric("JSHeapUsedSize"), self.metric("JSEventListeners")

    def start(self, tokens: int) -> None:
        self.page.locator("#max-new-tokens input").fill(str(tokens))
        self.page.locator("#max-new-tokens input").blur()
        self.page.click("#run")
        self.page.wait_for_function("document.querySelector('.lp').dataset.state === 'running'", timeout=60_000)

    def wait_share(self, share: float) -> None:
        """Until lane 8 has written this share of its answer: its bar's length, which stays when its words become the time it took."""
        bar = "parseFloat(document.querySelectorAll('.lp-bar')[7].style.transform.slice('scaleX('.length))"
        self.page.wait_for_function(f"{bar} >= {share - 1e-6}", timeout=120_000)

    def wait_done(self) -> None:
        self.page.wait_for_function("document.querySelector('.lp').dataset.state === 'done'", timeout=120_000)

    def once(self, tokens: int) -> None:
        self.start(tokens)
        self.wait_done()
        self.page.wait_for_selector("#run:not([disabled])")


def _streaming(setup: Setup, browser: Browser, url: str) -> list[Figure]:
    """Lag, wire, shift and controls of one visit's runs."""
    lags, wires, shifts, clicks = [], [], [], []
    tokens = setup.pick(750, 150)
    with _Visit(browser, url) as visit:
        visit.once(50)
        for script in (WATCH_SHIFT, WATCH_CLICKS):
            visit.page.evaluate(script)
        for _ in range(setup.pick(3, 1)):
            before = visit.received_bytes
            visit.start(tokens)
            visit.page.wait_for_timeout(600)  # what moves within 500 ms of a click is the click's own
            visit.page.evaluate("window.shift = 0")
            visit.page.evaluate(WATCH_LAG)
            visit.wait_done()
            visit.page.evaluate("window.lagWatch.disconnect()")
            shifts.append(visit.page.evaluate("window.shift"))
            seen = visit.page.evaluate("window.lags")
            lags.append(_p95(seen))
            wires.append((visit.received_bytes - before) / 1e6 * 750 / tokens)
            visit.page.wait_for_selector("#run:not([disabled])")
            setup.say(
                f"page: lag median {statistics.median(seen):.0f} ms, p95 {lags[-1]:.0f} ms, {wires[-1]:.2f} MB, shift {shifts[-1]:.4f}"
            )
        clicks = _controls(visit)
    name = f"{LANES} lanes × 50 tokens/s"
    return [
        Figure("page", f"display lag, {name}, p95 of a run", "ms", LAG_MS, tuple(lags)),
        Figure("page", f"on the wire in 15 s, {name}", "MB", WIRE_MB, tuple(wires), judged="max"),
        Figure("page", f"layout shift, {name}", "shift", SHIFT, tuple(shifts), judged="max"),
        Figure("page", f"a control answers, {name}", "ms", CONTROL_MS, tuple(clicks), judged="max"),
    ]


def _controls(visit: _Visit) -> list[float]:
    visit.start(1000)
    visit.wait_share(0.05)
    visit.page.evaluate("window.clicks = []")
    for selector in (".lp-theme", "#settings-toggle", ".lp-more") * 4:
        visit.page.click(selector)
        visit.page.wait_for_timeout(200)
    visit.page.click("#stop")
    visit.page.wait_for_selector("#run:not([disabled])")
    clicks: list[float] = visit.page.evaluate("window.clicks")
    return clicks


def _flat(setup: Setup, browser: Browser, url: str) -> list[Figure]:
    """Heap and listeners after the tenth run against after the second."""
    runs = setup.pick(10, 3)
    with _Visit(browser, url) as visit:
        after = []
        for number in range(runs):
            visit.once(setup.pick(250, 50))
            after.append(visit.collected())
            setup.say(f"page: run {number + 1}: heap {after[-1][0] / 1e6:.1f} MB, {after[-1][1]:.0f} listeners")
    heap, listeners = ((after[-1][at] / after[1][at] - 1) * 100 for at in (0, 1))
    raw = {"heap_bytes": [one[0] for one in after], "listeners": [one[1] for one in after]}
    return [
        Figure("page", f"growth of the heap, run 2 to run {runs}", "%", GROWTH_PERCENT, (heap,), raw=raw),
        Figure("page", f"growth of listeners, run 2 to run {runs}", "%", GROWTH_PERCENT, (listeners,), raw=raw),
    ]


def _long(setup: Setup, browser: Browser, url: str) -> Figure:
    ratios, raw = [], []
    with _Visit(browser, url) as visit:
        visit.once(64)
        for _ in range(setup.pick(5, 1)):
            short, long = (_task_s(visit, tokens) for tokens in (64, 4096))
            ratios.append(long / short)
            raw.append((short, long))
            setup.say(f"page: task time over 64 tokens, 4,096-token lanes ÷ 64-token lanes: {ratios[-1]:.2f}")
    return Figure("page", "browser time of a frame, 4,096-token ÷ 64-token lanes", "×", LONG_RATIO, tuple(ratios), raw={"task_s": raw})


def _task_s(visit: _Visit, tokens: int) -> float:
    """The browser's task time over the last 56 tokens of lanes of this length."""
    visit.start(tokens)
    visit.wait_share(1 - 60 / tokens)
    before = visit.metric("TaskDuration")
    visit.wait_share(1 - 4 / tokens)
    spent = visit.metric("TaskDuration") - before
    visit.page.wait_for_selector("#run:not([disabled])")
    return spent


def _replay(setup: Setup, browser: Browser, url: str) -> Figure:
    tokens, worst, raw = setup.pick(200, 50), [], []
    expected = [(TTFT_S + step * TPOT_S) * 1e3 for step in range(tokens)]
    with _Visit(browser, url) as visit:
        visit.once(tokens)
        for _ in range(setup.pick(5, 1)):
            late = visit.page.evaluate(WATCH_REPLAY, expected)
            visit.page.wait_for_function("!document.querySelector('.lp[data-replay]')")
            raw.append(late)
            worst.append(max(map(abs, late)))
            setup.say(f"page: replay, worst {worst[-1]:.0f} ms, p95 {_p95(late):.0f} ms of {len(late)} tokens")
    name = "replay at ×1, a token's distance from its recorded time, worst of a replay"
    return Figure("page", name, "ms", REPLAY_MS, tuple(worst), judged="max", raw={"late_ms": raw})


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
