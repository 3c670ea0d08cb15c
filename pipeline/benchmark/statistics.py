"""From raw samples to numbers with an interval: one place for timings of this machine and of a board.

Every interval is a 95 % one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

SAMPLES_BEYOND_A_PERCENTILE = 10
CONFIDENCE = 0.95
RESAMPLES = 2000
_TAILS = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, `low <= value <= high`, all in the same unit."""

    value: float
    low: float
    high: float

    def columns(self, name: str) -> dict[str, float]:
        """The estimate as three columns of a report: `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two accuracies on the same frames, as a fraction in [-1, 1]; positive: the variant is better.

    gained, lost: frames that only the variant, only the baseline has right. p_value: exact McNemar, two-sided.
    """

    value: float
    low: float
    high: float
    gained: int
    lost: int
    p_value: float


def samples_needed(percent: float) -> int:
    """How many samples a percentile needs: so many that 10 of them lie beyond it (median 20, p90 100, p99 1000)."""
    beyond = min(percent, 100 - percent) / 100
    return math.ceil(round(SAMPLES_BEYOND_A_PERCENTILE / beyond, 6))


def percentile(samples: NDArray[np.float64], percent: float) -> float | None:
    """The `percent`-th percentile, 0 < percent < 100, or None where the samples are too few to know it.

    Fewer than 10 samples beyond a percentile make it the story of one or two outliers (see `samples_needed`).
    """
    if samples.size < samples_needed(percent):
        return None
    return float(np.percentile(samples, percent))


def coefficient_of_variation(samples: NDArray[np.float64]) -> float:
    """Standard deviation over mean, outliers included; 0 for a steady clock. NaN-free: 0 for fewer than two samples."""
    return float(np.std(samples, ddof=1) / np.mean(samples)) if samples.size > 1 else 0.0


def outliers(samples: NDArray[np.float64]) -> int:
    """How many samples lie above the third quartile by more than three times the distance of the quartiles: Tukey's
    outer fence (1977, Exploratory Data Analysis). They are told, and stay in every other number."""
    low, high = np.percentile(samples, (25, 75))
    return int(np.count_nonzero(samples > high + 3 * (high - low)))


def wilson(successes: int, trials: int) -> Estimate:
    """A fraction with Wilson's score interval (Wilson 1927, JASA 22:209). Raises EdgeboardError for no trials."""
    if trials == 0:
        raise EdgeboardError("An accuracy needs at least one frame", value="0 frames")
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def paired_difference(correct: NDArray[np.bool_], correct_baseline: NDArray[np.bool_]) -> PairedDifference:
    """Accuracy of a variant minus that of the baseline, on the same frames in the same order.

    correct, correct_baseline: bool `[N]`, whether each frame was decided rightly. The interval is Newcombe's
    square-and-add one for paired proportions (Newcombe 1998, Statistics in Medicine 17:2635, method 10). A paired
    bootstrap would give the interval [0, 0] for two variants that never differ, however few the frames; this one does
    not.
    """
    n = correct.size
    if n == 0 or n != correct_baseline.size:
        raise EdgeboardError(
            "A paired difference needs the same frames for both", value=f"{n} and {correct_baseline.size} frames"
        )
    from scipy.stats import binomtest

    both = int(np.sum(correct & correct_baseline))
    gained = int(np.sum(correct & ~correct_baseline))
    lost = int(np.sum(~correct & correct_baseline))
    neither = n - both - gained - lost
    difference = (gained - lost) / n
    variant, baseline = wilson(both + gained, n), wilson(both + lost, n)
    phi = _newcombe_correlation(both, gained, lost, neither)
    below = _square_and_add(variant.value - variant.low, baseline.high - baseline.value, phi)
    above = _square_and_add(variant.high - variant.value, baseline.value - baseline.low, phi)
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return PairedDifference(difference, difference - below, difference + above, gained, lost, p_value)


def _newcombe_correlation(both: int, gained: int, lost: int, neither: int) -> float:
    """Correlation of the two decisions, with Newcombe's continuity correction when it is positive."""
    n = both + gained + lost + neither
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if margins == 0:
        return 0.0
    covariance: float = both * neither - gained * lost
    if covariance > 0:
        covariance = max(covariance - n / 2, 0.0)
    return covariance / math.sqrt(margins)


def _square_and_add(one: float, other: float, phi: float) -> float:
    # Rounding can leave a tiny negative number when both sides are equal and phi is 1.
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))


def median_ms(rounds_ms: Sequence[NDArray[np.float64]], seed: int) -> Estimate:
    """Median latency in ms. rounds_ms: one array of samples per round; rounds, not samples, are resampled.

    Neighbouring samples share the state of the machine (clock, other processes), so that resampling single
    samples would claim an interval that is too narrow: this is a cluster bootstrap.
    """
    value = float(np.median(np.concatenate(rounds_ms)))
    return _estimate(value, _resampled_medians(rounds_ms, _round_counts(len(rounds_ms), seed)))


def frames_per_second(rounds_ms: Sequence[NDArray[np.float64]], seed: int) -> Estimate:
    """1000 / median latency in ms, with the interval of `median_ms`."""
    latency = median_ms(rounds_ms, seed)
    return Estimate(1000 / latency.value, 1000 / latency.high, 1000 / latency.low)


def speedup(
    rounds_ms: Sequence[NDArray[np.float64]], baseline_rounds_ms: Sequence[NDArray[np.float64]], seed: int
) -> Estimate:
    """Baseline's median over the variant's: above 1 is faster. Both were timed in the same rounds, in turn.

    The same resampled rounds are taken for both, so that what slowed a whole round cancels out.
    """
    if len(rounds_ms) != len(baseline_rounds_ms):
        raise EdgeboardError(
            "A speed-up needs both variants timed in the same rounds",
            value=f"{len(rounds_ms)} and {len(baseline_rounds_ms)} rounds",
        )
    counts = _round_counts(len(rounds_ms), seed)
    value = float(np.median(np.concatenate(baseline_rounds_ms)) / np.median(np.concatenate(rounds_ms)))
    ratios = _resampled_medians(baseline_rounds_ms, counts) / _resampled_medians(rounds_ms, counts)
    return _estimate(value, ratios)


def _estimate(value: float, resampled: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(resampled, _TAILS)
    # With few rounds the percentile interval can miss the estimate itself by a hair.
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def _round_counts(rounds: int, seed: int) -> NDArray[np.int64]:
    """`[RESAMPLES, rounds]`: how often each round was drawn."""
    return np.random.default_rng(seed).multinomial(rounds, np.full(rounds, 1 / rounds), size=RESAMPLES)


def _resampled_medians(rounds_ms: Sequence[NDArray[np.float64]], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median of each resample `[RESAMPLES]`; rounds may differ in length.

    All samples are sorted once; a resample then only weights them, and its median is where half the weight is reached.
    That place is found by bisection, in all resamples at once: a board may send a hundred thousand samples.
    """
    samples = np.concatenate(rounds_ms)
    round_of_sample = np.repeat(np.arange(len(rounds_ms)), [len(one) for one in rounds_ms])
    order = np.argsort(samples, kind="stable")
    ordered, round_of_ordered = samples[order], round_of_sample[order]
    places = [np.flatnonzero(round_of_ordered == one) for one in range(len(rounds_ms))]
    total = counts @ np.array([len(one) for one in rounds_ms])

    def first_with(weight: NDArray[np.float64]) -> NDArray[np.int64]:
        """Of each resample the first sample with which at least `weight` of its weight is reached."""
        low, high = np.zeros(len(counts), np.int64), np.full(len(counts), samples.size - 1)
        while (low < high).any():
            middle = (low + high) // 2
            reached = sum(
                counts[:, one] * np.searchsorted(place, middle, side="right") for one, place in enumerate(places)
            )
            is_enough = reached >= weight
            low, high = np.where(is_enough, low, np.minimum(middle + 1, high)), np.where(is_enough, middle, high)
        return low

    # Of an even weight the median lies between two samples, of an odd one both are the same.
    return (ordered[first_with(np.ceil(total / 2))] + ordered[first_with(np.floor(total / 2) + 1)]) / 2
