"""What a surrogate learns from: the frame with patches hidden at random, and what is answered to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding

SAMPLES = 256
BATCH = 32


@dataclass(frozen=True)
class HiddenPatches:
    """kept: `[M, K]` of 0 and 1, the first row all 1; scores: `[M, n]`; labels: `[S, S]` (`[T, S, S]`) of 0..K-1."""

    kept: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]


def ask_with_hidden_patches(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    labels: NDArray[np.int64],
    seed: int,
    count: int = SAMPLES,
    batch: int = BATCH,
    hiding: Hiding = COLOUR,
) -> HiddenPatches:
    """`count` answers; each patch is kept with probability 1/2, hidden is as `hiding` says.

    One set of answers serves every surrogate and every class. The same seed hides the same patches.
    """
    n_patches = int(labels.max()) + 1
    if count < 8:
        raise EdgeboardError("A surrogate needs some answers to learn from", value=count, allowed="8 or more")
    kept = (np.random.default_rng(seed).random((count, n_patches)) < 0.5).astype(np.float64)
    kept[0] = 1
    parts, scores = hiding.parts(frame_nchw), []
    for start in range(0, count, batch):
        masks = kept[start : start + batch].astype(np.float32)[:, labels]
        scores.append(answers(hiding.frames(parts * np.expand_dims(masks, -3), frame_nchw)))
    return HiddenPatches(kept, np.concatenate(scores), labels)
