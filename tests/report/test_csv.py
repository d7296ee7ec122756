"""A run as CSV: whatever the texts, it stays what it is."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given

from playground.analysis.metrics import METRICS
from playground.report.csv import FORMULA, csv_text
from tests.report.texts import failing, nasty
from tests.timelines import Ran, played

NF4 = Ran(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


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
            if key in METRICS and text:
                float(text)
    for key, text in (("error", error), ("model_id", model), ("device", device)):
        assert rows[1][key] == (f"'{text}" if text.startswith(FORMULA) else text)


def test_numbers_stay_numbers_in_csv() -> None:
    view = played({"bf16": Ran()})
    view.lanes[0].load_s = -0.001
    assert read(csv_text(view))[0]["load_s"] == "-0.001"
