"""Lanes, edited by fields, text and keyboard; settings; the stage; a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewContext
from tests.browser.page_object import LONG, QUICKSTART, Playground

pytestmark = pytest.mark.browser


def expect_baseline(page: Playground, number: int, chosen: bool = True) -> None:
    button = page.tab.locator(f"#lane-{number} .lane-baseline")
    expect(button).to_have_attribute("aria-pressed", "true" if chosen else "false")


def test_a_field_rewrites_the_text(page: Playground) -> None:
    assert page.tab.locator(".lane-field").count() == 0, "fields are folded until wanted"
    page.open_lanes()
    page.field(1, "precision").select_option("nf4")
    page.expect_lanes(["nf4", *QUICKSTART[1:]])
    page.option(1, "double_quant").select_option("true")
    page.field(1, "batch").select_option("4")
    page.field(4, "decoding").select_option("beam")
    page.set_option(4, "num_beams", "3")
    page.expect_lanes(["nf4[double_quant=true]@4", "int8", "nf4", "bf16/beam(num_beams=3)"])
    page.tab.click("#lanes-toggle button")
    expect(page.field(1, "precision")).to_be_hidden()


def test_edits_in_quick_succession_are_all_kept(page: Playground) -> None:
    page.open_lanes()
    page.tab.evaluate(
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
    page.expect_lanes(["int8@2", "nf4", "nf4", "bf16/min_p(p=0.05)"])
    page.tab.wait_for_function("decodeURIComponent(location.search).includes('min_p')")
    assert "int8@2" in page.tab.evaluate("decodeURIComponent(location.search)")


def test_a_text_rewrites_the_fields_and_one_that_is_no_lane_leaves_them_and_says_why(page: Playground) -> None:
    page.open_lanes()
    page.set_lane(2, "int9")
    expect(page.problem).to_contain_text("Lane 2: unknown precision 'int9' (allowed: fp32, bf16")
    expect(page.field(2, "precision")).to_have_value("int8")
    page.set_lane(2, " nf4 [ double_quant = yes ] / top_k ( k = 5 ) @ 2 ")
    expect(page.lane(2)).to_have_value("nf4[double_quant=true]/top_k(k=5)@2")
    expect(page.problem).not_to_contain_text("Lane 2:")
    for name, value in {"precision": "nf4", "double_quant": "true", "decoding": "top_k", "k": "5", "batch": "2"}.items():
        expect(page.field(2, name)).to_have_value(value)


def test_a_bad_value_in_a_field_says_why(page: Playground) -> None:
    page.open_lanes()
    page.set_option(4, "p", "2")
    expect(page.problem).to_contain_text("Lane 4: p: input should be less than or equal to 1, not '2'")
    expect(page.field(4, "p")).to_have_value("2")


def test_unknown_names_are_kept_and_what_cannot_be_chosen_is_disabled_with_the_reason(page: Playground) -> None:
    page.open_lanes()
    expect(page.options(1)).to_contain_text("double_quant and compute are options of nf4 and fp4, not of bf16")
    expect(page.options(1)).to_contain_text("k is a parameter of top_k, not of greedy")
    expect(page.option(1, "double_quant")).to_have_count(0)
    expect(page.option(1, "device").locator("option:disabled")).to_have_text("cuda:0: not known yet")
    page.tab.keyboard.press("Escape")
    none = page.field(1, "adapter").locator("option:disabled")
    expect(none).to_have_text("faq|none by row: needs a batch of 2 rows or more")
    page.prompt.fill("a\n---\nb")
    page.prompt.blur()
    one_row = page.field(1, "batch").locator("option:disabled")
    expect(one_row).to_have_text("1: fewer than the 2 prompts, and no other lane asks them all")
    page.set_lane(1, "elsewhere:bf16+faq")
    expect(page.problem).to_contain_text("Lane 1: model 'elsewhere' is not known")
    expect(page.lane(1)).to_have_value("elsewhere:bf16+faq")
    expect(page.field(1, "model").locator("option:checked")).to_have_text("elsewhere: not known here")


def test_several_lanes_that_are_pasted_fill_the_rows_below_and_what_does_not_fit_is_named(page: Playground) -> None:
    for first, lanes in (("fp32", "fp32\nfp16\r\nint8@2\n"), ("nf4", "nf4 fp16 int8@2"), ("fp4", "fp4; fp16; int8@2")):
        page.paste_lanes(3, lanes)
        page.expect_lanes(["bf16", "int8", first, "fp16", "int8@2"])
    page.paste_lanes(2, "\n".join(["bf16"] * 10))
    page.expect_lanes(["bf16"] * 9)
    expect(page.problem).to_have_text("9 lanes fit here; left out: bf16, bf16")


def test_lanes_are_doubled_moved_compared_with_and_removed(page: Playground) -> None:
    page.open_lanes()
    page.tab.click("#lane-2 .lane-duplicate")
    page.expect_lanes(["bf16", "int8", "int8", "nf4", "bf16/top_p(p=0.9)"])
    page.tab.click("#lane-4 .lane-baseline")
    expect_baseline(page, 4)
    page.tab.click("#lane-4 .lane-up")
    page.expect_lanes(["bf16", "int8", "nf4", "int8", "bf16/top_p(p=0.9)"])
    expect_baseline(page, 3)
    expect_baseline(page, 4, chosen=False)
    page.tab.click("#lane-1 .lane-remove")
    page.expect_lanes(["int8", "nf4", "int8", "bf16/top_p(p=0.9)"])
    page.tab.click("#lanes-toggle button")
    expect(page.tab.locator(".lane-mark:visible", has_text="baseline")).to_have_count(1)
    expect(page.tab.locator("#lane-2 .lane-mark")).to_have_text("baseline")
    page.run_to_end(4)
    expect(page.cards.nth(1).locator(".lp-tag")).to_have_text("baseline")


def test_before_the_first_run_the_cards_follow_and_after_it_they_are_old(page: Playground) -> None:
    view = page.tab.locator(".lp")
    page.open_lanes()
    page.tab.click("#lane-2 .lane-remove")
    expect(page.labels).to_have_text(["bf16", "nf4", "top_p(p=0.9)"])
    expect(view).not_to_have_attribute("data-stale", "")
    page.run_to_end(3)
    expect(view).not_to_have_attribute("data-stale", "")
    page.open_lanes()
    page.tab.click("#lane-1 .lane-duplicate")
    expect(view).to_have_attribute("data-stale", "")
    expect(page.labels).to_have_count(3)
    page.run()
    expect(view).not_to_have_attribute("data-stale", "")
    expect(page.labels).to_have_count(4)
    page.wait_done()
    page.set_tokens(5)
    expect(view).to_have_attribute("data-stale", "")


def test_rows_are_folded_and_locked_while_a_run_is_on(page: Playground) -> None:
    page.open_lanes()
    page.run(LONG)
    page.expect_status("Running")
    expect(page.field(1, "precision")).to_be_hidden()
    expect(page.tab.locator("#lanes-toggle button")).to_be_disabled()
    page.stop()
    expect(page.tab.locator("#lanes-toggle button")).to_be_enabled()
    expect(page.field(1, "precision")).to_be_hidden()


def test_a_row_without_a_mouse(page: Playground) -> None:
    press = page.tab.keyboard.press
    page.tab.locator("#lanes-toggle button").focus()
    press("Enter")
    page.field(2, "precision").focus()
    press("n")  # to nf4, as in every list
    expect(page.lane(2)).to_have_value("nf4")
    expect(page.field(2, "precision")).to_be_focused()
    press("Tab")
    expect(page.field(2, "adapter")).to_be_focused()
    button = page.tab.locator("#lane-2 .lane-options-button")
    button.focus()
    press("Enter")
    press("Tab")
    expect(page.field(2, "double_quant")).to_be_focused()
    press("y")  # yes
    expect(page.lane(2)).to_have_value("nf4[double_quant=true]")
    expect(page.field(2, "double_quant")).to_be_focused()
    press("Escape")
    expect(page.tab.locator("#lane-2 .lane-options")).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_text("double quant yes")
    page.tab.locator("#lane-3 .lane-up").focus()
    press("Enter")
    expect(page.tab.locator("#lane-2 .lane-up")).to_be_focused()
    press("Space")
    page.expect_lanes(["nf4", "bf16", "nf4[double_quant=true]", "bf16/top_p(p=0.9)"])
    expect(page.tab.locator("#lane-1 .lane-tool:focus")).to_have_count(1)
    page.lane(1).fill("fp32")
    press("Enter")
    expect(page.field(1, "precision")).to_have_value("fp32")


def test_escape_closes_the_options_and_stops_no_run(page: Playground) -> None:
    page.open_lanes()
    page.tab.evaluate(
        """() => {
          const stop = document.getElementById('stop');
          window.stops = 0;
          stop.disabled = false;
          stop.addEventListener('click', () => { window.stops += 1; });
        }"""
    )
    page.options(1)
    page.tab.keyboard.press("Escape")
    expect(page.tab.locator("#lane-1 .lane-options")).to_be_hidden()
    assert page.tab.evaluate("window.stops") == 0


def test_the_options_are_in_sight_whole(page: Playground) -> None:
    page.open_lanes()
    for width, height in ((1440, 780), (390, 844)):
        page.tab.set_viewport_size({"width": width, "height": height})
        for number in (1, 4):
            page.tab.locator(f"#lane-{number} .lane-options-button").scroll_into_view_if_needed()
            page.options(number)
            box = page.box(f"#lane-{number} .lane-options")
            assert min(box["x"], box["y"]) >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
            page.expect_fits_across(width)
            page.tab.keyboard.press("Escape")


def test_run_takes_what_was_typed_a_moment_before(pair: Playground) -> None:
    pair.lane(2).fill("fp16 fp32")
    pair.run_to_end()
    expect(pair.labels).to_have_text(["bf16", "fp16", "fp32"])


def test_the_settings_stand_in_one_line(page: Playground) -> None:
    expect(page.summary).to_have_text("interleaved · fixed length · 1 warm-up · 1 repeat · seed 7 · all threads")
    repeats = page.tab.locator("#repeats")
    expect(repeats).to_be_hidden()
    expect(page.tokens).to_be_visible()
    page.tab.click("#settings-toggle button")
    repeats.locator("input").fill("3")
    expect(page.summary).to_contain_text("1 warm-up · 3 repeats · seed 7")
    page.tab.locator("#seed input").fill("")
    expect(page.summary).to_contain_text("seed –")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Repeats: must be a whole number, not nothing"),
        ("1000", "Repeats: 1,000 is not allowed; allowed: 1 to 100"),
        ("2.5", "Repeats: must be a whole number, not 2.5"),
    ],
)
def test_a_hidden_setting_that_is_wrong_comes_into_view(page: Playground, typed: str, sentence: str) -> None:
    repeats = page.tab.locator("#repeats")
    page.tab.click("#settings-toggle button")
    repeats.locator("input").fill(typed)
    page.tab.click("#settings-toggle button")
    expect(repeats).to_be_hidden()
    page.run()
    expect(page.problem).to_contain_text(sentence)
    expect(repeats.locator("input")).to_be_focused()


def test_the_stage_has_run_stop_and_a_way_back(tab: Playground, url: str) -> None:
    page = tab.go(f"{url}/?view=stage")
    expect(page.tab.locator("body")).to_have_class(re.compile(r"\blp-stage\b"))
    for hidden in ("#prompt", "#lanes", "#how", "#summary"):
        expect(page.tab.locator(hidden)).to_be_hidden()
    figure = page.tab.locator(".lp-figure").first
    assert figure.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") >= 26.6, "20 pt"
    page.run()
    page.expect_status("Running")
    page.stop()
    page.tab.get_by_role("button", name="Leave stage").click()
    expect(page.tab.locator("#prompt")).to_be_visible()
    assert "view=" not in page.tab.url


def test_on_a_phone_figures_come_first_and_fingers_find_their_place(new_context: NewContext, url: str) -> None:
    page = Playground.open(new_context(viewport={"width": 390, "height": 844}, has_touch=True), url)
    assert page.box(".lp-cards")["y"] < page.box("#what")["y"]
    run_button = page.box("#run")
    assert run_button["y"] + run_button["height"] <= 844
    page.open_lanes()
    page.tab.click("#settings-toggle button")
    page.expect_fits_across(390)
    small = page.tab.evaluate(
        """() => [...document.querySelectorAll('#what, #how, #lanes, #said, #tools')]
          .flatMap((part) => [...part.querySelectorAll('button, select, .lane-edit input, input[type=number], textarea')])
          .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44)
          .map((one) => one.id || one.name || one.className || one.textContent)"""
    )
    assert small == []


def test_nine_open_lanes_fit_across_in_both_themes(new_context: NewContext, url: str, artifacts: Path) -> None:
    page = Playground.open(new_context(), f"{url}/?__theme=light")
    page.paste_lanes(1, "fp32 bf16 int8 nf4[double_quant=true] fp4 bf16/top_p(p=0.9) bf16/beam(num_beams=4) bf16@4 nf4@4")
    expect(page.lane_rows).to_have_count(9)
    page.open_lanes()
    heights = [page.box(f"#lane-{number}")["height"] for number in range(1, 10)]
    assert max(heights) <= 60, "one line a lane"
    for theme in ("light", "dark"):
        if theme == "dark":
            page.tab.get_by_role("button", name="Dark theme").click()
        for width, height in ((1440, 780), (1024, 844), (390, 844)):
            page.tab.set_viewport_size({"width": width, "height": height})
            page.tab.screenshot(path=artifacts / f"lanes-{theme}-{width}.png", full_page=width < 1440)
            page.expect_fits_across(width)
