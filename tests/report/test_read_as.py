"""A run by another tool's definitions, beside this page's: what changes is marked and explained."""

from __future__ import annotations

import pytest

from playground.analysis.definitions import Metric
from playground.cli.render import console, drawn
from playground.errors import InputError
from playground.report.sections.read_as import AT_ONCE, LAST_TOKEN, NOTE, TITLES, TOOLS, read_as, tool_of
from playground.timeline.state import RunState
from tests.timelines import Ran, played, request


def cells(view: RunState, name: str) -> list[list[tuple[str, ...]]]:
    return [[(cell.text, *cell.beside) for cell in row.cells[1:]] for row in read_as(view, TOOLS[name]).rows]


def why(view: RunState, name: str) -> list[str]:
    *sentences, note = read_as(view, TOOLS[name]).notes
    assert note == NOTE
    return sentences


def test_a_changed_figure_stands_beside_this_pages_and_says_why() -> None:
    view = played({"bf16": Ran(ttft_s=0.1, tpot_s=[0.05, 0.06, 0.07], tokens=5)})  # the median repeat: 100 ms, then four times 60 ms
    assert cells(view, "guidellm") == [[("100 ms",), ("68.0 ms", "≠ 60.0 ms"), ("60.0 ms",), ("341 ms",), ("20.8 tok/s", "≠ 14.7 tok/s")]]
    assert [cell.mark for cell in read_as(view, TOOLS["guidellm"]).rows[0].cells[1:]] == ["", "changed", "", "", "changed"]
    metrics: tuple[Metric, ...] = ("tpot_s", "output_tokens_per_s")
    assert why(view, "guidellm") == [f"{TITLES[metric]}: {TOOLS['guidellm'].why[metric]}" for metric in metrics]


def test_why_is_said_of_figures_that_differ_and_of_no_others() -> None:
    assert why(played({"bf16": Ran()}), "vllm") == [f"E2E: {LAST_TOKEN}"]
    beam = played({"bf16/beam": Ran(tokens=4)})
    assert f"TPOT: {AT_ONCE}" in why(beam, "mlperf")
    assert cells(beam, "mlperf")[0][1] == ("0 ms", "≠ –")
    assert LAST_TOKEN not in " ".join(why(beam, "mlperf")), "the answer of beam search comes when all is done"
    (none,) = [one for one in why(played({"bf16": Ran(tokens=1)}), "vllm") if one.startswith("TPOT")]
    assert "counts it as 0 for goodput" in none
    assert any("ending" in one or "ends an answer" in one for one in why(played({"bf16": Ran(finish="stop")}), "aiperf"))


@pytest.mark.parametrize("name", TOOLS)
def test_before_a_run_nothing_is_known_and_nothing_differs(name: str) -> None:
    view = RunState(request("bf16", "nf4"), "id", "")
    assert cells(view, name) == [[("–",)] * 5] * 2
    assert why(view, name) == ["Figures come when the run is over."]


def test_where_no_figure_is_another_that_is_said() -> None:
    assert why(played({"bf16": Ran(tokens=0)}), "vllm") == ["No figure is another."]


def test_the_terminal_shows_the_table_and_what_cannot_be_made_the_same() -> None:
    out = console(stderr=False)
    with out.capture() as captured:
        out.print(*drawn(read_as(played({"bf16": Ran(ttft_s=0.1, tpot_s=0.05, tokens=5)}), TOOLS["guidellm"])), soft_wrap=True)
    assert all(part in captured.get() for part in ("60.0 ms", "≠ 50.0 ms", NOTE))


def test_a_tool_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="--read-as: 'triton' is not known; allowed: vllm, guidellm, aiperf, mlperf"):
        tool_of("triton")
