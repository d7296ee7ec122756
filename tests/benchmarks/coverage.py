"""How often 95 % intervals hold the truth, by simulation: at fixed numbers of repeats, and where the run itself decides how many.

No model and no device: repeats of two lanes are drawn with a known ratio, with lognormal, heavy-tailed noise, and noise in bursts (one
repeat in ten is hit). The figure is the share of runs whose interval holds that ratio, to be within 2 of 95 %; too many is on the safe
side, and is what bursts lead to. Beside it, in the JSON, the share by other methods, and by a rule that stops when once narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from playground.analysis.pairing import UNTIL_LEVEL
from playground.analysis.stats import LEVEL, RESAMPLES, SEED
from playground.analysis.stopping import LOOK_BACK, SURE_FROM
from tests.benchmarks.figure import Figure
from tests.benchmarks.setup import Setup

Figures = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""Runs × pairs: the logarithm of each pair's ratio. What drifts in both lanes of a pair has cancelled."""
Noise = Callable[[np.random.Generator, tuple[int, int], float], Figures]

LIMIT = 2.0
TRUTH = math.log(0.7)
RUNS = 3_000
SEQUENTIAL_RUNS = 20_000
MOST = 60
WIDTH = 0.05


def lognormal(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Figures:
    return rng.normal(0, spread, shape)


def heavy(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Figures:
    """Student's t of 3 degrees of freedom."""
    return spread * rng.standard_t(3, shape) / math.sqrt(3)


def bursts(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Figures:
    """One repeat in ten is hit by something else, and only ever slower."""
    hit = (rng.random(shape) < 0.1) * rng.uniform(3, 10, shape)
    return spread * (rng.normal(0, 1, shape) + hit) / 3


NOISES: Sequence[Noise] = (lognormal, heavy, bursts)


def pairs(noise: Noise, rng: np.random.Generator, runs: int, count: int, spread: float) -> Figures:
    return TRUTH + noise(rng, (runs, count), spread) - noise(rng, (runs, count), spread)


def fixed(noise: Noise, count: int) -> dict[str, float]:
    rng = np.random.default_rng(SEED)
    logs = pairs(noise, rng, RUNS, count, 0.03)
    drawn = logs[:, rng.integers(0, count, (RESAMPLES, count))].mean(-1)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=1)
    half = stats.t.ppf((1 + LEVEL) / 2, count - 1) * math.sqrt(count / (count - 1)) * drawn.std(1, ddof=1)
    bca = stats.bootstrap((logs,), np.mean, axis=-1, n_resamples=999, method="BCa", rng=rng, batch=100).confidence_interval
    middle = logs.mean(1)
    return {"percentile": held(low, high), "BCa": held(bca.low, bca.high), "standard error and t": held(middle - half, middle + half)}


def held(low: object, high: object) -> float:
    return float(np.mean((np.asarray(low) <= TRUTH) & (np.asarray(high) >= TRUTH)))


def until_sure(noise: Noise, spread: float, level: float, least: int, looks: int) -> tuple[float, float]:
    """How often the interval at the end holds the truth, and the mean number of pairs. `looks`: how often in a row it must be narrow."""
    rng = np.random.default_rng(SEED)
    logs = pairs(noise, rng, SEQUENTIAL_RUNS, MOST, spread)
    narrow_for, covers, lengths, open_ = (np.zeros(SEQUENTIAL_RUNS) for _ in range(4))
    open_ += 1
    for count in range(least - LOOK_BACK * (looks - 1), MOST + 1, LOOK_BACK):
        seen = logs[:, :count]
        half = stats.t.ppf((1 + level) / 2, count - 1) * seen.std(1, ddof=1) / math.sqrt(count)
        narrow_for = np.where(2 * np.sinh(half) < WIDTH, narrow_for + 1, 0)
        ends = (open_ > 0) & ((narrow_for >= looks) | (count >= MOST))
        covers += ends & (np.abs(seen.mean(1) - TRUTH) <= half)
        lengths += ends * count
        open_ = np.where(ends, 0, open_)
    return float(covers.mean()), float(lengths.mean())


def run(setup: Setup) -> list[Figure]:
    return [_fixed(setup, noise, count) for noise in NOISES for count in (3, 5, 8, 12, 20)] + [
        _until(setup, noise, spread) for noise in NOISES for spread in (0.005, 0.02, 0.06)
    ]


def _fixed(setup: Setup, noise: Noise, count: int) -> Figure:
    shares = {name: 100 * share for name, share in fixed(noise, count).items()}
    setup.say(f"coverage: {noise.__name__}, {count} pairs: {', '.join(f'{name} {share:.1f} %' for name, share in shares.items())}")
    return _figure(f"{noise.__name__} noise, {count} pairs", shares["standard error and t"], shares)


def _until(setup: Setup, noise: Noise, spread: float) -> Figure:
    plain, _ = until_sure(noise, spread, LEVEL, 4, 1)
    ours, pairs_used = until_sure(noise, spread, UNTIL_LEVEL, SURE_FROM, 2)
    setup.say(f"coverage: {noise.__name__} of {100 * spread:g} %, until sure: {100 * ours:.1f} %, by a plain rule {100 * plain:.1f} %")
    raw = {"pairs": pairs_used, "plain rule": 100 * plain}
    return _figure(f"{noise.__name__} noise of {100 * spread:g} %, until sure", 100 * ours, raw)


def _figure(what: str, share: float, raw: dict[str, float]) -> Figure:
    return Figure("coverage", f"simulated 95 % intervals that hold the truth, {what}", "%", LIMIT, (share,), aim=95, raw=dict(raw))
