"""The run in the address: shared, restored, refused; and what strangers write in it stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import open_page, serving
from tests.browser.test_lanes import expect_lanes, field, open_lanes
from tests.browser.test_page import PAYLOAD, keep_lanes, run, set_lane, set_tokens, wait_words

pytestmark = pytest.mark.browser


def linked(page: Page) -> dict[str, Any]:
    """The run that the address holds."""
    found: dict[str, Any] = json.loads(parse_qs(urlsplit(page.url).query)["run"][0])
    return found


def link(**fields: Any) -> str:
    return "/?run=" + quote(json.dumps({"v": 1, "preset": "quickstart"} | fields))


def test_a_link_brings_back_the_run(visit: Page, context: BrowserContext) -> None:
    open_lanes(visit)
    visit.click("#lane-4 .lane-remove")
    expect_lanes(visit, ["bf16", "int8", "nf4"])
    set_lane(visit, 2, "int8@2")
    visit.click("#lane-3 .lane-baseline")
    expect(visit.locator("#lane-3 .lane-baseline")).to_have_attribute("aria-pressed", "true")
    visit.locator("#prompt textarea").fill("What is ½ of “one”?\n---\nAnd & why #2 + 100%?")
    set_tokens(visit, 9)
    visit.click("#settings-toggle button")
    visit.locator("#seed input").fill("11")
    visit.locator("#system textarea, #system input").first.fill("Be brief.")
    visit.locator("#system textarea, #system input").first.blur()
    visit.locator("#lane-1 select[name=batch]").select_option("2")
    visit.locator("#lane-3 select[name=batch]").select_option("2")
    visit.wait_for_function("/nf4@2.*seed.*11/.test(decodeURIComponent(location.search))")
    page = open_page(context, visit.url)
    expect_lanes(page, ["bf16@2", "int8@2", "nf4@2"])
    expect(page.locator("#prompt textarea")).to_have_value("What is ½ of “one”?\n---\nAnd & why #2 + 100%?")
    expect(page.locator("#max-new-tokens input")).to_have_value("9")
    expect(page.locator("#summary")).to_contain_text("seed 11")
    expect(page.locator("#summary")).to_contain_text("system prompt")
    expect(page.locator("#lane-3 .lane-mark")).to_have_text("baseline")
    expect(page.locator(".lp-label")).to_have_text(["bf16", "int8", "nf4@2"])
    assert linked(page) == linked(visit)
    page.click("#run")
    wait_words(page, "^Done$")


def test_only_what_differs_stands_in_the_address(visit: Page) -> None:
    set_tokens(visit, 9)
    visit.wait_for_function("location.search.includes('run=')")
    assert linked(visit) == {"v": 1, "preset": "quickstart", "max_new_tokens": 9}
    set_tokens(visit, 64)
    visit.wait_for_function("location.search === '?preset=quickstart'")


def test_a_preset_is_shared_by_its_name(context: BrowserContext, url: str) -> None:
    page = open_page(context, f"{url}/?preset=batch&other=1")
    expect_lanes(page, ["bf16", "bf16@2", "bf16@4", "bf16@8"])
    expect(page.locator("#lesson")).to_contain_text("one, two, four and eight answers")
    expect(page.locator("#preset input")).to_have_value("Batch ladder")
    assert sorted(urlsplit(page.url).query.split("&")) == ["other=1", "preset=batch"]


def test_the_other_parts_of_the_address_are_kept(context: BrowserContext, url: str) -> None:
    page = open_page(context, f"{url}/?__theme=dark&view=stage&mine=a%20b#here")
    page.get_by_role("button", name="Leave stage").click()
    set_tokens(page, 5)
    page.wait_for_function("location.search.includes('run=')")
    assert page.url.endswith("#here")
    assert set(parse_qs(urlsplit(page.url).query)) == {"__theme", "mine", "run"}
    assert "mine=a%20b" in page.url


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("/?run=%7Bnot", "This link is damaged"),
        ("/?preset=gone", "This link names the preset 'gone', which is not here"),
        (link(v=99), "This link is of version 99, and this page reads version 1"),
        (link(lanes=["int9"]), "This link does not fit this page: Lane 1: unknown precision 'int9'"),
        ("/?run=" + quote("[" * 4000), "This link is damaged"),
    ],
)
def test_a_bad_link_costs_one_sentence(context: BrowserContext, url: str, query: str, sentence: str) -> None:
    page = open_page(context, url + query)
    expect(page.locator("#problem")).to_contain_text(sentence)
    expect_lanes(page, ["bf16", "int8", "nf4", "bf16/top_p(p=0.9)"])
    assert page.url == url + query, "the link is not lost"
    run(page, 3)
    wait_words(page, "^Done$")


def test_share_copies_the_address(browser: Browser, url: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    try:
        page = open_page(context, url)
        keep_lanes(page, 2)
        page.click(".lp-share")
        expect(page.locator(".lp-said")).to_have_text("Link copied")
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        assert linked(page)["lanes"] == ["bf16", "int8"]
    finally:
        context.close()


def test_share_works_where_there_is_no_clipboard(visit: Page) -> None:
    visit.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    visit.evaluate(
        "document.addEventListener('copy', () => { window.copied = document.getSelection().toString() || document.activeElement.value; })"
    )
    visit.click(".lp-share")
    expect(visit.locator(".lp-said")).to_have_text(re.compile("^(Link copied|Copy the link from the address bar)$"))
    assert visit.url.endswith("?preset=quickstart")


def test_what_cannot_be_shared_says_why(visit: Page) -> None:
    visit.locator("#prompt textarea").fill("é" * 3000)
    visit.click(".lp-share")
    expect(visit.locator(".lp-said")).to_contain_text("does not fit in a link")
    set_lane(visit, 1, "int9")
    visit.locator("#prompt textarea").fill("Why?")
    visit.click(".lp-share")
    expect(visit.locator(".lp-said")).to_contain_text("No link: Lane 1: unknown precision")


def test_the_theme_is_kept_in_the_address(visit: Page, context: BrowserContext) -> None:
    visit.get_by_role("button", name="Dark theme").click()
    assert visit.evaluate("document.body.classList.contains('dark')")
    assert "__theme=dark" in visit.url
    page = open_page(context, visit.url)
    assert page.evaluate("document.body.classList.contains('dark')")
    page.get_by_role("button", name="Light theme").click()
    assert "__theme=light" in page.url
    assert "__theme=dark" not in page.url


def test_markup_in_a_link_stays_text(context: BrowserContext, url: str) -> None:
    page = open_page(context, url + link(prompt=PAYLOAD, system=PAYLOAD, lanes=["bf16", "nf4"]))
    expect(page.locator("#prompt textarea")).to_have_value(PAYLOAD)
    run(page, 3)
    wait_words(page, "^Done$")
    bad = open_page(context, f"{url}/?preset={quote(PAYLOAD)}")
    expect(bad.locator("#problem")).to_contain_text("<img src=x")
    for query in (link(lanes=[PAYLOAD]), link(lanes=["bf16+<b>"]), link(model=PAYLOAD), link(**{PAYLOAD: 1}), "/?run=" + quote(PAYLOAD)):
        other = open_page(context, url + query)
        expect(other.locator("#problem")).to_contain_text("This link")
        assert other.evaluate("window.hacked") is None
        other.close()
    assert page.evaluate("window.hacked") is None
    assert bad.evaluate("window.hacked") is None
    assert bad.locator("#problem img").count() == 0


def test_markup_in_the_system_prompt_and_the_fields_stays_text(visit: Page) -> None:
    keep_lanes(visit, 2)
    visit.click("#settings-toggle button")
    visit.locator("#system textarea, #system input").first.fill(PAYLOAD)
    open_lanes(visit)
    set_lane(visit, 2, "bf16/top_k")
    field(visit, 2, "k").fill(PAYLOAD[:60])
    field(visit, 2, "k").blur()
    expect(visit.locator("#problem")).to_contain_text("Lane 2:")
    set_lane(visit, 2, "bf16/top_k(k=5)")
    run(visit, 3)
    wait_words(visit, "^Done$")
    assert visit.evaluate("window.hacked") is None


def test_markup_in_a_preset_stays_text(context: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    hostile = {"title": PAYLOAD, "lesson": PAYLOAD, "lanes": ["bf16", "nf4"], "prompts": [PAYLOAD], "system": PAYLOAD}
    (tmp_path / "presets" / "a.yaml").write_text(json.dumps({"order": 1} | hostile))
    (tmp_path / "presets" / "b.yaml").write_text(json.dumps({"order": 2} | hostile | {"name": "<b>" + PAYLOAD}))
    variables = {"PRESETS_DIR": str(tmp_path / "presets"), "ENGINE": "scripted", "CACHE_DIR": str(tmp_path / "cache")}
    with serving(**{f"PLAYGROUND_{name}": value for name, value in variables.items()}) as url:
        page = open_page(context, url)
        expect(page.locator("#lesson")).to_have_text(PAYLOAD)
        page.click("#preset input")
        page.get_by_role("option").nth(1).click()
        page.wait_for_function("location.search.startsWith('?preset=')")
        again = open_page(context, page.url)
        expect(again.locator("#lesson")).to_have_text(PAYLOAD)
        run(again, 3)
        wait_words(again, "^Done$")
        assert page.evaluate("window.hacked") is None
        assert again.evaluate("window.hacked") is None
        page.close()
        again.close()
