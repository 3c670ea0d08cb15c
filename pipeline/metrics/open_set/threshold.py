"""From which similarity on a face is somebody known, by strangers that the network never saw."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.probes import Probes
from pipeline.tasks.gallery import Threshold

# In cosine, above the nearest of all strangers, where there are too few to see the wished rate at all.
UNRESOLVED_MARGIN = 0.01
# Of sums of shares, which a computer rounds: 0.29 · 100 is 28.999…
_ROUNDING = 1e-9


def choose_threshold(probes: Probes, false_accept_rate: float) -> Threshold:
    """The smallest threshold that takes a face of the next stranger for anybody at most so often as wished.

    To be chosen on the validation split. A stranger's faces are alike, so that people are counted, not faces: each of P
    strangers weighs the same, whatever the number of faces, and one more stranger is counted as accepted, for the next
    one may be anybody. Of P people then those faces may be accepted whose shares of their person's faces sum up to k
    with (k + 1) / (P + 1) <= rate; faces of equal score are accepted together or not at all. So the mean rate, over
    what validation strangers one happens to have, is the wished one or lower, without any assumption but that the next
    stranger is like them (hierarchical conformal prediction: Lee, Barber and Willett 2023, arXiv:2306.06342). A
    threshold that accepts floor(rate · n) of n faces has a higher one.

    Fewer than 1 / rate - 1 people cannot keep the rate at any threshold: none accepted of P still leaves 1 / (P + 1).
    Then the threshold lies UNRESOLVED_MARGIN above the nearest stranger, and `is_resolved` is False.
    Raises EdgeboardError for a rate outside (0, 1), without strangers and without a gallery.
    """
    if not 0 < false_accept_rate < 1:
        raise EdgeboardError("A false-accept rate is a share", value=false_accept_rate, allowed="above 0, below 1")
    is_stranger = ~probes.is_known
    scores = probes.best[is_stranger]
    if not len(scores) or not probes.scores.shape[1]:
        raise EdgeboardError(
            "A threshold needs strangers and a gallery to mistake them for",
            value=f"{len(scores)} strangers' faces, {probes.scores.shape[1]} known people in the validation split",
            mend="hold more people out of training",
        )
    shares = _shares([person for person, stranger in zip(probes.persons, is_stranger, strict=True) if stranger])
    n, n_people = len(scores), round(shares.sum())
    needed = math.ceil(1 / false_accept_rate - 1 - _ROUNDING)
    of_them = f"{n} strangers' faces ({n_people} people)"
    is_resolved = n_people >= needed
    if is_resolved:
        allowed = false_accept_rate * (n_people + 1) - 1
        threshold = _smallest(scores, shares, allowed)
        accepted = int((scores >= threshold).sum())
        note = f"the smallest that keeps it: {accepted} of {of_them} accepted, and one more person counted as accepted"
    else:
        threshold = float(scores.max()) + UNRESOLVED_MARGIN
        note = (
            f"{of_them} cannot resolve {false_accept_rate:g}, which takes {needed} people: "
            f"{UNRESOLVED_MARGIN:g} above the nearest stranger"
        )
    achieved = float(shares[scores >= threshold].sum() / n_people)
    return Threshold(threshold, false_accept_rate, achieved, n, n_people, is_resolved, note)


def _shares(persons: list[str]) -> NDArray[np.float64]:
    """`[N]`: of each face, one over the number of its person's faces."""
    _, person_of, counts = np.unique(np.array(persons), return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[person_of])


def _smallest(scores: NDArray[np.float64], shares: NDArray[np.float64], allowed: float) -> float:
    """The smallest threshold at which the shares of the accepted faces sum up to `allowed` at most."""
    falling = np.argsort(-scores)
    is_too_much = np.cumsum(shares[falling]) > allowed + _ROUNDING
    # A face beyond the allowed ones keeps those that score the same out, too.
    return float(np.nextafter(scores[falling][np.argmax(is_too_much)], np.inf))
