"""Answers whose reason is known: one patch of the frame alone decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores

FRAME_SIZE = 56
PATCH = (slice(8, 24), slice(32, 48))  # rows, columns


def one_by_one(scores: Callable[[NDArray[np.float32]], NDArray[np.float64]]) -> BatchScores:
    """Scores `[n]` of single frames (or clips) as those of batches."""
    return lambda frames: np.stack([scores(np.ascontiguousarray(frame[None])) for frame in frames])


def patch_mask() -> NDArray[np.bool_]:
    mask = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=bool)
    mask[PATCH] = True
    return mask


def bright_frame() -> NDArray[np.float32]:
    """`[1, 3, S, S]` of ones: whatever is hidden turns to 0. A fine grating is what a blur takes away."""
    frame = np.ones((1, 3, FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
    frame[..., ::2] = 3
    return frame


def planted_probabilities(frame_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
    """`[2]`: class 1 is as likely as the share of grating that is left in the patch."""
    patch = frame_nchw[0, 0][PATCH]
    share = float(np.clip(np.abs(np.diff(patch, axis=1)).mean() / 2, 0, 1))
    return np.array([1 - share, share])


PLANTED = one_by_one(planted_probabilities)
