"""A download as a visitor sees it: size, progress and speed in the card, Stop that ends it, and then the model's answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from playground.spec.names import EMBEDDED_MODEL
from tests.browser.conftest import serving
from tests.browser.page_object import Playground
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
def page(hub: Hub, context: BrowserContext, tmp_path: Path) -> Iterator[Playground]:
    """A page whose models come from that Hub; the presets' own name stands for one of them."""
    models = json.dumps({EMBEDDED_MODEL: "me/larger", "gated": "me/gated"})
    with serving(**hub.environment(tmp_path / "home"), PLAYGROUND_MODELS=models, PLAYGROUND_CACHE_DIR=str(tmp_path / "cache")) as url:
        context.set_default_timeout(90_000)
        page = Playground.with_lanes(context, url, ["bf16", "int8"], max_new_tokens=4)
        expect(page.tab.locator("#device")).to_contain_text("torch")
        yield page


def card(page: Playground, lane: int = 1) -> str:
    return page.tab.locator(".lp-card .lp-words").nth(lane - 1).inner_text()


def test_a_card_shows_the_download_and_stop_ends_it(page: Playground, hub: Hub, artifacts: Path) -> None:
    page.run()
    pattern = re.compile(r"^downloading, [1-4]\.\d\d of 4\.90 MB, \d+ kB/s$")
    expect(page.tab.locator(".lp-card .lp-words").first).to_have_text(pattern)
    expect(page.tab.locator(".lp-runner .lp-where").first).to_have_text(re.compile(r"^\d\d %$"))
    page.tab.screenshot(path=artifacts / "downloading.png")
    page.stop()
    assert card(page) == "stopped while downloading"
    hub.repositories["me/larger"].bytes_per_s = None
    page.run()
    page.wait_done()
    assert card(page).startswith("done, 4 tokens in ")
    expect(page.tab.locator(".lp-pool-words")).to_have_text(re.compile(r"^2 variants resident, .* MB of .* GB$"))


def test_a_gated_model_says_how_to_get_access(page: Playground, hub: Hub, artifacts: Path) -> None:
    page.set_lane(1, "gated:bf16")
    page.run()
    page.expect_status("^Done, 1 of 2 lanes failed$")
    access = f"accept its licence at {hub.url}/me/gated, then log in with `hf auth login` or set HF_TOKEN on the server"
    assert card(page) == f"failed: model 'me/gated' is gated: {access}"
    page.tab.screenshot(path=artifacts / "gated.png")
