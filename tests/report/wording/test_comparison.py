"""What a lane's comparison with the baseline reads like: as a sentence, on a card, and of its output."""

from __future__ import annotations

import pytest

from playground.analysis.comparison import compare, comparison
from playground.report.wording.comparison import change_words, compared_words, comparison_sentence
from playground.timeline.events import LaneCompared
from playground.timeline.state import RunState
from tests.timelines import Ran, played

FASTER = (0.0270, 0.0271, 0.0268, 0.0280, 0.0265)
USUAL = (0.0390, 0.0391, 0.0388, 0.0392, 0.0390)


def sentence(view: RunState, metric: str = "") -> str:
    """Of the second lane."""
    found = compare(view, view.lanes[1], metric) if metric else comparison(view, view.lanes[1])
    assert found is not None
    return comparison_sentence(view, view.lanes[1], found)


def beside(bf16: Ran, nf4: Ran) -> str:
    return sentence(played([("bf16", bf16), ("nf4", nf4)]))


def test_a_difference_has_its_interval_beside_it() -> None:
    assert beside(Ran(tpot_s=USUAL), Ran(tpot_s=FASTER)) == "1.44× faster than bf16 (95 %: 1.41–1.47)"
    assert beside(Ran(tpot_s=FASTER), Ran(tpot_s=USUAL)) == "1.44× slower than bf16 (95 %: 1.41–1.47)"


def test_lanes_with_one_label_are_known_by_their_number() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), ("bf16", Ran(tpot_s=FASTER))])
    assert sentence(view).startswith("1.44× faster than lane 1 (bf16) (95 %")


def test_no_difference_says_how_many_repeats_would_show_one() -> None:
    assert beside(Ran(tpot_s=USUAL), Ran(tpot_s=(0.0385, 0.0391, 0.0389, 0.0391, 0.0387))) == (
        "no difference that 5 repeats can show; about 12 would"
    )


def test_no_difference_that_any_number_would_show_has_a_bound() -> None:
    assert beside(Ran(tpot_s=USUAL), Ran(tpot_s=USUAL)) == "no difference that 5 repeats can show; any is below 0.10 %"
    line = beside(Ran(tpot_s=(0.040, 0.041, 0.040, 0.041)), Ran(tpot_s=(0.041, 0.040, 0.041, 0.040)))
    assert line.startswith("no difference that 4 repeats can show; any is below 4.")


def test_one_repeat_shows_no_interval() -> None:
    assert beside(Ran(), Ran(tpot_s=0.0268)) == "1.46× faster than bf16 in one repeat, which shows no interval"
    assert beside(Ran(), Ran()) == "as fast as bf16 in one repeat, which shows no interval"


def test_a_small_difference_keeps_the_decimals_that_show_it() -> None:
    line = beside(Ran(tpot_s=(0.0400, 0.0402, 0.0404, 0.0403)), Ran(tpot_s=(0.0404, 0.0406, 0.0408, 0.0407)))
    assert line.startswith("1.010× slower than bf16 (95 %: 1.010")


def test_beam_search_and_answers_of_one_token_are_compared_as_a_whole() -> None:
    assert beside(Ran(tokens=1, tpot_s=USUAL), Ran(tokens=1, ttft_s=0.11, tpot_s=USUAL)).startswith("1.98× slower than bf16 in E2E (95 %")
    view = played([("bf16", Ran(tpot_s=USUAL)), ("bf16/beam(num_beams=2)", Ran(tpot_s=USUAL))])
    assert sentence(view) == "no difference in E2E that 5 repeats can show; any is below 0.10 %"


def test_rows_of_batches_are_compared_row_by_row() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), ("bf16@8", Ran(tpot_s=tuple(2 * one for one in USUAL)))])
    assert sentence(view) == "2.00× slower than bf16 a row (95 %: 2.00)"


def test_a_rate_is_better_when_it_is_higher() -> None:
    view = played([("bf16", Ran(tpot_s=USUAL)), ("nf4", Ran(tpot_s=FASTER))])
    assert sentence(view, "decode_tokens_per_s") == "1.44× faster than bf16 in decode throughput (95 %: 1.41–1.47)"


@pytest.mark.parametrize(
    ("bf16", "nf4", "words"),
    [
        (Ran(tokens=0, error="no"), Ran(), "not compared: the baseline bf16 failed"),
        (Ran(), Ran(error="no"), "not compared: this lane failed"),
        (Ran(tokens=0), Ran(), "not compared: bf16 has no E2E"),
        (Ran(tokens=1, finish="cancelled"), Ran(), "not compared: bf16 was cut short, and its E2E is of a part"),
    ],
)
def test_what_cannot_be_compared_says_why(bf16: Ran, nf4: Ran, words: str) -> None:
    assert beside(bf16, nf4) == words


def repeated(**lanes: list[float]) -> RunState:
    """Lanes whose repeats took so long a token."""
    return played({label: Ran(tpot_s=paces) for label, paces in lanes.items()}, measure={"repeats": len(next(iter(lanes.values())))})


def test_a_card_says_how_its_lane_compares() -> None:
    view = repeated(bf16=[0.040, 0.041, 0.040], nf4=[0.020, 0.0205, 0.0201], int8=[0.0401, 0.0412, 0.0399])
    short, whole = zip(*(compared_words(view, lane) for lane in view.lanes), strict=True)
    assert short[0] == "baseline"
    assert short[1].startswith("2.00× faster (1.9")
    assert short[2].startswith("no difference (0.9")
    assert whole[1].startswith("2.00× faster than bf16 (95 %: 1.9")
    assert whole[2].startswith("No difference that 3 repeats can show")


def test_one_repeat_has_no_interval_on_a_card() -> None:
    view = repeated(bf16=[0.04], nf4=[0.02])
    assert compared_words(view, view.lanes[1])[0] == "2.00× faster, one repeat"


def test_a_single_lane_is_compared_with_nothing() -> None:
    view = repeated(bf16=[0.04, 0.04])
    assert compared_words(view, view.lanes[0]) == ("", "")


def test_without_a_baseline_nothing_is_compared() -> None:
    view = played({"bf16": Ran(tokens=0, error="no room"), "nf4": Ran()})
    assert compared_words(view, view.lanes[1])[0] == "not compared"
    assert "bf16 failed" in compared_words(view, view.lanes[1])[1]


@pytest.mark.parametrize(
    ("other", "top1", "words"),
    [
        ([1, 2, 9], None, "differs at token 3"),
        ([1, 2, 9], 2 / 3, "differs at token 3 · 67 % agree"),
        ([1, 2, 3], 1.0, "same tokens · 100 % agree"),
        ([], 0.999, "99.9 % agree"),
        ([], None, ""),
    ],
)
def test_how_the_output_departs_is_written_in_a_few_words(other: list[int], top1: float | None, words: str) -> None:
    view = played({"bf16": Ran(output_ids=[[1, 2, 3]]), "nf4": Ran(output_ids=[other])})
    if top1 is not None:
        view.apply(LaneCompared(1, top1, 3))
        view.apply(LaneCompared(0, 1.0, 3))
    assert change_words(view, view.lanes[1]) == words
    assert change_words(view, view.lanes[0]) == ""
