"""A clip as a volume, channels first: the form in which maps over space and time are made and judged.

A picture `[1, 3, S, S]` has its map's `[S, S]` behind the channels, a volume `[1, 3, T, S, S]` its map's `[T, S, S]`:
so RISE, deletion and insertion treat both alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.faithfulness import BLUR_SIGMA, blurred
from pipeline.explain.probabilities import Scores


def as_volume(clip_ntchw: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[1, T, 3, S, S]` to `[1, 3, T, S, S]`, or back."""
    return np.ascontiguousarray(clip_ntchw.swapaxes(1, 2))


def of_volume(scores: Scores) -> Scores:
    """Scores of `[1, T, 3, S, S]` as scores of `[1, 3, T, S, S]`."""
    return lambda volume: scores(as_volume(volume))


def blurred_volume(volume_ncthw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without detail and without motion: Gaussian blur with a sigma of a quarter of each axis, time included.

    Blurred in space alone, a clip would still show how something large moves.
    """
    from scipy.ndimage import gaussian_filter1d

    frames = np.stack([blurred(volume_ncthw[:, :, t]) for t in range(volume_ncthw.shape[2])], axis=2)
    return gaussian_filter1d(frames, volume_ncthw.shape[2] * BLUR_SIGMA, axis=2, mode="mirror")
