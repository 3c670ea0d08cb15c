"""How alike two maps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.drift import drift

_SMALLEST_WINDOW = 3


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's, in [-1, 1]; two constant maps are alike (1), one beside a map that has an order is unrelated (0).

    Raises EdgeboardError for NaN.
    """
    return 1 - drift(one, other)


def ssim(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Structural similarity in [-1, 1] (Wang et al. 2004), by scikit-image, of two maps `[S, S]` (or `[T, S, S]`).

    Each map is stretched to 0..1 first: a map's scale follows the network's confidence. Two constant maps are alike
    (1), one beside a map with structure is not (0). Of a clip: the mean over its frames, stretched as a whole.
    Raises EdgeboardError for NaN, or for maps of different shape.
    """
    if one.shape != other.shape:
        raise EdgeboardError("Maps of different shape cannot be compared", value=f"{one.shape} and {other.shape}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise EdgeboardError("A map holds NaN or infinity, so that its likeness cannot be measured")
    constant = np.ptp(one) == 0, np.ptp(other) == 0
    if all(constant) or np.array_equal(one, other):
        return 1.0
    if any(constant):
        return 0.0
    from skimage.metrics import structural_similarity

    window = min(7, *(side - (side + 1) % 2 for side in one.shape[-2:]))
    if window < _SMALLEST_WINDOW:
        raise EdgeboardError("A map is too small for structural similarity", value=one.shape, allowed="3 pixels a side")
    planes = (stretched(each).reshape(-1, *each.shape[-2:]) for each in (one, other))
    return float(
        np.mean([structural_similarity(*pair, win_size=window, data_range=1) for pair in zip(*planes, strict=True)])
    )


def stretched(importance: NDArray[np.float32]) -> NDArray[np.float64]:
    """From 0, its least value, to 1, its highest; a constant map is 0."""
    shifted = importance.astype(np.float64) - float(importance.min())
    span = shifted.max()
    return shifted / span if span > 0 else shifted
