"""How often intervals hold the truth, by simulation: at fixed numbers of repeats, and where the run itself decides how many.

`python -m tests.benchmarks.coverage` takes about 20 seconds; no model, no device.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from playground.comparison import LOOK_BACK, SURE_FROM, UNTIL_LEVEL
from playground.stats import LEVEL, RESAMPLES, SEED

Figures = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""Runs × pairs: the logarithm of each pair's ratio. What drifts in both lanes of a pair has cancelled."""
Noise = Callable[[np.random.Generator, tuple[int, int], float], Figures]

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


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    for noise in NOISES:
        for count in (3, 5, 8, 12, 20):
            shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in fixed(noise, count).items())
            say(f"{noise.__name__}, {count} pairs: {shares}")
    for noise in NOISES:
        for spread in (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08):
            plain, n_plain = until_sure(noise, spread, LEVEL, 4, 1)
            ours, n_ours = until_sure(noise, spread, UNTIL_LEVEL, SURE_FROM, 2)
            said = f"95 % and once {100 * plain:.1f} % ({n_plain:.0f} pairs), as it is {100 * ours:.1f} % ({n_ours:.0f} pairs)"
            say(f"{noise.__name__}, noise {100 * spread:g} %, until sure: {said}")


if __name__ == "__main__":
    main()
