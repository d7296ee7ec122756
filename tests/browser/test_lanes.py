"""Lanes, edited by fields, text and keyboard; settings; the stage; a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import open_page
from tests.browser.test_page import keep_lanes, run, set_lane, set_tokens, wait_words

pytestmark = pytest.mark.browser

QUICKSTART = ["bf16", "int8", "nf4", "bf16/top_p(p=0.9)"]


def text(page: Page, number: int) -> Locator:
    return page.locator(f"#lane-{number} input[data-testid=textbox]")


def expect_lanes(page: Page, lanes: list[str]) -> None:
    expect(page.locator(".lane-edit:visible")).to_have_count(len(lanes))
    for number, lane in enumerate(lanes, start=1):
        expect(text(page, number)).to_have_value(lane)


def open_lanes(page: Page) -> None:
    page.click("#lanes-toggle button")
    expect(page.locator("#lanes-toggle button")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#lane-1 select[name=precision]")).to_be_visible()


def field(page: Page, number: int, name: str) -> Locator:
    return page.locator(f"#lane-{number} .lane-field [name={name}]")


def test_fields_are_folded_until_wanted(visit: Page) -> None:
    assert visit.locator(".lane-field").count() == 0
    open_lanes(visit)
    visit.click("#lanes-toggle button")
    expect(field(visit, 1, "precision")).to_be_hidden()


def test_a_field_rewrites_the_text(visit: Page) -> None:
    open_lanes(visit)
    field(visit, 1, "precision").select_option("nf4")
    expect_lanes(visit, ["nf4", *QUICKSTART[1:]])
    field(visit, 1, "double_quant").select_option("true")
    field(visit, 1, "batch").select_option("4")
    field(visit, 4, "decoding").select_option("beam")
    field(visit, 4, "num_beams").fill("3")
    field(visit, 4, "num_beams").blur()
    expect_lanes(visit, ["nf4[double_quant=true]@4", "int8", "nf4", "bf16/beam(num_beams=3)"])


def test_edits_in_quick_succession_are_all_kept(visit: Page) -> None:
    open_lanes(visit)
    visit.evaluate(
        """() => {
          const set = (row, name, value) => {
            const box = document.querySelector(`#lane-${row} .lane-field [name=${name}]`);
            box.value = value;
            box.dispatchEvent(new Event('change', { bubbles: true }));
          };
          set(1, 'precision', 'nf4');
          set(2, 'batch', '2');
          document.querySelector('#lane-2 .lane-up').click();
          set(4, 'decoding', 'min_p');
        }"""
    )
    expect_lanes(visit, ["int8@2", "nf4", "nf4", "bf16/min_p(p=0.05)"])
    visit.wait_for_function("decodeURIComponent(location.search).includes('min_p')")
    assert "int8@2" in visit.evaluate("decodeURIComponent(location.search)")


def test_a_text_rewrites_the_fields(visit: Page) -> None:
    open_lanes(visit)
    set_lane(visit, 2, " nf4 [ double_quant = yes ] / top_k ( k = 5 ) @ 2 ")
    expect(text(visit, 2)).to_have_value("nf4[double_quant=true]/top_k(k=5)@2")
    for name, value in {"precision": "nf4", "double_quant": "true", "decoding": "top_k", "k": "5", "batch": "2"}.items():
        expect(field(visit, 2, name)).to_have_value(value)


def test_a_text_that_is_no_lane_leaves_the_fields_and_says_why(visit: Page) -> None:
    open_lanes(visit)
    set_lane(visit, 2, "int9")
    expect(visit.locator("#problem")).to_contain_text("Lane 2: unknown precision 'int9' (allowed: fp32, bf16")
    expect(field(visit, 2, "precision")).to_have_value("int8")
    set_lane(visit, 2, "int8@2")
    expect(visit.locator("#problem")).not_to_contain_text("Lane 2:")
    expect(field(visit, 2, "batch")).to_have_value("2")


def test_a_bad_value_in_a_field_says_why(visit: Page) -> None:
    open_lanes(visit)
    field(visit, 4, "p").fill("2")
    field(visit, 4, "p").blur()
    expect(visit.locator("#problem")).to_contain_text("Lane 4: decoding.p: input should be less than or equal to 1")
    expect(field(visit, 4, "p")).to_have_value("2")


def test_unknown_names_are_kept_and_said(visit: Page) -> None:
    open_lanes(visit)
    set_lane(visit, 1, "elsewhere:bf16+faq")
    expect(visit.locator("#problem")).to_contain_text("Lane 1: model 'elsewhere' is not known")
    expect(text(visit, 1)).to_have_value("elsewhere:bf16+faq")
    expect(field(visit, 1, "model").locator("option:checked")).to_have_text("elsewhere: not known here")


def test_what_cannot_be_chosen_is_disabled_with_the_reason(visit: Page) -> None:
    open_lanes(visit)
    expect(field(visit, 1, "double_quant")).to_be_disabled()
    assert field(visit, 1, "double_quant").locator("..").get_attribute("title") == "double_quant is an option of nf4 and fp4, not of bf16"
    expect(field(visit, 1, "k")).to_be_disabled()
    none = field(visit, 1, "adapter").locator("option:disabled")
    expect(none).to_have_text("faq|none by row: needs a batch of 2 rows or more")
    visit.locator("#prompt textarea").fill("a\n---\nb")
    visit.locator("#prompt textarea").blur()
    expect(field(visit, 1, "batch").locator("option:disabled")).to_have_text("1: fewer than the 2 prompts, and no other lane asks them all")


def paste(page: Page, number: int, lanes: str) -> None:
    text(page, number).select_text()
    page.evaluate(
        """([number, lanes]) => {
          const data = new DataTransfer();
          data.setData('text', lanes);
          const box = document.querySelector(`#lane-${number} input`);
          const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
          if (box.dispatchEvent(event)) document.execCommand('insertText', false, lanes);
          box.blur();
        }""",
        [number, lanes],
    )


@pytest.mark.parametrize("lanes", ["fp32\nfp16\r\nint8@2\n", "fp32 fp16 int8@2", "fp32; fp16; int8@2"])
def test_several_lanes_that_are_pasted_fill_the_rows_below(visit: Page, lanes: str) -> None:
    paste(visit, 3, lanes)
    expect_lanes(visit, ["bf16", "int8", "fp32", "fp16", "int8@2"])


def test_more_lanes_than_fit_are_said(visit: Page) -> None:
    paste(visit, 2, "\n".join(["bf16"] * 10))
    expect_lanes(visit, ["bf16"] * 9)
    expect(visit.locator("#problem")).to_have_text("9 lanes fit here; left out: bf16, bf16")


def test_lanes_are_doubled_moved_compared_with_and_removed(visit: Page) -> None:
    open_lanes(visit)
    visit.click("#lane-2 .lane-duplicate")
    expect_lanes(visit, ["bf16", "int8", "int8", "nf4", "bf16/top_p(p=0.9)"])
    visit.click("#lane-4 .lane-baseline")
    expect(visit.locator("#lane-4 .lane-baseline")).to_have_attribute("aria-pressed", "true")
    visit.click("#lane-4 .lane-up")
    expect_lanes(visit, ["bf16", "int8", "nf4", "int8", "bf16/top_p(p=0.9)"])
    expect(visit.locator("#lane-3 .lane-baseline")).to_have_attribute("aria-pressed", "true")
    expect(visit.locator("#lane-4 .lane-baseline")).to_have_attribute("aria-pressed", "false")
    visit.click("#lane-1 .lane-remove")
    expect_lanes(visit, ["int8", "nf4", "int8", "bf16/top_p(p=0.9)"])
    visit.click("#lanes-toggle button")
    expect(visit.locator(".lane-mark:visible", has_text="baseline")).to_have_count(1)
    expect(visit.locator("#lane-2 .lane-mark")).to_have_text("baseline")


def test_the_run_compares_with_the_chosen_lane(visit: Page) -> None:
    keep_lanes(visit, 2)
    open_lanes(visit)
    visit.click("#lane-2 .lane-baseline")
    expect(visit.locator("#lane-2 .lane-baseline")).to_have_attribute("aria-pressed", "true")
    run(visit, 4)
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp-card").nth(1).locator(".lp-tag")).to_have_text("baseline")


def test_before_the_first_run_the_cards_follow_and_after_it_they_are_old(visit: Page) -> None:
    open_lanes(visit)
    visit.click("#lane-2 .lane-remove")
    expect(visit.locator(".lp-label")).to_have_text(["bf16", "nf4", "top_p(p=0.9)"])
    expect(visit.locator(".lp")).not_to_have_attribute("data-stale", "")
    run(visit, 3)
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp")).not_to_have_attribute("data-stale", "")
    open_lanes(visit)
    visit.click("#lane-1 .lane-duplicate")
    expect(visit.locator(".lp")).to_have_attribute("data-stale", "")
    expect(visit.locator(".lp-label")).to_have_count(2)
    run(visit, 3, lanes=3)
    expect(visit.locator(".lp")).not_to_have_attribute("data-stale", "")
    wait_words(visit, "^Done$")
    set_tokens(visit, 5)
    expect(visit.locator(".lp")).to_have_attribute("data-stale", "")


def test_rows_are_folded_and_locked_while_a_run_is_on(visit: Page) -> None:
    open_lanes(visit)
    run(visit, 300)
    wait_words(visit, "Running")
    expect(field(visit, 1, "precision")).to_be_hidden()
    expect(visit.locator("#lanes-toggle button")).to_be_disabled()
    visit.click("#stop")
    expect(visit.locator("#lanes-toggle button")).to_be_enabled()
    expect(field(visit, 1, "precision")).to_be_hidden()


def test_a_row_without_a_mouse(visit: Page) -> None:
    visit.locator("#lanes-toggle button").focus()
    visit.keyboard.press("Enter")
    field(visit, 2, "precision").focus()
    visit.keyboard.press("n")  # to nf4, as in every list
    expect(text(visit, 2)).to_have_value("nf4")
    expect(field(visit, 2, "precision")).to_be_focused()
    visit.keyboard.press("Tab")
    expect(field(visit, 2, "double_quant")).to_be_focused()
    visit.locator("#lane-3 .lane-up").focus()
    visit.keyboard.press("Enter")
    expect(visit.locator("#lane-2 .lane-up")).to_be_focused()
    visit.keyboard.press("Space")
    expect_lanes(visit, ["nf4", "bf16", "nf4", "bf16/top_p(p=0.9)"])
    expect(visit.locator("#lane-1 .lane-tool:focus")).to_have_count(1)
    text(visit, 1).fill("fp32")
    visit.keyboard.press("Enter")
    expect(field(visit, 1, "precision")).to_have_value("fp32")


def test_run_takes_what_was_typed_a_moment_before(visit: Page) -> None:
    keep_lanes(visit, 2)
    set_tokens(visit, 3)
    text(visit, 2).fill("fp16 fp32")
    visit.click("#run")
    wait_words(visit, "^Done$")
    expect(visit.locator(".lp-label")).to_have_text(["bf16", "fp16", "fp32"])


def test_the_settings_stand_in_one_line(visit: Page) -> None:
    expect(visit.locator("#summary")).to_have_text("interleaved · fixed length · 1 warm-up · 1 repeat · seed 7 · all threads")
    expect(visit.locator("#repeats")).to_be_hidden()
    expect(visit.locator("#max-new-tokens input")).to_be_visible()
    visit.click("#settings-toggle button")
    visit.locator("#repeats input").fill("3")
    expect(visit.locator("#summary")).to_contain_text("1 warm-up · 3 repeats · seed 7")
    visit.locator("#seed input").fill("")
    expect(visit.locator("#summary")).to_contain_text("seed –")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Repeats: must be a whole number, not nothing"),
        ("1000", "Repeats: 1,000 is not allowed; allowed: 1 to 100"),
        ("2.5", "Repeats: must be a whole number, not 2.5"),
    ],
)
def test_a_hidden_setting_that_is_wrong_comes_into_view(visit: Page, typed: str, sentence: str) -> None:
    visit.click("#settings-toggle button")
    visit.locator("#repeats input").fill(typed)
    visit.click("#settings-toggle button")
    expect(visit.locator("#repeats")).to_be_hidden()
    visit.click("#run")
    expect(visit.locator("#problem")).to_contain_text(sentence)
    expect(visit.locator("#repeats input")).to_be_focused()


def test_the_stage_has_run_stop_and_a_way_back(context: BrowserContext, url: str) -> None:
    page = open_page(context, f"{url}/?view=stage")
    expect(page.locator("body")).to_have_class(re.compile(r"\blp-stage\b"))
    for hidden in ("#prompt", "#lanes", "#how", "#summary"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator(".lp-figure").first.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") >= 26.6, "20 pt"
    page.click("#run")
    wait_words(page, "Running")
    page.click("#stop")
    wait_words(page, "^Stopped")
    page.get_by_role("button", name="Leave stage").click()
    expect(page.locator("#prompt")).to_be_visible()
    assert "view=" not in page.url


def test_on_a_phone_figures_come_first_and_fingers_find_their_place(browser: Browser, url: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = open_page(context, url)
        assert place(page, ".lp-cards")["y"] < place(page, "#what")["y"]
        run_button = place(page, "#run")
        assert run_button["y"] + run_button["height"] <= 844
        open_lanes(page)
        page.click("#settings-toggle button")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        small = page.evaluate(
            """() => [...document.querySelectorAll('#what, #how, #lanes, #said, #tools')]
              .flatMap((part) => [...part.querySelectorAll('button, select, .lane-edit input, input[type=number], textarea')])
              .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44)
              .map((one) => one.id || one.name || one.className || one.textContent)"""
        )
        assert small == []
    finally:
        context.close()


def place(page: Page, selector: str) -> dict[str, float]:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nine_open_lanes_fit_across(browser: Browser, url: str, artifacts: Path, theme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 780})
    try:
        page = open_page(context, f"{url}/?__theme={theme}")
        paste(page, 1, "fp32 bf16 int8 nf4[double_quant=true] fp4 bf16/top_p(p=0.9) bf16/beam(num_beams=4) bf16@4 nf4@4")
        expect(page.locator(".lane-edit:visible")).to_have_count(9)
        open_lanes(page)
        page.screenshot(path=artifacts / f"lanes-{theme}-1440.png")
        heights = [place(page, f"#lane-{number}")["height"] for number in range(1, 10)]
        assert max(heights) <= 60, "one line a lane"
        for width in (1024, 390):
            page.set_viewport_size({"width": width, "height": 844})
            page.screenshot(path=artifacts / f"lanes-{theme}-{width}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()
