"""ROAD, remove and debias (Rong et al. 2022, arXiv:2202.00449): is what a map ranks high what the decision needs?

Pixels are replaced by what their neighbours foretell, so that a hole has no outline which itself would tell of the
class, as grey pixels do. The imputer is grad-cam's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores

PERCENTAGES = (20, 40, 60, 80)
_NOISE = 0.01


def road(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    importance: NDArray[np.float32],
    seed: int,
    percentages: Sequence[int] = PERCENTAGES,
) -> float:
    """(Score without the least important pixels - score without the most important ones) / 2, mean over percentages.

    In [-0.5, 0.5] for scores in [0, 1]; higher is better, near 0 for a map at random. importance: `[S, S]`, of a frame
    `[1, 3, S, S]`.
    """
    # Equal pixels are ranked at random, or a constant map would remove from the top.
    ties = np.random.default_rng(seed).permutation(importance.size)
    order = np.lexsort((ties, -importance.ravel()))
    frames = []
    for share in percentages:
        count = round(order.size * share / 100)
        for removed in (order[-count:], order[:count]):
            frames.append(_without(frame_nchw[0], removed, seed))
    scores = answers(np.stack(frames))[:, index]
    least, most = scores[0::2], scores[1::2]
    return float((least - most).mean() / 2)


def _without(frame_chw: NDArray[np.float32], removed: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    import torch
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    kept = np.ones(frame_chw.shape[1:], dtype=np.float32)
    kept.reshape(-1)[removed] = 0
    # The library's noise is of torch's global generator; ours depends on the seed alone.
    filled = NoisyLinearImputer(noise=0)(torch.tensor(frame_chw), torch.from_numpy(kept)).numpy()
    noise = np.random.default_rng(seed).normal(0, _NOISE, filled.shape).astype(np.float32)
    return np.where(kept > 0, frame_chw, filled + noise)
