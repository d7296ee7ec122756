"""The README's pictures, taken from a real run: `make screenshots`.

The app is started, the quickstart runs on the embedded model in Chromium, and `assets/` gets the page in light and dark and a recording
of the run. Taking pictures costs the machine time: the figures in them are of a busy machine.
"""

from __future__ import annotations

import io
import sys
import time
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import ARGUMENTS, chromium_path, open_page, serving  # noqa: E402

ASSETS = ROOT / "assets"
SIZE = {"width": 1440, "height": 780}
FRAME_S, LAST_S, WIDTH = 0.2, 2.5, 1080
TOKENS = 32


def main() -> None:
    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        try:
            _still(browser, url, "light")
            _still(browser, url, "dark")
            _recording(browser, url)
        finally:
            browser.close()


def _visit(browser: Browser, url: str, theme: str) -> Page:
    context = browser.new_context(viewport=SIZE, color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(240_000)
    page = open_page(context, url)
    page.wait_for_function("document.querySelector('#device').innerText.includes('torch')")
    return page


def _start(page: Page) -> None:
    page.locator("#max-new-tokens input").fill(str(TOKENS))
    page.locator("#max-new-tokens input").blur()
    page.click("#run")


def _still(browser: Browser, url: str, theme: str) -> None:
    page = _visit(browser, url, theme)
    _start(page)
    page.wait_for_function("document.querySelector('.lp').dataset.state === 'done'")
    page.wait_for_timeout(1000)
    page.screenshot(path=ASSETS / f"page-{theme}.png")
    page.context.close()
    _say(f"assets/page-{theme}.png")


def _recording(browser: Browser, url: str) -> None:
    page = _visit(browser, url, "light")
    page.locator("#settings-toggle").click()
    page.locator("#warmup input").fill("0")
    page.locator("#settings-toggle").click()
    frames: list[tuple[Image.Image, float]] = []
    _start(page)
    over = 0.0
    while not over or time.monotonic() - over < 1:
        began = time.monotonic()
        shot = Image.open(io.BytesIO(page.screenshot(type="jpeg", quality=92))).convert("RGB")
        frames.append((shot.resize((WIDTH, WIDTH * SIZE["height"] // SIZE["width"]), Image.Resampling.LANCZOS), began))
        if not over and page.evaluate("document.querySelector('.lp').dataset.state === 'done'"):
            over = time.monotonic()
        time.sleep(max(0.0, FRAME_S - (time.monotonic() - began)))
    times = [began for _, began in frames]
    lengths = [round((later - began) * 1e3) for began, later in pairwise(times)] + [round(LAST_S * 1e3)]
    path = ASSETS / "run.webp"
    first, *others = [image for image, _ in frames]
    first.save(path, save_all=True, append_images=others, duration=lengths, loop=0, quality=60, method=4)
    page.context.close()
    _say(f"assets/run.webp: {len(frames)} frames, {path.stat().st_size / 1e6:.1f} MB")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
