"""The numbers of one variant over all its explanations, of whatever kind of task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.faithfulness import Faithfulness
from pipeline.explain.interval import mean_with_interval
from pipeline.explain.localisation import energy_in_mask, pointing_game

DIRECTIONS = {
    "xai_faithfulness": "higher",
    "xai_drift": "lower",
    "deletion_auc": "lower",
    "insertion_auc": "higher",
    "pointing_game": "higher",
    "energy_in_mask": "higher",
}


def summary(
    scores: Sequence[Faithfulness],
    drifts: Sequence[float],
    localised: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
    seed: int,
    frame_of: Sequence[int] | None = None,
) -> dict[str, float | int | None]:
    """Means over the explanations, two with their 95 % interval; None where nothing is localised.

    localised: map and true mask, both `[S, S]`, of the explanations that have reason to point there. frame_of: the
    frame of each explanation, where one frame can have several.
    """
    return {
        **spread("xai_faithfulness", [one.score for one in scores], seed, frame_of),
        **spread("xai_drift", drifts, seed, frame_of),
        "deletion_auc": float(np.mean([one.deletion_auc for one in scores])),
        "insertion_auc": float(np.mean([one.insertion_auc for one in scores])),
        "pointing_game": float(np.mean([points_into(*pair) for pair in localised])) if localised else None,
        "energy_in_mask": float(np.mean([energy_in_mask(*pair) for pair in localised])) if localised else None,
        "mask_area": float(np.mean([mask.mean() for _, mask in localised])) if localised else None,
        "n_localised": len(localised),
        "n": len(scores),
    }


def points_into(importance: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """The pointing game, which a constant map loses: its first pixel is no place that it points at."""
    return bool(np.ptp(importance) > 0) and pointing_game(importance, mask)


def spread(name: str, values: Sequence[float], seed: int, frame_of: Sequence[int] | None) -> dict[str, float]:
    """The mean as `name`, the ends of its 95 % interval as `name`_low and `name`_high."""
    mean, low, high = mean_with_interval(values, seed, frame_of)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
