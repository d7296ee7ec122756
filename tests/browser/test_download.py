"""A download as a visitor sees it: size, progress and speed in the card, Stop that ends it, and then the model's answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from playground.spec.names import EMBEDDED_MODEL
from tests.browser.conftest import open_page, serving
from tests.browser.test_page import run, wait_words
from tests.hub import Hub, Repository, serving_hub
from tests.tiny_models import random_llama

pytestmark = pytest.mark.browser


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serving_hub() as hub:
        hub.repositories["me/larger"] = Repository(random_llama(tmp_path / "larger", hidden=256, layers=4), bytes_per_s=400_000)
        hub.repositories["me/gated"] = Repository(tmp_path / "larger", gated=True)
        yield hub


@pytest.fixture
def page(hub: Hub, context: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """A page whose models come from that Hub; the presets' own name stands for one of them."""
    models = json.dumps({EMBEDDED_MODEL: "me/larger", "gated": "me/gated"})
    with serving(**hub.environment(tmp_path / "home"), PLAYGROUND_MODELS=models, PLAYGROUND_CACHE_DIR=str(tmp_path / "cache")) as url:
        context.set_default_timeout(90_000)
        page = open_page(context, url)
        expect(page.locator("#device")).to_contain_text("torch")
        yield page


def card(page: Page, lane: int = 1) -> str:
    return page.locator(".lp-card .lp-words").nth(lane - 1).inner_text()


def test_a_card_shows_the_download_and_stop_ends_it(page: Page, hub: Hub, artifacts: Path) -> None:
    run(page, 4)
    pattern = re.compile(r"^downloading, [1-4]\.\d\d of 4\.90 MB, \d+ kB/s$")
    expect(page.locator(".lp-card .lp-words").first).to_have_text(pattern)
    expect(page.locator(".lp-runner .lp-where").first).to_have_text(re.compile(r"^\d\d %$"))
    page.screenshot(path=artifacts / "downloading.png")
    page.click("#stop")
    wait_words(page, "^Stopped")
    assert card(page) == "stopped while downloading"
    hub.repositories["me/larger"].bytes_per_s = None
    page.click("#run")
    wait_words(page, "^Done$")
    assert card(page).startswith("done, 4 tokens in ")
    expect(page.locator(".lp-pool-words")).to_have_text(re.compile(r"^2 variants resident, .* MB of .* GB$"))


def test_a_gated_model_says_how_to_get_access(page: Page, hub: Hub, artifacts: Path) -> None:
    page.locator("#lane-1 textarea, #lane-1 input").first.fill("gated:bf16")
    page.locator("#lane-1 textarea, #lane-1 input").first.blur()
    run(page, 4)
    wait_words(page, "^Done, 1 of 2 lanes failed$")
    access = f"accept its licence at {hub.url}/me/gated, then log in with `hf auth login` or set HF_TOKEN on the server"
    assert card(page) == f"failed: model 'me/gated' is gated: {access}"
    page.screenshot(path=artifacts / "gated.png")
