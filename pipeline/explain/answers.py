"""What an exported file is asked: one frame at a time, and what of its answer is no number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""`[N, 3, S, S]` (or clips `[N, T, 3, S, S]`) normalised frames to the file's outputs, `[N, ...]`."""

BatchScores = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""The same to `[N, n]` scores in [0, 1], each of which can be explained."""


def finite(outputs: NDArray[np.float32], where: object) -> NDArray[np.float32]:
    """The outputs. Raises EdgeboardError for NaN or infinity."""
    if not np.isfinite(outputs).all():
        raise EdgeboardError("The exported file answers NaN or infinity, which cannot be explained", where=where)
    return outputs


def probabilities(run: Run, where: object = None) -> BatchScores:
    """Class probabilities `[N, C]`: softmax of `run`. They raise EdgeboardError for NaN or infinity."""

    def answers(frames: NDArray[np.float32]) -> NDArray[np.float64]:
        return softmax(finite(run(frames), where))

    return answers


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """`[N, C]` to probabilities."""
    shifted = logits.astype(np.float64)
    exponentials = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
