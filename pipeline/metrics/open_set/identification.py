"""One face against the whole gallery, with and without the right to say "unknown"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.open_set.probes import Probes


def is_rank_one(probes: Probes) -> NDArray[np.bool_]:
    """bool `[N]`: whether a known face is nearer to its own person than to all others; False for strangers.

    The closed-set identification rate at rank 1 is the mean over known faces (Phillips, Grother and Micheals,
    Evaluation Methods in Face Recognition, in: Handbook of Face Recognition, 2nd edition, 2011). A tie is not right: a
    network that gives one embedding to all recognises nobody.
    """
    own = np.where(probes.is_own, probes.scores, -np.inf).max(axis=1, initial=-np.inf)
    best_other = np.where(probes.is_own, -np.inf, probes.scores).max(axis=1, initial=-np.inf)
    return probes.is_known & (own > best_other)


def is_accepted(probes: Probes, threshold: float) -> NDArray[np.bool_]:
    """bool `[N]`: whether a face is taken for anybody: its best similarity reaches the threshold."""
    return np.asarray(probes.best >= threshold)


def is_right(probes: Probes, threshold: float) -> NDArray[np.bool_]:
    """bool `[N]`: a known face accepted under its own name, a stranger's not accepted.

    The mean over known faces is the detection and identification rate at rank 1 (DIR; Phillips, Grother and Micheals
    2011; 1 - FNIR of ISO/IEC 19795-1). One minus the mean over strangers is the false-positive identification rate
    (FPIR; Grother and Ngan, Face Recognition Vendor Test, NIST IR 8009, 2014).
    """
    accepted = is_accepted(probes, threshold)
    return np.where(probes.is_known, accepted & is_rank_one(probes), ~accepted)
