"""The mean over frames with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
_Z = 1.959963984540054  # of a two-sided 95 %

Estimate = tuple[float, float | None, float | None]
"""Mean, low and high; both ends None where one frame alone says nothing of others."""


def mean_with_interval(values: Sequence[float], seed: int, frame_of: Sequence[int] | None = None) -> Estimate:
    """95 % percentile bootstrap over frames; a little narrow with fewer than some 20 frames.

    frame_of: the frame of each value, where one frame can have several. They stand or fall together when frames are
    drawn, for they are not independent.
    """
    array = np.asarray(values, dtype=np.float64)
    frames = np.arange(array.size) if frame_of is None else np.unique(frame_of, return_inverse=True)[1]
    sums, counts = np.bincount(frames, array), np.bincount(frames)
    if sums.size == 1:
        return float(array.mean()), None, None
    drawn = np.random.default_rng(seed).integers(0, sums.size, size=(RESAMPLES, sums.size))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    mean = float(array.mean())
    # The mean of equal values can differ from them in the last bit.
    return mean, min(float(low), mean), max(float(high), mean)


def share_with_interval(hits: Sequence[float], frame_of: Sequence[int] | None = None) -> Estimate:
    """The share of ones among zeros and ones, with Wilson's 95 % score interval (Wilson 1927, JASA 22:209).

    The bootstrap of five hits out of five would be sure of all frames to come. frame_of: see mean_with_interval; values
    of one frame count as one trial, as if they always agreed, so that the hits need not be a whole number, which SciPy
    asks for.
    """
    share = float(np.mean(hits))
    trials = len(hits) if frame_of is None else len(set(frame_of))
    scale, centre = 1 + _Z**2 / trials, share + _Z**2 / (2 * trials)
    half = _Z * np.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    low, high = float(centre - half) / scale, float(centre + half) / scale
    return share, max(0.0, min(low, share)), min(1.0, max(high, share))
