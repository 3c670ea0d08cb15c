"""The mean over frames with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000


def mean_with_interval(
    values: Sequence[float], seed: int, frame_of: Sequence[int] | None = None
) -> tuple[float, float, float]:
    """Mean, low and high: 95 % percentile bootstrap over frames; a little narrow with fewer than some 20 frames.

    frame_of: the frame of each value, where one frame can have several. They stand or fall together when frames are
    drawn, for they are not independent.
    """
    array = np.asarray(values, dtype=np.float64)
    frames = np.arange(array.size) if frame_of is None else np.unique(frame_of, return_inverse=True)[1]
    sums, counts = np.bincount(frames, array), np.bincount(frames)
    drawn = np.random.default_rng(seed).integers(0, sums.size, size=(RESAMPLES, sums.size))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    mean = float(array.mean())
    # The mean of equal values can differ from them in the last bit.
    return mean, min(float(low), mean), max(float(high), mean)
