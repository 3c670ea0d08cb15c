"""Intervals and differences from resampled test sets, as detections and faces have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.statistics import CONFIDENCE, Estimate

_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class ResampledDifference:
    """A measure of a variant minus the baseline's, in [-1, 1], with its paired 95 % interval; above 0 it is higher.

    p_value: two-sided, how far into the tails of the resampled differences zero lies (Efron and Tibshirani 1993, An
    Introduction to the Bootstrap, chapter 15); it cannot be below 2 / (resamples + 1).
    """

    value: float
    low: float
    high: float
    p_value: float


def interval(value: float, resampled: NDArray[np.float64], widest: tuple[float, float], n_groups: int) -> Estimate:
    """Percentile interval (Efron 1979, Annals of Statistics 7:1) of resampled values; NaN among them are left out.

    n_groups: of how many independent groups it is. One tells nothing of others: the interval is `widest`.
    """
    known = resampled[~np.isnan(resampled)]
    if n_groups < 2 or not known.size:
        return Estimate(value, *widest)
    low, high = np.quantile(known, _TAILS)
    # The percentiles of few resamples can miss the estimate itself by a hair.
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def difference(value: float, resampled: NDArray[np.float64], n_groups: int) -> ResampledDifference:
    """resampled: differences of the two on the same resamples, NaN where one of them is not defined."""
    known = resampled[~np.isnan(resampled)]
    tail = min(int((known <= 0).sum()), int((known >= 0).sum()))
    p_value = min(1.0, 2 * (tail + 1) / (known.size + 1))
    between = interval(value, resampled, (-1.0, 1.0), n_groups)
    return ResampledDifference(value, between.low, between.high, p_value if n_groups > 1 else 1.0)
