"""The numbers of one method on one variant over all its maps, of whatever kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.interval import mean_with_interval
from pipeline.explain.localisation import energy_in_mask, pointing_game
from pipeline.explain.metrics.registry import with_interval
from pipeline.explain.metrics.sparseness import sparseness
from pipeline.explain.subject import JudgedMap

Numbers = dict[str, Any]


def summary(
    judged: Sequence[JudgedMap],
    masks: Sequence[NDArray[np.bool_] | None],
    seed: int,
    frame_of: Sequence[int] | None = None,
    *,
    signed: bool = False,
) -> Numbers:
    """Means over the maps, each with its 95 % interval and count; None where nothing was measured.

    signed: below 0 a map speaks against the class, and 0 is nothing. Then both signs are what it shows, and what speaks
    for the class is what ought to lie in the mask. Of other maps the least value is nothing.
    masks: where a map has reason to point, None where it has none. frame_of: the frame of each map, where one frame can
    have several. What was measured of no map at all is left out, but for what needs a mask. n_constant: of maps that
    tell no place from another; nothing is measured of them but that they miss the mask.
    """
    shows = [np.abs(one.importance) if signed else one.importance for one in judged]
    speaks_for = [np.maximum(one.importance, 0) if signed else one.importance for one in judged]
    localised = [None if mask is None else (one, mask) for one, mask in zip(speaks_for, masks, strict=True)]
    shown = [pair for pair in localised if pair is not None]
    measured: dict[str, list[float | None]] = {
        "xai_faithfulness": [None if one.faithfulness is None else one.faithfulness.score for one in judged],
        "deletion_auc": [one.areas["deletion_auc"] for one in judged],
        "insertion_auc": [one.areas["insertion_auc"] for one in judged],
        "sparseness": [sparseness(one) for one in shows],
        "pointing_game": [_of_pair(points_into, pair) for pair in localised],
        "energy_in_mask": [_of_pair(energy_in_mask, pair) for pair in localised],
    }
    optional = {
        "faithfulness_correlation": [one.correlation for one in judged],
        "max_sensitivity": [one.sensitivity for one in judged],
        "fidelity_r2": [one.fidelity for one in judged],
    }
    measured |= {name: values for name, values in optional.items() if any(value is not None for value in values)}
    numbers: Numbers = {}
    for name, values in measured.items():
        numbers |= with_interval(name, values, seed, frame_of)
    return {
        **numbers,
        "mask_area": float(np.mean([mask.mean() for _, mask in shown])) if shown else None,
        "n_localised": len(shown),
        "n_constant": sum(one.is_constant for one in judged),
        "n": len(judged),
    }


def points_into(importance: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """The pointing game, which a constant map loses: its first pixel is no place that it points at."""
    return bool(np.ptp(importance) > 0) and pointing_game(importance, mask)


def _of_pair(
    measure: Callable[[NDArray[np.float32], NDArray[np.bool_]], float],
    pair: tuple[NDArray[np.float32], NDArray[np.bool_]] | None,
) -> float | None:
    return None if pair is None else float(measure(*pair))


def spread(name: str, values: Sequence[float], seed: int) -> Numbers:
    """The mean as `name` with the ends of its 95 % interval (None of one value), of a fact without a better
    direction.
    """
    mean, low, high = mean_with_interval(values, seed)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
