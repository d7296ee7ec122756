"""A run as CSV and Markdown: whatever the texts, both stay what they are."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playground.analysis.slo import read_target
from playground.report.columns import COLUMNS
from playground.report.export import FORMULA, csv_text, escaped, markdown_text
from playground.timeline.environment import Environment
from playground.timeline.events import RunStarted
from playground.timeline.state import RunState
from tests.timelines import Ran, played

NF4 = Ran(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000)
FIGURES = [column.key for column in COLUMNS]

nasty = st.text(st.sampled_from("=+-@\t\r\n|\\`*_[]<>,;\"'~&$ aä…") | st.characters(codec="utf-8"), max_size=30)


def failing(error: str, model: str = "x", device: str = "cpu") -> RunState:
    """A run whose free texts are these: the reason of a failure, a model's id, the machine's name."""
    view = played({"bf16": Ran(), "nf4": Ran(tokens=0, error=error)}, models={"smollm2-135m": model})
    view.apply(RunStarted((), Environment(device_name=device)))
    return view


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cells(line: str) -> list[str]:
    """The cells of a Markdown row: a pipe behind a backslash is text."""
    return re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]


def test_csv_is_one_row_a_lane_in_si_units() -> None:
    first, second = read(csv_text(played({"bf16": Ran(), "nf4": NF4}, baseline=1)))
    assert (first["lane"], first["label"], first["baseline"], second["baseline"]) == ("1", "bf16", "false", "true")
    assert (second["model"], second["precision"], second["decoding"], second["batch"]) == ("smollm2-135m", "nf4", "greedy", "1")
    assert (second["status"], second["error"], second["repeats"], second["schedule"]) == ("done", "", "1", "exclusive")
    assert float(second["tpot_s"]) == pytest.approx(0.0268)
    assert (second["memory_bytes"], second["load_kind"]) == ("110000000", "cold")


def test_csv_ends_its_lines_as_rfc_4180_says() -> None:
    assert csv_text(played({"bf16": Ran()})).count("\r\n") == 2


def test_what_is_unknown_is_an_empty_cell() -> None:
    (row,) = read(csv_text(played({"bf16/beam(num_beams=2)": Ran()})))
    assert (row["tpot_s"], row["decode_tokens_per_s"], row["adapter"]) == ("", "", "")


@pytest.mark.parametrize(
    ("ran", "status", "said"),
    [(Ran(finish="cancelled"), "cancelled", "stopped"), (Ran(finish="timeout"), "done", "timed out"), (Ran(error="no"), "done", "failed")],
)
def test_csv_says_how_a_lane_ended(ran: Ran, status: str, said: str) -> None:
    (row,) = read(csv_text(played({"bf16": ran}, status=status)))  # type: ignore[arg-type]
    assert row["status"] == said


@given(nasty, nasty.filter(bool), nasty)
@example("=HYPERLINK(1)", "@x", "-1+1")
@example('a\r\nb,"c"', "\t=1", "\r=1")
def test_csv_reads_back_and_no_text_is_a_formula(error: str, model: str, device: str) -> None:
    rows = read(csv_text(failing(error, model, device)))
    assert len(rows) == 2
    for row in rows:
        assert None not in row
        for key, text in row.items():
            assert not text.startswith(FORMULA)
            if key in FIGURES and text:
                float(text)
    for key, text in (("error", error), ("model_id", model), ("device", device)):
        assert rows[1][key] == (f"'{text}" if text.startswith(FORMULA) else text)


def test_numbers_stay_numbers_in_csv() -> None:
    view = played({"bf16": Ran()})
    view.lanes[0].load_s = -0.001
    assert read(csv_text(view))[0]["load_s"] == "-0.001"


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
    assert lines[7] == "In brackets: the multiple of lane 1’s figure, and the change. Lower is better, but of Decode higher."
    assert lines[9] == "- nf4: 1.46× faster than bf16 in one repeat, which shows no interval"
    assert lines[11].startswith("Measured: exclusive, one lane after the other · 1 repeat after 1 warm-up")


def test_markdown_holds_the_lanes_against_a_target_if_one_is_given() -> None:
    view = played({"bf16": Ran(), "nf4": Ran(ttft_s=0.3)}, measure={"schedule": "exclusive"})
    text = markdown_text(view, read_target("chat"))
    assert "Target: Chat." in text
    assert "| Lane | Target | TTFT ≤ 200 ms | Tokens in time | Answers in time | Goodput |" in text
    assert "| 2 nf4 | fails | 300 ms (missed) | 0 % (0 of 1) | 0 % (0 of 1) | 0 req/s |" in text
    assert "Target" not in markdown_text(view)


def test_markdown_of_a_run_without_figures_is_a_table_all_the_same() -> None:
    assert "| 2 nf4 | – | – | – | – | 500 ms, cold (1.00× · 0 %) |" in markdown_text(failing("no"))
    assert "- Lane 2, nf4, failed: no" in markdown_text(failing("no"))


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
