"""What repeats can show: percentiles, spread, outliers, and the interval of a comparison. Pure.

Why Student's t and not the percentiles of the bootstrap: over 3,000 simulated comparisons each (tests/benchmarks/coverage.py), 95 %
intervals held the truth, at 3, 5, 8, 12 and 20 pairs of lognormal noise, so often:

    percentile                74 %   83 %   90 %   91 %   93 %
    BCa                       72 %   84 %   89 %   90 %   94 %
    standard error and t      95 %   96 %   95 %   95 %   96 %     (96 % with heavy tails; 95–98 % where one repeat in ten is hit)

With n pairs no percentile interval can be wider than the sample, and the bootstrap's standard error is too small by √((n − 1) / n)
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 5.3 and 12.4; Hesterberg, What Teachers Should Know About the
Bootstrap, The American Statistician 69(4), 2015, section 4.1). So the interval is the mean ± t · √(n / (n − 1)) · that standard error.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from playground.spec.measure import MAX_REPEATS

LEVEL = 0.95
RESAMPLES = 1_999
SEED = 20_260_101
"""Of the resampling: the same figures give the same interval, in every process."""
OUTLIER = 3.5
"""Modified z-scores beyond this are outliers: Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993."""
AS_NORMAL = 0.6745
"""The MAD of a normal distribution, of its standard deviation."""

Pairs = tuple[tuple[float, float], ...]
"""A lane's figure and the baseline's, of the same repeat; above 0."""


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Between the two nearest values in proportion (Hyndman and Fan's type 7, NumPy's "linear"); None of none."""
    if not values:
        return None
    ranked, place = sorted(values), (len(values) - 1) * percent / 100
    below = ranked[math.floor(place)]
    return below + (ranked[math.ceil(place)] - below) * (place - math.floor(place))


def mad(values: Sequence[float]) -> float | None:
    """Median absolute deviation from the median, as it is: not scaled to a standard deviation. None of fewer than two."""
    if len(values) < 2:
        return None
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values)


def outliers(values: Sequence[float]) -> list[bool]:
    """Which lie more than 3.5 modified z-scores from the median; none where half the values are equal, for the MAD is 0 then."""
    spread = mad(values)
    if not spread:
        return [False] * len(values)
    middle = statistics.median(values)
    return [AS_NORMAL * abs(value - middle) / spread > OUTLIER for value in values]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over pairs."""

    value: float
    ends: tuple[float, float] | None
    """Of its interval; None of fewer than two."""


@dataclass(frozen=True, slots=True)
class Paired:
    """A lane against another. `ratio`: the geometric mean of the pairs' ratios."""

    pairs: int
    ratio: Estimate
    needed: int | None
    """See `needed`."""


@lru_cache(maxsize=4096)
def interval(pairs: Pairs, level: float = LEVEL) -> Paired | None:
    """The ratio with its interval; None of no pairs. The order of pairs changes nothing, and with lane and baseline exchanged the ratio
    and its limits are one over what they were.

    CacheItem, because a live page asks for every lane many times a second.
    """
    if not pairs:
        return None
    logs = [math.log(lane) - math.log(other) for lane, other in pairs]
    log = _estimate(logs, level)
    return Paired(
        pairs=len(pairs),
        ratio=Estimate(math.exp(log.value), (math.exp(log.ends[0]), math.exp(log.ends[1])) if log.ends else None),
        needed=needed(logs, level),
    )


@lru_cache(maxsize=1024)
def difference(pairs: Pairs, level: float = LEVEL) -> Estimate | None:
    """The mean of the pairs' differences with its interval, in the figures' unit; None of no pairs."""
    return _estimate([lane - other for lane, other in pairs], level) if pairs else None


def needed(differences: Sequence[float], level: float = LEVEL) -> int | None:
    """About how many pairs would show their mean as different from 0, if mean and spread stay as seen: the smallest number with
    t · s / √n below the mean. None when fewer than two are known, when these show it already, or when no number that is allowed would.
    """
    if len(differences) < 2:
        return None
    effect, spread = abs(statistics.fmean(differences)), statistics.stdev(differences)
    shows = (n for n in range(2, MAX_REPEATS + 1) if _t(n, level) * spread / math.sqrt(n) < effect)
    least = next(shows, None)
    return least if least is not None and least > len(differences) else None


def get_ready() -> None:
    """Imports what the first interval needs: most of a second's work, which must not fall beside what is measured."""
    _estimate([0.0, 1.0], LEVEL)


def _estimate(differences: list[float], level: float) -> Estimate:
    mean, count = statistics.fmean(differences), len(differences)
    if count < 2:
        return Estimate(mean, None)
    half = _t(count, level) * math.sqrt(count / (count - 1)) * _standard_error(differences)
    return Estimate(mean, (mean - half, mean + half))


def _standard_error(differences: list[float]) -> float:
    """SciPy's bootstrap over the pairs: drawing pairs is drawing their differences.

    The same draws for the same pairs, in whatever order they come and whichever lane is the baseline.
    """
    import numpy as np
    from scipy.stats import bootstrap

    centre = statistics.fmean(differences)
    centred = [one - centre for one in differences]
    sample = min(sorted(centred), sorted(-one for one in centred))
    if sample[0] == sample[-1]:
        return 0.0
    found = bootstrap((np.array(sample),), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(SEED))
    return float(found.standard_error)


@lru_cache(maxsize=1024)
def _t(count: int, level: float) -> float:
    """Student's quantile for so many pairs."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + level) / 2))
