"""Class probabilities of one frame through an exported file: all that a black-box explanation needs of a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError

Probabilities = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""`[1, 3, S, S]` normalised frame to `[C]` probabilities."""


def through(run: Callable[[NDArray[np.float32]], NDArray[np.float32]], where: object = None) -> Probabilities:
    """Softmax of an engine's `run`. The result raises EdgeboardError where the file answers NaN or infinity."""

    def probabilities(frame_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = run(frame_nchw)[0].astype(np.float64)
        if not np.isfinite(logits).all():
            raise EdgeboardError("The exported file answers NaN or infinity, which cannot be explained", where=where)
        exponentials = np.exp(logits - logits.max())
        return exponentials / exponentials.sum()

    return probabilities
