"""A recording from a file against the page's run, as a visitor sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.page_object import Playground

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>"


def give(page: Playground, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    page.tab.locator("#compare input[type=file]").set_input_files(path)


def test_the_run_is_compared_with_a_recording_and_a_bad_file_loses_nothing(page: Playground, tmp_path: Path, artifacts: Path) -> None:
    problem, found = page.problem, page.tab.locator(".lp-compare-found")
    give(page, tmp_path / "early.json", "{}")
    expect(problem).to_have_text("There is no finished run of this page to compare with; press Run first")
    page.run_to_end(6)
    recorded = json.loads(page.download("#download")[1])
    give(page, tmp_path / "same.json", json.dumps(recorded))
    expect(found).to_contain_text("The fingerprints are equal")
    expect(found).to_contain_text("same.json, run ")
    assert found.locator("tbody td").all_inner_texts()[:3] == ["55.0 ms", "55.0 ms", "1.00×"]
    expect(problem).not_to_contain_text("press Run first")

    recorded["environment"]["git_commit"] = HOSTILE
    recorded["id"] = HOSTILE
    give(page, tmp_path / "other.json", json.dumps(recorded))
    expect(found).to_contain_text("the second does not say: git commit")
    expect(found).to_contain_text(f"other.json, run {HOSTILE} of ")
    page.expect_not_hacked()
    assert page.violations() == []
    page.tab.locator("#compare").screenshot(path=artifacts / "compare.png")

    give(page, tmp_path / "cut.json", json.dumps(recorded)[:-9])
    expect(problem).to_have_text("'cut.json' ends in the middle: it was not written or copied whole; allowed: a whole recording")
    give(page, tmp_path / "newer.json", json.dumps(recorded | {"schema": 99}))
    expect(problem).to_contain_text("'newer.json' has schema 99, which is newer than this playground")
    expect(found).to_contain_text("other.json, run ")
    expect(page.tab.locator(".lp-compare-pick")).to_be_enabled()
    page.wait_done()

    page.run()
    expect(found).to_be_hidden()
    page.wait_done()
