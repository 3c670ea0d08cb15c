"""What a black-box explanation asks of an exported file: scores of one frame, such as class probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An engine's `run`: `[1, 3, S, S]` normalised frame to the file's output, `[1, ...]`."""

Scores = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""`[1, 3, S, S]` normalised frame to `[n]` scores in [0, 1], each of which can be explained."""


def through(run: Run, where: object = None) -> Scores:
    """Class probabilities `[C]`: softmax of `run`. They raise EdgeboardError where the file answers NaN or infinity."""

    def probabilities(frame_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = finite_output(run, frame_nchw, where).astype(np.float64)
        exponentials = np.exp(logits - logits.max())
        return exponentials / exponentials.sum()

    return probabilities


def finite_output(run: Run, frame_nchw: NDArray[np.float32], where: object) -> NDArray[np.float32]:
    """The output for one frame, without its batch axis. Raises EdgeboardError for NaN or infinity."""
    output = run(frame_nchw)[0]
    if not np.isfinite(output).all():
        raise EdgeboardError("The exported file answers NaN or infinity, which cannot be explained", where=where)
    return output
