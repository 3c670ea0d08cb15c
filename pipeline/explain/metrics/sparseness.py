"""Is a map concise? (Chalasani et al. 2020, arXiv:1810.06583), by quantus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sparseness(importance: NDArray[np.float32]) -> float | None:
    """Gini index of the map's values above its least, in [0, 1]: 0 all pixels alike, near 1 one pixel alone.

    The least value counts as nothing, for a black-box map such as RISE's is nowhere 0. None for a constant map, which
    shows nothing, concisely or not.
    """
    from quantus import Sparseness

    energy = importance.astype(np.float64) - float(importance.min())
    if energy.max() <= 0:
        return None
    planes = energy.reshape(1, -1)
    return float(Sparseness(disable_warnings=True).evaluate_batch(x_batch=planes, a_batch=planes)[0])
