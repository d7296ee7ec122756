"""A run as Markdown: whatever the texts, it stays what it is."""

from __future__ import annotations

import re

from hypothesis import example, given

from playground.analysis.slo import read_target
from playground.report.markdown import escaped, markdown_text
from playground.report.sections import Choice
from tests.report.texts import failing, nasty
from tests.timelines import Ran, played

NF4 = Ran(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000)


def cells(line: str) -> list[str]:
    """The cells of a Markdown row: a pipe behind a backslash is text."""
    return re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]


def test_markdown_holds_the_result_the_table_and_what_it_is_of() -> None:
    lines = markdown_text(played({"bf16": Ran(), "nf4": NF4})).splitlines()
    assert lines[0].startswith("**Result:** nf4 writes fastest: 26.8 ms a token (TPOT), 0.687× lane 1’s")
    assert lines[2:6] == [
        "| Lane | TTFT | TPOT | Decode | E2E | Load | Memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 1 bf16 (baseline) | 55.0 ms | 39.0 ms | 25.6 tok/s | 134 ms | 500 ms, cold | 269 MB |",
        "| 2 nf4 | 101 ms (1.84× · +84 %) | 26.8 ms (0.687× · −31 %) | 37.3 tok/s (1.46× · +46 %) | 156 ms (1.16× · +16 %) "
        "| 500 ms, cold (1.00× · 0 %) | 110 MB (0.409× · −59 %) |",
    ]
    assert lines[7] == "With each figure stands its multiple of lane 1’s. Lower is better, but of Decode higher."
    assert lines[9] == "- nf4: 1.46× faster than bf16 in one repeat, which shows no interval"
    assert lines[11].startswith("Measured: exclusive, one lane after the other · 1 repeat after 1 warm-up")


def test_markdown_holds_the_lanes_against_a_target_if_one_is_given() -> None:
    view = played({"bf16": Ran(), "nf4": Ran(ttft_s=0.3)}, measure={"schedule": "exclusive"})
    text = markdown_text(view, Choice(read_target("chat")))
    assert "Target: Chat." in text
    assert "| Lane | Target | TTFT ≤ 200 ms | Tokens in time | Answers in time | Goodput |" in text
    assert "| 2 nf4 | fails | 300 ms (missed) | 0 % (0 of 1) | 0 % (0 of 1) | 0 req/s |" in text
    assert "Target" not in markdown_text(view)


def test_markdown_of_a_run_without_figures_is_a_table_all_the_same() -> None:
    assert "| 2 nf4 (failed: no) | – | – | – | – | 500 ms, cold (1.00× · 0 %) |" in markdown_text(failing("no"))


@given(nasty, nasty.filter(bool), nasty)
@example("a | b", "`|`", "\\|")
@example("<img src=x onerror=alert(1)>", "[x](javascript:1)", "a\n| b |\n")
def test_markdown_rows_have_equal_cells_and_text_is_no_markup(error: str, model: str, device: str) -> None:
    text = markdown_text(failing(error, model, device))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert [len(cells(line)) for line in table] == [7, 7, 7, 7]
    assert not re.search(r"(?<!\\)(?:\\\\)*[<`\[]", text)


@given(nasty)
def test_escaped_text_reads_back(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", escaped(text)) == " ".join(text.split())
