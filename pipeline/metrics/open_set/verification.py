"""Is it the same person, yes or no: over all pairs of a face and a person of the gallery, for thousands of resamples.

Only the scores of genuine pairs (a face with its own person) matter as thresholds: between two of them nothing but the
false accepts changes. So the pairs are counted once, by face and genuine threshold, and a resample, which weighs faces,
is a product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.open_set.probes import Probes


@dataclass(frozen=True, eq=False)
class Rates:
    """Of b weighted test sets at G genuine thresholds from high to low; all `[b, G]` in [0, 1], NaN without such pairs.

    tar: true-accept rate at the threshold. far, far_above: false-accept rate at the threshold, and just above it.
    """

    tar: NDArray[np.float64]
    far: NDArray[np.float64]
    far_above: NDArray[np.float64]

    def tar_at(self, far: float) -> NDArray[np.float64]:
        """`[b]`: the true-accept rate at the smallest threshold whose false-accept rate is at most `far`.

        Without interpolation: it is what a real threshold reaches, never more.
        """
        reached = np.where(self.far <= far + 1e-12, self.tar, 0).max(axis=1, initial=0)
        return np.where(self._is_defined, reached, np.nan)

    def equal_error(self) -> NDArray[np.float64]:
        """`[b]`: where false accepts and false rejects are equally frequent, in [0, 1].

        On the receiver operating characteristic's line between neighbouring thresholds (ISO/IEC 19795-1; the usual
        linear interpolation).
        """
        n_sets, n_thresholds = self.tar.shape
        far = np.zeros((n_sets, 2 * n_thresholds + 2))
        tar = np.zeros_like(far)
        far[:, 1:-1:2], far[:, 2:-1:2], far[:, -1] = self.far_above, self.far, 1
        tar[:, 2:-1:2], tar[:, 3:-1:2], tar[:, -1] = self.tar, self.tar[:, :-1], 1
        difference = far + tar - 1  # false accepts minus false rejects: rises from -1 to 1
        after = np.argmax(difference >= 0, axis=1)[:, None]
        low, high = (np.take_along_axis(difference, place, axis=1) for place in (after - 1, after))
        before_far, after_far = (np.take_along_axis(far, place, axis=1) for place in (after - 1, after))
        with np.errstate(invalid="ignore"):
            equal = before_far + (after_far - before_far) * -low / (high - low)
        return np.where(self._is_defined, equal[:, 0], np.nan)

    @property
    def _is_defined(self) -> NDArray[np.bool_]:
        """bool `[b]`: whether there are pairs of both kinds."""
        if not self.tar.shape[1]:
            return np.zeros(len(self.tar), dtype=bool)
        return np.asarray(~np.isnan(self.tar + self.far).any(axis=1))


class Pairs:
    """The genuine and the impostor pairs of some faces, counted."""

    def __init__(self, probes: Probes) -> None:
        is_own = probes.is_own
        own_face, _ = np.nonzero(is_own)
        impostor_face, _ = np.nonzero(~is_own)
        own, impostors = probes.scores[is_own], probes.scores[~is_own]
        self.n_genuine, self.n_impostors = len(own), len(impostors)
        self.n_faces = len(probes.labels)
        rising = np.unique(own)
        self.n_thresholds = len(rising)
        self._own = self._counts(own_face, np.searchsorted(rising, own, side="right"))
        self._impostors = self._counts(impostor_face, np.searchsorted(rising, impostors, side="right"))
        self._impostors_above = self._counts(impostor_face, np.searchsorted(rising, impostors, side="left"))

    def rates(self, weights_bn: NDArray[np.int64] | None = None) -> Rates:
        """Of test sets in which face n is `weights_bn[b, n]` times; None: of the one in which each is once."""
        weights = np.ones((1, self.n_faces), dtype=np.int64) if weights_bn is None else weights_bn
        return Rates(*(_shares(counts @ weights.T) for counts in (self._own, self._impostors, self._impostors_above)))

    def _counts(self, face: NDArray[np.int64], n_reached: NDArray[np.int64]) -> Any:
        """Sparse `[G + 1, N]`: how many pairs of each face reach the g-th threshold from above and none before.

        n_reached: for each pair, how many thresholds it reaches; the last row has those that reach none.
        """
        from scipy.sparse import coo_array

        places = (self.n_thresholds - n_reached, face)
        return coo_array((np.ones_like(face), places), shape=(self.n_thresholds + 1, self.n_faces)).tocsr()


def _shares(counts_gb: NDArray[np.int64]) -> NDArray[np.float64]:
    """`[b, G]`: of all pairs, the share that reaches each threshold; NaN where there are none."""
    reached = np.cumsum(counts_gb, axis=0).T
    with np.errstate(invalid="ignore"):
        return np.asarray(reached[:, :-1] / reached[:, -1:])
