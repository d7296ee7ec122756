"""Published figures beside measured ones: each with the lanes of its label, ratios against the first."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from playground.cli.render import console, drawn
from playground.formatting import UNKNOWN
from playground.report.markdown import markdown_text
from playground.report.section import Section
from playground.report.sections.published import HEADINGS, published
from playground.spec.lane import Lane
from playground.timeline.state import RunState
from tests import strategies
from tests.timelines import Ran, played, request

FIGURES = [
    {"lane": "nf4[double_quant=true]", "what": "4-bit, as in the paper", "e2e_s": 13.3},
    {"lane": "fp4", "what": "load_in_4bit", "e2e_s": 9.28},
    {"lane": "int8", "what": "load_in_8bit", "e2e_s": 3.04},
]
PUBLISHED = {"source": "Falcon-7B, five runs", "figures": FIGURES, "also": ["Model and adapter took 5.7 GB."], "why": "Another\n  machine."}
SLOW = Ran(ttft_s=0.1, tpot_s=0.05)  # 201 ms for three tokens
FAST = Ran(ttft_s=0.05, tpot_s=0.025, output_ids=[[0, 1, 9]])  # 101 ms


def table(view: RunState) -> Section:
    found = published(view)
    assert found is not None
    return found


def texts(view: RunState) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table(view).rows]


def test_each_figure_stands_beside_the_lanes_of_its_label() -> None:
    view = played([("bf16", SLOW), ("nf4[double_quant=true]", SLOW), ("int8", FAST), ("int8", SLOW)], published=PUBLISHED, baseline=1)
    assert texts(view) == [
        ["nf4[double_quant=true]", "4-bit, as in the paper", "13.3 s", "1.00×", "201 ms", "1.00×", "baseline"],
        ["int8", "load_in_8bit", "3.04 s", "0.229×", "101 ms", "0.502×", "differs at token 3"],
        ["int8", "load_in_8bit", "3.04 s", "0.229×", "201 ms", "1.00×", "same tokens"],
    ]
    assert (table(view).title, table(view).notes) == ("Published: Falcon-7B, five runs.", (*PUBLISHED["also"], "Another machine."))


def test_before_a_run_the_measured_is_unknown() -> None:
    view = RunState(request("int8", published=PUBLISHED), "id", "")
    assert texts(view) == [["int8", "load_in_8bit", "3.04 s", "0.229×", UNKNOWN, UNKNOWN, "baseline"]]


def test_a_ratio_needs_the_first_figures_lane_and_whole_answers() -> None:
    assert [row[4:6] for row in texts(played({"int8": FAST}, published=PUBLISHED))] == [["101 ms", UNKNOWN]]
    cut = played({"nf4[double_quant=true]": SLOW, "int8": Ran(finish="timeout")}, published=PUBLISHED)
    assert [row[4:6] for row in texts(cut)] == [["201 ms", "1.00×"], [UNKNOWN, UNKNOWN]]


def test_where_nothing_was_published_of_any_lane_there_is_no_table() -> None:
    for view in (played({"int8": FAST}), played({"bf16": SLOW}, published=PUBLISHED)):
        assert published(view) is None
        assert "Published" not in markdown_text(view)


def test_it_is_in_the_markdown_and_on_the_terminal() -> None:
    view = played({"nf4[double_quant=true]": SLOW, "int8": FAST}, published=PUBLISHED)
    text = markdown_text(view)
    assert "Published: Falcon-7B, five runs." in text
    assert "| 2 int8 | load\\_in\\_8bit | 3.04 s | 0.229× | 101 ms | 0.502× | differs at token 3 |" in text
    assert "- Model and adapter took 5.7 GB.\n- Another machine.\n" in text
    out = console(stderr=False)
    with out.capture() as captured:
        out.print(*drawn(table(view)))
    assert all(
        part in captured.get() for part in ("nf4[double_quant=true]", "0.502×", "Model and adapter took 5.7 GB.", "Another machine.")
    )


figure = st.builds(lambda lane, e2e_s: {"lane": str(lane), "what": "x", "e2e_s": e2e_s}, strategies.lanes, st.floats(1e-3, 1e5))


@given(st.lists(figure, min_size=1, max_size=4), st.data())
def test_there_is_a_text_under_each_heading(figures: list[dict[str, Any]], data: st.DataObject) -> None:
    picked = data.draw(st.lists(st.sampled_from(figures), min_size=1, max_size=4))
    variants = [Lane.parse(one["lane"]).variant for one in picked]
    names = {"models": {"smollm2-135m": "x"} | {one.model: "x" for one in variants if one.model}}
    names["adapters"] = {name: "x" for one in variants for name in one.adapters if name}
    view = RunState(request(*(one["lane"] for one in picked), published={"source": "s", "figures": figures}, **names), "id", "")
    assert all(len(row.cells) == len(HEADINGS) for row in table(view).rows)
    assert {row.lane for row in table(view).rows} == set(range(len(picked)))
