"""Does a map point into the true object? Needs the true mask, which generated data has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pointing_game(importance: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """Whether the highest pixel of a map `[S, S]` lies in the mask (Zhang et al. 2016, arXiv:1608.00507)."""
    return bool(mask.ravel()[int(importance.argmax())])


def energy_in_mask(importance: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Share of a map's energy that lies in the mask, in [0, 1] (Wang et al. 2020, arXiv:1910.01279).

    The lowest value counts as no energy. A constant map points everywhere: its share is that of the mask's area.
    """
    energy = importance.astype(np.float64) - float(importance.min())
    total = energy.sum()
    return float(energy[mask].sum() / total) if total > 0 else float(mask.mean())
