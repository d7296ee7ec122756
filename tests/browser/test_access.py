"""For everybody, and from everywhere: axe-core in both themes, keyboard alone, reduced motion, a proxy's prefix."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from playground.settings import ROOT
from tests.browser.conftest import free_port, open_page, wait_until_up
from tests.browser.test_page import POINTS, run, text_of, wait_words

pytestmark = pytest.mark.browser

PREFIX = "/proxy/7860"


# Between two states a button fades from one colour to the other, and is neither: axe-core looks when that is over.
SETTLED = """() => {
  const going = /^(Running|Starting|Waiting)/.test(document.querySelector('.lp-run-words').textContent);
  const ends = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
  const moving = document.getAnimations().some((one) => one.playState === 'running' && ends(one));
  return document.querySelector('#run').disabled === going && !moving;
}"""


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2 A and AA: rule, and the first element it is about."""
    page.wait_for_function(SETTLED)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"][:3]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_before_during_and_after_a_run(browser: Browser, url: str, theme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 780}, color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(60_000)
    page = open_page(context, url)
    try:
        assert violations(page) == []
        page.get_by_role("button", name="Lanes", exact=True).click()
        page.get_by_role("button", name="Settings", exact=True).click()
        assert violations(page) == []
        run(page, 30)
        wait_words(page, "^Running")
        assert violations(page) == []
        wait_words(page, "^Done")
        page.locator(".lp-method summary").click()
        page.click(".lp-more")
        assert violations(page) == []
        page.locator(".lp-show-code").first.click()
        assert violations(page) == []
    finally:
        context.close()


def test_a_screen_reader_hears_milestones_and_not_tokens(visit: Page) -> None:
    run(visit, 20)
    wait_words(visit, "^Done")
    said = visit.locator(".lp-sr p").all_inner_texts()
    assert [one for one in said if one.startswith("Lane 1, bf16: done, 20 tokens")]
    assert "Done" in said
    assert len(said) < 12, said


def test_the_charts_data_is_in_a_table(visit: Page) -> None:
    run(visit, 6)
    wait_words(visit, "^Done")
    for chart in visit.locator(".lp-plot").all():
        assert "results table" in (chart.get_attribute("aria-label") or "")
    visit.click(".lp-more")
    headings = visit.locator(".lp-results thead th").all_inner_texts()
    assert {"TTFT", "TPOT", "E2E", "Step"} <= set(headings)


def test_a_run_with_the_keyboard_alone(visit: Page) -> None:
    reached: list[str] = []
    for _ in range(60):
        visit.keyboard.press("Tab")
        reached.append(visit.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id || ''"))
        outline = visit.evaluate("(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow; })()")
        assert outline != "nonenone", reached[-1]
        if reached[-1] == "run":
            break
    assert {"preset", "prompt", "max-new-tokens"} <= set(reached)
    visit.keyboard.press("Enter")
    wait_words(visit, "^Running")
    expect(visit.locator("#stop")).to_be_focused()
    visit.keyboard.press("Escape")
    wait_words(visit, "^Stopped")
    expect(visit.locator("#run")).to_be_focused()


def test_nothing_moves_by_itself_for_who_wants_no_motion(browser: Browser, url: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page = open_page(context, url)
    run(page, 4)
    wait_words(page, "^Done")
    moving = "[...document.querySelectorAll('.lp *')].filter((one) => getComputedStyle(one).animationName !== 'none').length"
    assert page.evaluate(moving) == 0
    context.close()


class _Proxy(BaseHTTPRequestHandler):
    """Strips the prefix and hands everything on, as it comes."""

    protocol_version = "HTTP/1.1"
    target = 0

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _pass_on(self) -> None:
        if not self.path.startswith(PREFIX):
            self.send_error(404, "outside the prefix")
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        onward = HTTPConnection("127.0.0.1", self.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
        onward.request(self.command, self.path.removeprefix(PREFIX) or "/", body or None, headers)
        answer = onward.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while piece := answer.read1(65536):
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:  # the browser has gone
            return
        finally:
            onward.close()
            self.close_connection = True


@contextmanager
def behind_a_prefix() -> Iterator[str]:
    """A page that is reached only under a prefix; its address."""
    port, inner = free_port(), free_port()
    command = [sys.executable, "-m", "tests.pages", "plain", str(inner), "--root-path", PREFIX]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    handler = type("Proxy", (_Proxy,), {"target": inner})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        wait_until_up(process, f"http://127.0.0.1:{inner}")
        yield f"http://127.0.0.1:{port}{PREFIX}/"
    finally:
        server.shutdown()
        server.server_close()
        process.kill()
        process.wait()


def test_everything_works_behind_a_proxys_prefix(context: BrowserContext) -> None:
    refused: list[str] = []
    context.on("response", lambda answer: refused.append(answer.url) if answer.status == 404 else None)
    with behind_a_prefix() as url:
        page = open_page(context, url)
        run(page, 6)
        wait_words(page, "^Done")
        page.wait_for_function(f"({POINTS}).every((count) => count === 6)")
        assert text_of(page, 1)
        expect(page).to_have_url(re.compile(re.escape(PREFIX)))
        page.close()
    assert [address for address in refused if not address.endswith(("favicon.ico", "manifest.json"))] == []
