"""The run in the address: shared, restored, refused; and what strangers write in it stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext, serving
from tests.browser.page_object import PAYLOAD, QUICKSTART, Playground, link

pytestmark = pytest.mark.browser

TWO_PROMPTS = "What is ½ of “one”?\n---\nAnd & why #2 + 100%?"


def test_a_link_brings_back_the_run(page: Playground, new_context: NewContext) -> None:
    page.open_lanes()
    page.tab.click("#lane-4 .lane-remove")
    page.expect_lanes(["bf16", "int8", "nf4"])
    page.set_lane(2, "int8@2")
    page.tab.click("#lane-3 .lane-baseline")
    expect(page.tab.locator("#lane-3 .lane-baseline")).to_have_attribute("aria-pressed", "true")
    page.prompt.fill(TWO_PROMPTS)
    page.set_tokens(9)
    page.tab.click("#settings-toggle button")
    page.tab.locator("#seed input").fill("11")
    system = page.tab.locator("#system textarea, #system input").first
    system.fill("Be brief.")
    system.blur()
    page.field(1, "batch").select_option("2")
    page.field(3, "batch").select_option("2")
    page.tab.wait_for_function("/nf4@2.*seed.*11/.test(decodeURIComponent(location.search))")
    other = Playground.open(new_context(), page.tab.url)
    other.expect_lanes(["bf16@2", "int8@2", "nf4@2"])
    expect(other.prompt).to_have_value(TWO_PROMPTS)
    expect(other.tokens).to_have_value("9")
    expect(other.summary).to_contain_text("seed 11")
    expect(other.summary).to_contain_text("system prompt")
    expect(other.tab.locator("#lane-3 .lane-mark")).to_have_text("baseline")
    expect(other.labels).to_have_text(["bf16", "int8", "nf4@2"])
    assert other.linked() == page.linked()
    other.run_to_end()


def test_only_what_differs_stands_in_the_address(page: Playground) -> None:
    page.set_tokens(9)
    page.tab.wait_for_function("location.search.includes('run=')")
    assert page.linked() == {"v": 1, "preset": "quickstart", "max_new_tokens": 9}
    page.set_tokens(64)
    page.tab.wait_for_function("location.search === '?preset=quickstart'")


def test_a_preset_is_shared_by_its_name(tab: Playground, url: str) -> None:
    page = tab.go(f"{url}/?preset=batch&other=1")
    page.expect_lanes(["bf16", "bf16@2", "bf16@4", "bf16@8"])
    expect(page.tab.locator("#lesson")).to_contain_text("one, two, four and eight answers")
    expect(page.tab.locator("#preset input")).to_have_value("Batch ladder")
    assert sorted(urlsplit(page.tab.url).query.split("&")) == ["other=1", "preset=batch"]


def test_the_other_parts_of_the_address_are_kept(tab: Playground, url: str) -> None:
    page = tab.go(f"{url}/?__theme=dark&view=stage&mine=a%20b#here")
    page.tab.get_by_role("button", name="Leave stage").click()
    page.set_tokens(5)
    page.tab.wait_for_function("location.search.includes('run=')")
    assert page.tab.url.endswith("#here")
    assert set(parse_qs(urlsplit(page.tab.url).query)) == {"__theme", "mine", "run"}
    assert "mine=a%20b" in page.tab.url


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?run=%7Bnot", "This link is damaged"),
        ("?preset=gone", "This link names the preset 'gone', which is not here"),
        (link(v=99), "This link is of version 99, and this page reads version 1"),
        ("?run=" + quote("[" * 4000), "This link is damaged"),
        (link(lanes=["int9"]), "This link does not fit this page: Lane 1: unknown precision 'int9'"),
    ],
)
def test_a_bad_link_costs_one_sentence(tab: Playground, url: str, query: str, sentence: str) -> None:
    address = f"{url}/{query}"
    page = tab.go(address)
    expect(page.problem).to_contain_text(sentence)
    page.expect_lanes(QUICKSTART)
    assert page.tab.url == address, "the link is not lost"
    expect(page.run_button).to_be_enabled()
    if "int9" in query:
        page.run_to_end(3)


def test_share_copies_the_address(new_context: NewContext, url: str) -> None:
    page = Playground.open(new_context(permissions=["clipboard-read", "clipboard-write"]), url)
    page.tab.click("#lane-4 .lane-remove")
    page.expect_lanes(QUICKSTART[:3])
    page.tab.click(".lp-share")
    expect(page.tab.locator(".lp-said")).to_have_text("Link copied")
    assert page.copied() == page.tab.url
    assert page.linked()["lanes"] == QUICKSTART[:3]


def test_share_works_where_there_is_no_clipboard_and_what_cannot_be_shared_says_why(page: Playground) -> None:
    answer = page.tab.locator(".lp-said")
    page.tab.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.tab.click(".lp-share")
    expect(answer).to_have_text(re.compile("^(Link copied|Copy the link from the address bar)$"))
    assert page.tab.url.endswith("?preset=quickstart")
    page.prompt.fill("é" * 3000)
    page.tab.click(".lp-share")
    expect(answer).to_contain_text("does not fit in a link")
    page.set_lane(1, "int9")
    page.prompt.fill("Why?")
    page.tab.click(".lp-share")
    expect(answer).to_contain_text("No link: Lane 1: unknown precision")


def test_the_theme_is_kept_in_the_address(page: Playground, new_context: NewContext) -> None:
    page.tab.get_by_role("button", name="Dark theme").click()
    assert page.tab.evaluate("document.body.classList.contains('dark')")
    assert "__theme=dark" in page.tab.url
    other = Playground.open(new_context(), page.tab.url)
    assert other.tab.evaluate("document.body.classList.contains('dark')")
    other.tab.get_by_role("button", name="Light theme").click()
    assert "__theme=light" in other.tab.url
    assert "__theme=dark" not in other.tab.url


def test_markup_in_a_link_stays_text(tab: Playground, url: str) -> None:
    page = tab.go_with_lanes(url, ["bf16", "nf4"], prompt=PAYLOAD, system=PAYLOAD)
    expect(page.prompt).to_have_value(PAYLOAD)
    page.run_to_end(3)
    page.expect_not_hacked()
    page.go(f"{url}/?preset={quote(PAYLOAD)}")
    expect(page.problem).to_contain_text("<img src=x")
    assert page.tab.locator("#problem img").count() == 0
    page.expect_not_hacked()
    for query in (link(lanes=[PAYLOAD]), link(lanes=["bf16+<b>"]), link(model=PAYLOAD), link(**{PAYLOAD: 1}), "?run=" + quote(PAYLOAD)):
        page.go(f"{url}/{query}")
        expect(page.problem).to_contain_text("This link")
        page.expect_not_hacked()


def test_markup_in_the_system_prompt_and_the_fields_stays_text(pair: Playground) -> None:
    pair.tab.click("#settings-toggle button")
    pair.tab.locator("#system textarea, #system input").first.fill(PAYLOAD)
    pair.open_lanes()
    pair.set_lane(2, "bf16/top_k")
    pair.set_option(2, "k", PAYLOAD[:60])
    expect(pair.problem).to_contain_text("Lane 2:")
    pair.set_lane(2, "bf16/top_k(k=5)")
    pair.run_to_end(3)
    pair.expect_not_hacked()


def test_markup_in_a_preset_stays_text(tab: Playground, tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    hostile = {"title": PAYLOAD, "lesson": PAYLOAD, "lanes": ["bf16", "nf4"], "prompts": [PAYLOAD], "system": PAYLOAD}
    (tmp_path / "presets" / "a.yaml").write_text(json.dumps({"order": 1} | hostile))
    (tmp_path / "presets" / "b.yaml").write_text(json.dumps({"order": 2} | hostile | {"name": "<b>" + PAYLOAD}))
    variables = {"PRESETS_DIR": str(tmp_path / "presets"), "ENGINE": "scripted", "CACHE_DIR": str(tmp_path / "cache")}
    with serving(**{f"PLAYGROUND_{name}": value for name, value in variables.items()}) as url:
        page = tab.go(url)
        expect(page.tab.locator("#lesson")).to_have_text(PAYLOAD)
        page.tab.click("#preset input")
        page.tab.get_by_role("option").nth(1).click()
        page.tab.wait_for_function("location.search.startsWith('?preset=')")
        page.expect_not_hacked()
        page.go(page.tab.url)
        expect(page.tab.locator("#lesson")).to_have_text(PAYLOAD)
        page.run_to_end(3)
        page.expect_not_hacked()
        page.tab.goto("about:blank")
