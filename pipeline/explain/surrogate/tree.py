"""A shallow decision tree of the network's decision over patches (after Craven and Shavlik 1996, TREPAN)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.surrogate.samples import HiddenPatches
from pipeline.explain.surrogate.surrogate import Surrogate, held_out

DEPTH = 4
_LEAST_LEAF = 4


def decision_tree(samples: HiddenPatches, index: int, depth: int = DEPTH) -> Surrogate:
    """Share of each patch in the tree's reduction of variance, with the sign of its effect; all zero for no effect.

    Fidelity, on samples that the tree has not seen: r2 of the score (None where it never changes there); accuracy, how
    often a tree of the same depth tells whether `index` is decided; majority, how often saying always the same would.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    scores, decided = samples.scores[:, index], samples.scores.argmax(axis=1) == index
    options = {"max_depth": depth, "min_samples_leaf": _LEAST_LEAF, "random_state": 0}
    train, test = held_out(len(scores))
    judged = DecisionTreeRegressor(**options).fit(samples.kept[train], scores[train])
    decides = DecisionTreeClassifier(**options).fit(samples.kept[train], decided[train])
    spread = float(((scores[test] - scores[test].mean()) ** 2).sum())
    missed = float(((scores[test] - judged.predict(samples.kept[test])) ** 2).sum())
    share = float(decided[test].mean())
    full = DecisionTreeRegressor(**options).fit(samples.kept, scores)
    weights = full.feature_importances_ * _signs(samples.kept, scores)
    return Surrogate(
        weights[samples.labels].astype(np.float32),
        {
            "r2": None if spread < 1e-12 else 1 - missed / spread,
            "accuracy": float((decides.predict(samples.kept[test]) == decided[test]).mean()),
            "majority": max(share, 1 - share),
            "depth": int(full.get_depth()),
            "patches": len(weights),
        },
    )


def _signs(kept: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whether a score is higher with a patch than without, on the average."""
    centred = scores - scores.mean()
    return np.asarray(np.sign((kept - kept.mean(axis=0)).T @ centred))
