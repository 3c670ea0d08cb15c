"""Drift of a variant's maps, apart where it decides as the baseline does and where compression changed the decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.drift import drift
from pipeline.explain.metrics.registry import with_interval
from pipeline.explain.metrics.similarity import ssim


def drift_by_decision(
    baseline_maps: Sequence[NDArray[np.float32]],
    maps: Sequence[NDArray[np.float32]],
    alike: Sequence[bool],
    seed: int,
    frame_of: Sequence[int] | None = None,
) -> dict[str, dict[str, float | int | None]]:
    """Under `all`, `alike` and `differ`: `n`, and `xai_drift` and `xai_ssim` with their intervals; None for no frames.

    alike: whether both decide the same, per map. Maps of one frame, for the same class, of baseline and variant.
    n_constant: pairs of which neither map has an order, so that they count as unmoved.
    """
    drifts = [drift(base, one) for base, one in zip(baseline_maps, maps, strict=True)]
    likeness = [ssim(base, one) for base, one in zip(baseline_maps, maps, strict=True)]
    are_constant = [np.ptp(base) == np.ptp(one) == 0 for base, one in zip(baseline_maps, maps, strict=True)]
    places = {
        "all": list(range(len(drifts))),
        "alike": [i for i, same in enumerate(alike) if same],
        "differ": [i for i, same in enumerate(alike) if not same],
    }

    def summed_up(name: str, values: list[float], chosen: list[int]) -> dict[str, float | int | None]:
        frames = None if frame_of is None else [frame_of[i] for i in chosen]
        return with_interval(name, [values[i] for i in chosen], seed, frames)

    return {
        name: {
            "n": len(chosen),
            "n_constant": int(sum(are_constant[i] for i in chosen)),
            **summed_up("xai_drift", drifts, chosen),
            **summed_up("xai_ssim", likeness, chosen),
        }
        for name, chosen in places.items()
    }


def changed_first(alike: Sequence[bool]) -> list[int]:
    """Order for people: frames whose decision changed, then the rest; else as they come, so that the sheets of two
    variants can be read side by side."""
    return sorted(range(len(alike)), key=lambda i: alike[i])
