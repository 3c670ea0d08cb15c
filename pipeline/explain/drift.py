"""How far a compressed model's map moved from the baseline's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError


def drift(baseline_map: NDArray[np.float32], variant_map: NDArray[np.float32]) -> float:
    """1 - Spearman's rank correlation of two maps `[S, S]`: 0 the same order of pixels, 1 unrelated, 2 reversed.

    Ranks, since a map's scale follows the network's confidence, which is not where it looks. A constant map has no
    order: two constant ones do not differ (0), one beside a map that has an order is unrelated (1). Raises
    EdgeboardError for NaN.
    """
    if not (np.isfinite(baseline_map).all() and np.isfinite(variant_map).all()):
        raise EdgeboardError("A map holds NaN or infinity, so that its drift cannot be measured")
    constant = np.ptp(baseline_map) == 0, np.ptp(variant_map) == 0
    if all(constant) or np.array_equal(baseline_map, variant_map):
        return 0.0
    if any(constant):
        return 1.0
    from scipy.stats import spearmanr

    return float(1 - spearmanr(baseline_map.ravel(), variant_map.ravel()).statistic)
