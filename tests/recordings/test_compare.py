"""Two recordings side by side: which lanes are the same, what each took, and how sure the ratio is."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from playground.recordings.build import build_recording
from playground.recordings.compare import EQUAL, MOST, compare_recordings, matched, unpaired
from playground.recordings.schema import Recording
from playground.timeline.environment import Environment
from tests.timelines import Ran, played

NAMES = ("a.json", "b.json")


def recorded(*lanes: tuple[str, Ran]) -> Recording:
    return build_recording(played(list(lanes)))


def test_lanes_are_matched_by_label_and_those_of_one_label_in_their_order() -> None:
    first = recorded(("bf16", Ran()), ("int8", Ran()), ("nf4", Ran()), ("int8", Ran()))
    second = recorded(("int8", Ran()), ("bf16", Ran()), ("int8", Ran()), ("fp4", Ran()))
    assert matched(first.lanes, second.lanes) == [(0, 1), (1, 0), (2, None), (3, 2), (None, 3)]
    assert [note for note in compare_recordings(first, second, NAMES)["notes"] if note.startswith("Lane")] == [
        "Lane nf4 is only in the first.",
        "Lane fp4 is only in the second.",
    ]


def test_each_metric_has_both_medians_and_their_ratio() -> None:
    found = compare_recordings(recorded(("bf16", Ran(tpot_s=0.05))), recorded(("bf16", Ran(tpot_s=0.025))), NAMES)
    (row,) = found["rows"]
    assert row["cells"] == ["55.0 ms", "55.0 ms", "1.00×", "50.0 ms", "25.0 ms", "0.500×", "156 ms", "106 ms", "0.679×"]
    assert row["figures"]["tpot_s"] == {
        "first": pytest.approx(0.05),
        "second": pytest.approx(0.025),
        "ratio": pytest.approx(0.5),
        "low": None,
        "high": None,
    }
    assert any("no interval" in note for note in found["notes"])
    assert len(found["headings"]) == 1 + len(row["cells"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_with_several_repeats_the_ratio_has_an_interval() -> None:
    first = recorded(("bf16", Ran(tpot_s=[0.050, 0.051, 0.049])))
    second = recorded(("bf16", Ran(tpot_s=[0.025, 0.0245, 0.0255])))
    (row,) = compare_recordings(first, second, NAMES)["rows"]
    assert row["cells"][5].startswith("0.500× (0.4")
    low, value, high = (row["figures"]["tpot_s"][name] or 0.0 for name in ("low", "ratio", "high"))
    assert 0.47 < low < value < high < 0.53


def test_of_answers_cut_short_the_whole_time_is_not_compared() -> None:
    cut = recorded(("bf16", Ran(finish="timeout")))
    (row,) = compare_recordings(recorded(("bf16", Ran())), cut, NAMES)["rows"]
    assert row["cells"][6:] == ["134 ms", "–", "–"]
    assert row["cells"][2] == "1.00×"


def test_what_a_lane_does_not_have_has_no_ratio() -> None:
    (row,) = compare_recordings(recorded(("bf16", Ran(tokens=1))), recorded(("bf16", Ran())), NAMES)["rows"]
    assert row["cells"][3:6] == ["–", "39.0 ms", "–"]


def test_equal_recordings_differ_in_nothing() -> None:
    one = recorded(("bf16", Ran()), ("bf16", Ran()))
    assert compare_recordings(one, one, NAMES)["differences"] == []
    assert "equal" in EQUAL


def test_what_differs_in_everything_is_cut() -> None:
    one = recorded(("bf16", Ran()))
    machines = [Environment.model_validate({f"key_{at}": value for at in range(3 * MOST)}) for value in (1, 2)]
    many = [one.model_copy(update={"environment": machine}) for machine in machines]
    found = compare_recordings(many[0], many[1], NAMES)
    assert len(found["differences"]) == MOST + 1
    assert found["differences"][-1] == f"and {2 * MOST} more differences"


def test_times_that_no_clock_has_are_no_error() -> None:
    assert unpaired([1e-300, 1e-299], [1e300, 1e299]) is not None


# ---- the interval ----

positive = st.lists(st.floats(1e-4, 1e4), min_size=2, max_size=8)


def interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Low, ratio, high."""
    ratio = unpaired(first, second)
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.low, ratio.value, ratio.high


@given(positive, positive)
def test_the_other_way_round_it_is_the_inverse(first: list[float], second: list[float]) -> None:
    there, back = interval(first, second), interval(second, first)
    assert there[1] * back[1] == pytest.approx(1)
    assert there[0] * back[2] == pytest.approx(1)
    assert there[0] <= there[1] * (1 + 1e-9)
    assert there[1] <= there[2] * (1 + 1e-9)


def test_it_is_welchs_as_scipy_has_it() -> None:
    first, second = [1.0, 1.2, 0.9, 1.1], [2.0, 2.5, 1.7]
    theirs = stats.ttest_ind([*map(math.log, second)], [*map(math.log, first)], equal_var=False).confidence_interval(0.95)
    low, _, high = interval(first, second)
    assert [low, high] == pytest.approx([math.exp(theirs.low), math.exp(theirs.high)])


def test_one_repeat_has_no_interval_and_nothing_has_no_ratio() -> None:
    ratio = unpaired([1.0], [2.0, 2.1])
    assert ratio is not None
    assert (ratio.low, ratio.high) == (None, None)
    assert unpaired([], [1.0]) is None
    assert unpaired([0.0], [1.0]) is None


@pytest.mark.parametrize(
    ("sizes", "spreads"), [((5, 5), (0.05, 0.05)), ((5, 10), (0.02, 0.15)), ((3, 3), (0.1, 0.1)), ((20, 4), (0.1, 0.05))]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(sizes: Sequence[int], spreads: Sequence[float]) -> None:
    """4,000 simulated pairs of runs whose times are log-normal, the second's 1.4 times the first's."""
    draw = random.Random(5)
    held = 0
    for _ in range(4000):
        first, second = ([draw.lognormvariate(0, spread) for _ in range(size)] for size, spread in zip(sizes, spreads, strict=True))
        low, _, high = interval(first, [1.4 * value for value in second])
        held += low <= 1.4 <= high
    assert 0.93 <= held / 4000 <= 0.97
