"""What repeats can show: exact by hand, the same from any side, and as often right as an interval says it is."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.analysis.stats import RESAMPLES, Pairs, difference, interval, mad, needed, outliers, percentile
from playground.spec.measure import MAX_REPEATS

figures = st.floats(1e-4, 1e3)
pairs = st.lists(st.tuples(figures, figures), min_size=1, max_size=12).map(tuple)


@pytest.mark.parametrize(("percent", "value"), [(0, 10.0), (25, 17.5), (50, 25.0), (90, 37.0), (95, 38.5), (99, 39.7), (100, 40.0)])
def test_a_percentile_lies_between_its_neighbours_in_proportion(percent: float, value: float) -> None:
    assert percentile([40.0, 10.0, 30.0, 20.0], percent) == pytest.approx(value)
    assert percentile([], percent) is None
    assert percentile([3.0], percent) == 3.0


def test_mad_is_not_scaled() -> None:
    assert mad([1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]) == 1.0
    assert (mad([3.0]), mad([])) == (None, None)


def test_outliers_by_the_modified_z_score() -> None:
    # median 10, deviations 2 1 0 1 2 6: MAD 1.5, so 0.6745 · 8 / 1.5 = 3.6 is beyond 3.5, and 0.6745 · 7 / 1.5 = 3.1 is not
    assert outliers([8.0, 9.0, 10.0, 10.0, 11.0, 12.0, 18.0]) == [False] * 6 + [True]
    assert mad([8.0, 9.0, 10.0, 10.0, 11.0, 12.0, 15.0]) == 1.0
    assert outliers([1.0, 1.0, 1.0, 50.0]) == [False] * 4, "the MAD is 0"
    assert outliers([]) == []


def test_the_ratio_is_the_geometric_mean_and_the_difference_the_mean() -> None:
    found, apart = interval(((2.0, 1.0), (8.0, 1.0))), difference(((2.0, 1.0), (8.0, 1.0)))
    assert found is not None
    assert apart is not None
    assert found.ratio.value == pytest.approx(4.0)
    assert apart.value == pytest.approx(4.0)
    # logs differ by 2 log 2 = 1.386, so s / √2 = 0.693; Student's quantile for two pairs is 12.706
    assert found.ratio.ends == pytest.approx((4 * math.exp(-12.706 * 0.6931), 4 * math.exp(12.706 * 0.6931)), rel=0.4)


def test_the_interval_is_that_of_the_bootstrap_made_honest() -> None:
    """Of a mean the bootstrap's standard error is known: s / √n · √((n − 1) / n); resampling finds it but for chance."""
    logs = [0.01, 0.03, -0.02, 0.00, 0.05, 0.02]
    found = interval(tuple((math.exp(one), 1.0) for one in logs))
    assert found is not None
    assert found.ratio.ends is not None
    half = 2.5706 * statistics.stdev(logs) / math.sqrt(6)
    assert math.log(found.ratio.ends[1] / found.ratio.value) == pytest.approx(half, rel=3 / math.sqrt(2 * RESAMPLES))


def test_one_pair_has_no_interval_and_none_has_nothing() -> None:
    one = interval(((3.0, 2.0),))
    assert one is not None
    assert one.ratio.value == pytest.approx(1.5)
    assert (one.ratio.ends, one.needed) == (None, None)
    assert (interval(()), difference(())) == (None, None)


def test_equal_figures_have_an_interval_of_no_width() -> None:
    found = interval(((2.0, 2.0),) * 4)
    assert found is not None
    assert (found.ratio.value, found.ratio.ends, found.needed) == (1.0, (1.0, 1.0), None)


@settings(max_examples=50, deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_pairs_changes_nothing(given_pairs: Pairs, shuffle: random.Random) -> None:
    mixed = list(given_pairs)
    shuffle.shuffle(mixed)
    one, other = interval(given_pairs), interval(tuple(mixed))
    assert one is not None
    assert other is not None
    assert other.ratio.value == pytest.approx(one.ratio.value, rel=1e-9)
    assert other.ratio.ends == (None if one.ratio.ends is None else pytest.approx(one.ratio.ends, rel=1e-6))


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_exchanged_lanes_have_the_inverse_ratio(given_pairs: Pairs) -> None:
    one, other = interval(given_pairs), interval(tuple((baseline, lane) for lane, baseline in given_pairs))
    assert one is not None
    assert other is not None
    assert one.ratio.value * other.ratio.value == pytest.approx(1.0)
    assert one.needed == other.needed
    if one.ratio.ends and other.ratio.ends:
        assert math.log(one.ratio.ends[0]) == pytest.approx(-math.log(other.ratio.ends[1]), rel=1e-6, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_the_ratio_lies_in_its_interval(given_pairs: Pairs) -> None:
    found, apart = interval(given_pairs), difference(given_pairs)
    assert found is not None
    assert apart is not None
    for one in (found.ratio, apart):
        assert one.ends is None or one.ends[0] <= one.value <= one.ends[1]


def test_needed_is_the_smallest_number_that_would_show_it() -> None:
    logs = [0.03, -0.01, 0.02, -0.02, 0.03]  # mean 0.01, s = 0.02345; t · s / √n: 0.0102 at 23, 0.0099 at 24
    assert needed(logs) == 24
    assert needed([0.03, 0.031, 0.029]) is None, "three do already"
    assert needed([0.0001, 0.5, -0.5]) is None, f"nor would {MAX_REPEATS}"
    assert (needed([0.1]), needed([])) == (None, None)


def simulated(truth: float, count: int, noise: random.Random, heavy: bool) -> Pairs:
    """Pairs that drift together; each figure has noise of its own of 3 %, now and then of much more."""

    def figure(drift: float) -> float:
        burst = noise.gauss(0, 0.12) if heavy and noise.random() < 0.1 else 0.0
        return 0.04 * math.exp(drift + noise.gauss(0, 0.03) + burst)

    drifts = [noise.gauss(0, 0.1) for _ in range(count)]
    return tuple((truth * figure(drift), figure(drift)) for drift in drifts)


@pytest.mark.parametrize(("count", "heavy"), [(3, False), (5, False), (12, False), (5, True), (12, True)])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int, heavy: bool) -> None:
    noise, runs, held = random.Random(11), 2_000, 0
    for _ in range(runs):
        found = interval.__wrapped__(simulated(0.7, count, noise, heavy))
        assert found is not None
        assert found.ratio.ends is not None
        held += found.ratio.ends[0] <= 0.7 <= found.ratio.ends[1]
    assert 0.93 <= held / runs <= 0.97
