"""Faithfulness correlation (Bhatt et al. 2020, arXiv:2005.00631): do the parts that a map adds up to more cost more?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding

SUBSETS, CELLS, SHARE = 64, 8, 0.25


def faithfulness_correlation(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    importance: NDArray[np.float32],
    seed: int,
    subsets: int = SUBSETS,
    cells: int = CELLS,
    hiding: Hiding = COLOUR,
) -> float | None:
    """Pearson's correlation over random subsets of what the map says they hold and what the score loses without them.

    In [-1, 1], higher is better. The subsets are a quarter of `cells` × `cells` squares: scattered pixels, as in
    quantus, all hold alike of a smooth map. frame_nchw: `[1, 3, S, S]` or a clip with a map `[T, S, S]` (or `[S, S]`).
    None where the map or the score never differs between subsets.
    """
    rng = np.random.default_rng(seed)
    hidden = np.zeros((subsets, cells * cells), dtype=np.float32)
    count = max(1, round(SHARE * cells * cells))
    for row in hidden:
        row[rng.permutation(cells * cells)[:count]] = 1
    rows, columns = (np.arange(n) * cells // n for n in frame_nchw.shape[-2:])
    masks = hidden[:, rows[:, None] * cells + columns]
    full = masks.reshape(subsets, *(1,) * (frame_nchw.ndim - 3), *masks.shape[-2:])
    without = hiding.frames(hiding.parts(frame_nchw) * (1 - full), frame_nchw)
    lost = answers(frame_nchw)[0, index] - answers(without)[:, index]
    flat = importance.reshape(-1, *importance.shape[-2:]).sum(axis=0, dtype=np.float64)
    held = masks.reshape(subsets, -1).astype(np.float64) @ flat.ravel()
    # Below this the differences are rounding.
    if np.ptp(lost) < 1e-9 or np.ptp(held) <= 1e-9 * max(1e-12, float(np.abs(held).max())):
        return None
    return float(np.corrcoef(held, lost)[0, 1])
