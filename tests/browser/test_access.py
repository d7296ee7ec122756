"""For everybody, and from everywhere: axe-core in both themes, keyboard alone, reduced motion, a proxy's prefix."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from tests.browser.conftest import NewContext
from tests.browser.page_object import LONG, Playground
from tests.pages import free_port, hurried, page_of

pytestmark = pytest.mark.browser

PREFIX = "/proxy/7860"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_before_during_and_after_a_run(new_context: NewContext, url: str, theme: str) -> None:
    page = Playground.with_lanes(new_context(color_scheme=theme), url, ["bf16", "int8"])
    assert page.violations() == []
    page.tab.get_by_role("button", name="Lanes", exact=True).click()
    page.tab.get_by_role("button", name="Settings", exact=True).click()
    assert page.violations() == []
    page.run(LONG)
    page.expect_status("^Running")
    assert page.violations() == []
    page.stop()
    page.run_to_end(6)
    page.tab.locator(".lp-method summary").click()
    page.tab.click(".lp-more")
    assert page.violations() == []
    page.tab.locator(".lp-show-code").first.click()
    assert page.violations() == []


def test_who_wants_no_motion_sees_none_and_who_listens_hears_milestones_and_not_tokens(new_context: NewContext, url: str) -> None:
    page = Playground.with_lanes(new_context(reduced_motion="reduce"), url, ["bf16", "int8"])
    page.run_to_end(20)
    moving = "[...document.querySelectorAll('.lp *')].filter((one) => getComputedStyle(one).animationName !== 'none').length"
    assert page.tab.evaluate(moving) == 0
    milestones = page.tab.locator(".lp-sr p").all_inner_texts()
    assert [one for one in milestones if one.startswith("Lane 1, bf16: done, 20 tokens")]
    assert "Done" in milestones
    assert len(milestones) < 12, milestones


def test_a_run_with_the_keyboard_alone(tab: Playground, url: str) -> None:
    page = tab.go_with_lanes(url, ["bf16", "int8"], max_new_tokens=LONG)
    reached: list[str] = []
    for _ in range(60):
        page.tab.keyboard.press("Tab")
        reached.append(page.tab.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id || ''"))
        outline = page.tab.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow; })()"
        )
        assert outline != "nonenone", reached[-1]
        if reached[-1] == "run":
            break
    assert {"preset", "prompt", "max-new-tokens"} <= set(reached)
    page.tab.keyboard.press("Enter")
    page.expect_status("^Running")
    expect(page.stop_button).to_be_focused()
    page.tab.keyboard.press("Escape")
    page.expect_status("^Stopped")
    expect(page.run_button).to_be_focused()
    page.prompt.focus()
    page.tab.keyboard.press("Control+Enter")
    page.expect_status("^Running")
    page.tab.keyboard.press("Escape")
    page.expect_status("^Stopped")


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
def behind_a_prefix(cache: Path) -> Iterator[str]:
    """A page that is reached only under a prefix; its address."""
    inner = free_port()
    handler = type("Proxy", (_Proxy,), {"target": inner})
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        ScriptedFleet(ScriptedEngine(sleep=hurried)) as fleet,
        page_of(fleet, cache, root_path=PREFIX, port=inner),
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}/"
        server.shutdown()


def test_everything_works_behind_a_proxys_prefix(context: BrowserContext, tmp_path: Path) -> None:
    refused: list[str] = []
    context.on("response", lambda answer: refused.append(answer.url) if answer.status == 404 else None)
    with behind_a_prefix(tmp_path) as address:
        page = Playground.open(context, address)
        page.run_to_end(6)
        page.wait_points("count === 6")
        assert page.text(1)
        expect(page.tab).to_have_url(re.compile(re.escape(PREFIX)))
        page.tab.close()
    assert [address for address in refused if not address.endswith(("favicon.ico", "manifest.json"))] == []
