"""The results: plain values in every state of a run, comparisons that name what they are of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.measuring import Metrics
from playground.analysis.metric import Metric, OfRepeat
from playground.analysis.metrics import METRICS
from playground.engines.scripted import ScriptedEngine
from playground.formatting import UNKNOWN
from playground.report.section import Cell
from playground.report.sections.results import results
from playground.runs.runner import Runner
from playground.spec.lane import Lane
from playground.timeline.events import LaneCompared
from playground.timeline.state import RunState
from tests import strategies
from tests.timelines import Ran, played, request

UNITS = {
    "tokens_per_s": "tok/s",
    "requests_per_s": "req/s",
    "_s": "s",
    "_bytes": "B",
    "_token": "token",
    "_share": "share",
    "_per_event": "tok/step",
} | dict.fromkeys(("after_turn", "slowdown"), "×")
NF4 = Ran(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000)


def cell(view: RunState, lane: int, key: str) -> Cell:
    return results(view).rows[lane].cells[1 + [*METRICS].index(key)]


def main_titles(view: RunState) -> list[str]:
    return [heading.title for heading in results(view).main().headings[1:]]


def test_every_metric_is_a_column_with_its_unit_and_one_sentence() -> None:
    assert set(Metrics.__dataclass_fields__) - {"itl_s"} == {key for key, metric in METRICS.items() if isinstance(metric.of, OfRepeat)}
    for key, metric in METRICS.items():
        assert metric.unit == next(unit for ending, unit in UNITS.items() if key.endswith(ending))
        assert metric.meaning.endswith(".")
        assert metric.better == (None if metric.unit in ("token", "share") else "higher" if "_per_" in key else "lower")
    section = results(played({"bf16": Ran()}))
    assert [heading.title for heading in section.headings] == ["Lane", *(metric.title for metric in METRICS.values())]
    assert main_titles(played({"bf16": Ran()})) == ["TTFT", "TPOT", "Decode", "E2E", "Load", "Memory"]


def test_a_run_that_compares_outputs_shows_how_they_differ() -> None:
    view = played({"bf16": Ran(), "nf4": NF4}, measure={"agreement": True})
    assert main_titles(view)[-2:] == ["First difference", "Top-1 agreement"]
    assert (cell(view, 0, "first_difference_token").text, cell(view, 0, "top1_share").text) == (UNKNOWN, UNKNOWN)
    assert cell(view, 1, "first_difference_token") == Cell("none", hint="over 3 tokens")
    view.apply(LaneCompared(1, 0.934, 61))
    assert cell(view, 1, "top1_share") == Cell("93 %", hint="over 61 places", value=0.934)


def test_a_cell_says_the_figure_and_how_it_compares() -> None:
    view = played({"bf16": Ran(), "nf4": NF4})
    value = cell(view, 1, "tpot_s").value
    assert value == pytest.approx(0.0268)
    assert cell(view, 1, "tpot_s") == Cell("26.8 ms", ("0.687×", "−31 %"), "one repeat · 0.687× lane 1’s TPOT; lower is better", value)
    assert cell(view, 1, "decode_tokens_per_s").beside == ("1.46×", "+46 %")
    assert cell(view, 1, "decode_tokens_per_s").hint.endswith("1.46× lane 1’s decode throughput; higher is better")
    assert (cell(view, 1, "memory_bytes").text, cell(view, 1, "memory_bytes").beside) == ("110 MB", ("0.409×", "−59 %"))
    assert cell(view, 0, "tpot_s").beside == ()


def test_several_repeats_are_a_median_and_a_range() -> None:
    view = played({"bf16": Ran(tpot_s=(0.0262, 0.0268, 0.028))})
    assert (cell(view, 0, "tpot_s").text, cell(view, 0, "tpot_s").hint) == ("26.8 ms", "median of 3: 26.2–28.0 ms")


def test_the_baseline_is_the_requests() -> None:
    view = played({"bf16": Ran(), "nf4": NF4}, baseline=1)
    assert [row.cells[0] for row in results(view).rows] == [Cell("bf16"), Cell("nf4", ("baseline",), mark="baseline")]
    assert cell(view, 0, "tpot_s").beside == ("1.46×", "+46 %")
    assert cell(view, 0, "tpot_s").hint.endswith("lane 2’s TPOT; lower is better")
    assert cell(view, 1, "tpot_s").beside == ()


def test_beam_search_has_no_tpot_and_is_compared_by_the_rest() -> None:
    view = played({"bf16": Ran(), "bf16/beam(num_beams=2)": Ran()})
    assert cell(view, 1, "tpot_s") == Cell(UNKNOWN)
    assert cell(view, 1, "e2e_s").beside == ("1.00×", "0 %")
    assert cell(view, 1, "step_s").text == "39.0 ms"


def test_a_load_is_compared_with_one_of_its_kind() -> None:
    view = played({"bf16": Ran(), "int8": Ran(), "nf4": Ran(load_kind="prequantized")})
    assert cell(view, 0, "load_s").text == "500 ms, cold"
    assert cell(view, 1, "load_s").beside == ("1.00×", "0 %")
    assert cell(view, 2, "load_s").beside == ()
    assert cell(view, 2, "load_s").hint == "from its pre-quantized copy"


def test_microseconds_of_finding_a_variant_in_place_are_no_figure() -> None:
    view = played({"bf16": Ran(load_kind="resident"), "int8": Ran(load_kind="resident")})
    for lane in view.lanes:
        lane.load_s = 7e-6 * (1 + lane.index)
    assert (cell(view, 1, "load_s").text, cell(view, 1, "load_s").beside) == ("< 1 ms, resident", ())


def test_whole_answers_are_not_compared_with_one_cut_short() -> None:
    view = played({"bf16": Ran(finish="cancelled"), "nf4": NF4}, status="cancelled")
    assert cell(view, 1, "e2e_s").beside == ()
    assert cell(view, 1, "tpot_s").beside == ("0.687×", "−31 %")
    assert cell(view, 0, "e2e_s").hint == "one repeat, cut short"


def test_requests_per_second_are_undefined_when_lanes_share_the_wall() -> None:
    assert cell(played({"bf16": Ran()}), 0, "requests_per_s").text == "7.46 req/s"
    shared = played({"bf16": Ran()}, measure={"schedule": "interleaved"})
    assert cell(shared, 0, "requests_per_s").text == UNKNOWN


def test_a_failed_lane_keeps_what_it_measured_and_says_why() -> None:
    view = played({"bf16": Ran(), "nf4": Ran(error="out of memory")})
    assert results(view).rows[1].cells[0] == Cell("nf4", ("failed: out of memory",), mark="failed")
    assert cell(view, 1, "ttft_s").text == "55.0 ms"


def test_without_the_baselines_figures_nothing_is_compared() -> None:
    view = played({"bf16": Ran(tokens=0, error="no"), "nf4": NF4})
    assert cell(view, 1, "tpot_s") == Cell("26.8 ms", hint="one repeat", value=cell(view, 1, "tpot_s").value)


def test_before_the_first_run_everything_is_unknown() -> None:
    view = RunState(request("bf16", "nf4"), "idle", "")
    assert {cell.text for row in results(view).rows for cell in row.cells[1:]} == {UNKNOWN}


runs = st.builds(
    Ran,
    ttft_s=st.floats(0.001, 10),
    tpot_s=st.lists(st.floats(0.001, 1), min_size=1, max_size=3).map(tuple),
    tokens=st.integers(0, 3),
    memory_bytes=st.integers(0, 10**12),
    finish=st.sampled_from(("length", "stop", "cancelled", "timeout")),
    error=st.none() | st.text(max_size=20),
)
lanes = strategies.lanes.filter(lambda lane: lane.variant.adapter is None and lane.variant.model is None)


@given(st.lists(st.tuples(lanes, runs), min_size=1, max_size=4), st.data())
def test_nothing_unknown_is_a_number_and_only_lanes_are_compared(pairs: list[tuple[Lane, Ran]], data: st.DataObject) -> None:
    baseline = data.draw(st.integers(0, len(pairs) - 1))
    section = results(played([(str(lane), ran) for lane, ran in pairs], baseline=baseline))
    for row in section.rows:
        assert len(row.cells) == len(section.headings) == 1 + len(METRICS)
        for metric, one in zip(METRICS.values(), row.cells[1:], strict=True):
            assert (one.text in (UNKNOWN, "none")) == (one.value is None)
            assert one.value is None or math.isfinite(one.value)
            assert not one.beside or (metric.compared and row.lane != baseline)


def test_several_repeats_tell_their_spread_and_mark_outliers() -> None:
    view = played({"bf16": Ran(tpot_s=(0.030, 0.031, 0.032, 0.033, 0.034, 0.060))})
    assert cell(view, 0, "tpot_s").hint == (
        "median of 6: 30.0–60.0 ms · MAD 1.50 ms · p95 53.5 ms · p99 58.7 ms · 1 of 6 repeats marked as an outlier"
    )
    assert cell(view, 0, "tpot_s").value == pytest.approx(0.0325), "marked, never dropped"


def test_ratios_are_paired_and_come_with_their_interval() -> None:
    view = played({"bf16": Ran(tpot_s=(0.01, 0.02, 0.04)), "nf4": Ran(tpot_s=(0.02, 0.04, 0.081))})
    assert cell(view, 1, "tpot_s").beside == ("2.01×", "+101 %")
    assert "2.01× lane 1’s TPOT (95 %: 1.97–2.04); lower is better" in cell(view, 1, "tpot_s").hint


def test_gaps_of_all_repeats_make_the_percentiles_of_itl() -> None:
    view = played({"bf16": Ran(tpot_s=(0.010, 0.020, 0.030), tokens=3), "bf16/beam(num_beams=2)": Ran()})
    assert [cell(view, 0, f"itl_p{percent}_s").text for percent in (50, 90, 95, 99)] == ["20.0 ms", "30.0 ms", "30.0 ms", "30.0 ms"]
    assert cell(view, 0, "itl_p95_s").hint == "6 gaps in 3 repeats"
    assert cell(view, 1, "itl_p95_s").text == UNKNOWN


def test_a_cold_first_token_is_shown_apart() -> None:
    view = played({"bf16": Ran(tpot_s=(0.03, 0.03))})
    assert cell(view, 0, "cold_ttft_s").text == UNKNOWN
    lane = view.lanes[0]
    steps = tuple(replace(step, t_s=step.t_s + 0.445) for step in lane.repeats[0].steps)
    lane.repeats[0] = replace(lane.repeats[0], cold=True, steps=steps)
    assert (cell(view, 0, "cold_ttft_s").text, cell(view, 0, "ttft_s").text) == ("500 ms", "55.0 ms")
    del lane.repeats[1]
    assert cell(view, 0, "ttft_s").hint == "one repeat, cold"


def test_a_step_after_a_turn_is_told_by_the_others() -> None:
    view = played({"bf16": Ran(tokens=5)})
    assert cell(view, 0, "after_turn").text == UNKNOWN
    lane = view.lanes[0]
    times = [0.1, 0.11, 0.14, 0.15, 0.17]  # gaps 10, 30 (resumed), 10, 20 (resumed) ms
    steps = tuple(
        replace(step, t_s=t_s, resumed=at in (2, 4)) for at, (step, t_s) in enumerate(zip(lane.repeats[0].steps, times, strict=True))
    )
    lane.repeats[0] = replace(lane.repeats[0], steps=steps)
    assert cell(view, 0, "after_turn").value == pytest.approx(2.5)


def test_how_much_neighbours_slow_a_lane_is_a_main_column_of_a_contended_run() -> None:
    engine = ScriptedEngine(sleep=lambda _seconds: None)
    run = Runner(lambda _lane, _model_id: engine).start(
        request("bf16", "nf4", measure={"schedule": "contended", "repeats": 2, "warmup": 1, "max_new_tokens": 3})
    )
    view = run.reader().to_the_end()
    assert "Slowdown" in main_titles(view)
    assert cell(view, 1, "slowdown") == Cell("2.00×", hint="over 2 pairs (95 %: 2.00)", value=cell(view, 1, "slowdown").value)


def test_a_made_up_metric_is_a_column_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Metric("Chunks", "token", "lower", "How many steps there were.", OfRepeat(lambda repeat: float(len(repeat.steps))))
    monkeypatch.setitem(METRICS, "chunks", tokens)
    view = played({"bf16": Ran(), "nf4": Ran(tokens=6)})
    assert results(view).headings[-1].title == "Chunks"
    assert (cell(view, 1, "chunks").text, cell(view, 1, "chunks").beside) == ("6", ("2.00×", "+100 %"))
