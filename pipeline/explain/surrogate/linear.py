"""LIME (Ribeiro et al. 2016, arXiv:1602.04938): a linear model of the answers near the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.surrogate.samples import HiddenPatches
from pipeline.explain.surrogate.surrogate import Surrogate, held_out

# As in the authors' code for pictures.
KERNEL_WIDTH, ALPHA = 0.25, 1.0


def lime(samples: HiddenPatches, index: int) -> Surrogate:
    """Weight of each patch for one of the scores: ridge regression, near samples counting more.

    Near: the cosine distance of what is kept to keeping all, through an exponential kernel. Fidelity: r2, weighted
    alike, on samples that it has not seen, None where the score never changes there.
    """
    from sklearn.linear_model import Ridge

    scores = samples.scores[:, index]
    near = _nearness(samples.kept)
    train, test = held_out(len(scores))
    model = Ridge(alpha=ALPHA).fit(samples.kept[train], scores[train], sample_weight=near[train])
    fidelity = _r2(model.predict(samples.kept[test]), scores[test], near[test])
    model.fit(samples.kept, scores, sample_weight=near)
    weights = np.asarray(model.coef_)
    return Surrogate(weights[samples.labels].astype(np.float32), {"r2": fidelity, "patches": len(weights)})


def _nearness(kept: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine = np.sqrt(kept.mean(axis=1))  # of a vector of 0 and 1 to that of ones
    return np.asarray(np.sqrt(np.exp(-((1 - cosine) ** 2) / KERNEL_WIDTH**2)))


def _r2(predicted: NDArray[np.float64], true: NDArray[np.float64], weight: NDArray[np.float64]) -> float | None:
    spread = float((weight * (true - np.average(true, weights=weight)) ** 2).sum())
    return None if spread < 1e-12 else 1 - float((weight * (true - predicted) ** 2).sum()) / spread
