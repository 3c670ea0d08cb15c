"""Does a map stand still under noise that nobody sees? Max sensitivity (Yeh et al. 2019, arXiv:1901.09392)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Of a normalised frame: half a grey level in 255 is 0.01.
RADIUS, SAMPLES = 0.02, 4


def max_sensitivity(
    explain: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    frame_nchw: NDArray[np.float32],
    seed: int,
    radius: float = RADIUS,
    samples: int = SAMPLES,
) -> float | None:
    """Largest change of the map relative to its own norm, over `samples` frames within `radius` of each value.

    0 and above, lower is better. Each map is taken from its mean: a constant says nothing, and RISE's would hide every
    change. explain: a frame to its map, for one class and with the same masks each time. None for a constant map.
    """
    reference = _centred(explain(frame_nchw))
    norm = float(np.linalg.norm(reference))
    if norm == 0:
        return None
    rng, largest = np.random.default_rng(seed), 0.0
    for _ in range(samples):
        noise = rng.uniform(-radius, radius, frame_nchw.shape).astype(np.float32)
        moved = _centred(explain(frame_nchw + noise))
        largest = max(largest, float(np.linalg.norm(moved - reference)) / norm)
    return largest


def _centred(importance: NDArray[np.float32]) -> NDArray[np.float64]:
    values = importance.astype(np.float64)
    return values - values.mean()
