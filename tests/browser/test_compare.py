"""A recording from a file against the page's run, as a visitor sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_access import violations
from tests.browser.test_page import run, wait_words

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>"


def give(page: Page, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    page.locator("#compare input[type=file]").set_input_files(path)


def test_the_run_is_compared_with_a_recording_and_a_bad_file_loses_nothing(visit: Page, tmp_path: Path, artifacts: Path) -> None:
    problem, found = visit.locator("#problem"), visit.locator(".lp-compare-found")
    give(visit, tmp_path / "early.json", "{}")
    expect(problem).to_have_text("There is no finished run of this page to compare with; press Run first")
    run(visit, 6)
    wait_words(visit, "^Done")
    expect(visit.locator("#download")).to_be_enabled()
    with visit.expect_download() as download:
        visit.click("#download")
    recorded = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    give(visit, tmp_path / "same.json", json.dumps(recorded))
    expect(found).to_contain_text("The fingerprints are equal")
    expect(found).to_contain_text("same.json, run ")
    assert found.locator("tbody td").all_inner_texts()[:3] == ["55.0 ms", "55.0 ms", "1.00×"]
    expect(problem).not_to_contain_text("press Run first")

    recorded["environment"]["git_commit"] = HOSTILE
    recorded["lanes"][1]["label"] = HOSTILE
    give(visit, tmp_path / "other.json", json.dumps(recorded))
    expect(found).to_contain_text("the second does not say: git commit")
    expect(found.locator("tbody th").nth(1)).to_have_text(HOSTILE)
    assert visit.evaluate("window.hacked") is None
    assert violations(visit) == []
    visit.locator("#compare").screenshot(path=artifacts / "compare.png")

    give(visit, tmp_path / "cut.json", json.dumps(recorded)[:-9])
    expect(problem).to_have_text("'cut.json' ends in the middle: it was not written or copied whole; allowed: a whole recording")
    give(visit, tmp_path / "newer.json", json.dumps(recorded | {"schema": 99}))
    expect(problem).to_contain_text("'newer.json' has schema 99, which is newer than this playground")
    expect(found).to_contain_text("other.json, run ")
    expect(visit.locator(".lp-compare-pick")).to_be_enabled()
    wait_words(visit, "^Done")

    visit.locator("#run").click()
    expect(found).to_be_hidden()
    wait_words(visit, "^Done")
