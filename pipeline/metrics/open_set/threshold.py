"""From which similarity on a face is somebody known, by strangers that the network never saw."""

from __future__ import annotations

import math

import numpy as np

from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.probes import Probes
from pipeline.tasks.gallery import Threshold

# In cosine, above the nearest of all strangers, where there are too few to see the wished rate at all.
UNRESOLVED_MARGIN = 0.01


def choose_threshold(probes: Probes, false_accept_rate: float) -> Threshold:
    """The smallest threshold at which at most the wished share of strangers is taken for anybody in the gallery.

    To be chosen on the validation split. Of n strangers' faces, floor(rate · n) may be accepted; faces of equal score
    are accepted together or not at all, so that the rate reached is the wished one or lower, never higher. With
    n < 1 / rate none may be, and the true rate can still be anything up to about 3 / n (Hanley and Lippman-Hand 1983,
    JAMA 249:1743): then the threshold lies UNRESOLVED_MARGIN above the nearest stranger, and `is_resolved` is False.
    Raises EdgeboardError for a rate outside (0, 1), without strangers and without a gallery.
    """
    if not 0 < false_accept_rate < 1:
        raise EdgeboardError("A false-accept rate is a share", value=false_accept_rate, allowed="above 0, below 1")
    is_stranger = ~probes.is_known
    scores = np.sort(probes.best[is_stranger])[::-1]
    if not len(scores) or not probes.scores.shape[1]:
        raise EdgeboardError(
            "A threshold needs strangers and a gallery to mistake them for",
            value=f"{len(scores)} strangers' faces, {probes.scores.shape[1]} known people in the validation split",
            mend="hold more people out of training",
        )
    n = len(scores)
    n_people = len({person for person, stranger in zip(probes.persons, is_stranger, strict=True) if stranger})
    allowed = math.floor(false_accept_rate * n + 1e-9)  # 0.29 · 100 is 28.999…
    of_them = f"{n} strangers' faces ({n_people} people)"
    if allowed:
        threshold = float(np.nextafter(scores[allowed], np.inf))
        note = f"the smallest that accepts at most {allowed} of {of_them}"
    else:
        threshold = float(scores[0]) + UNRESOLVED_MARGIN
        note = (
            f"{of_them} cannot resolve {false_accept_rate:g}, which takes {math.ceil(1 / false_accept_rate)}: "
            f"{UNRESOLVED_MARGIN:g} above the nearest stranger"
        )
    achieved = float((scores >= threshold).mean())
    return Threshold(threshold, false_accept_rate, achieved, n, n_people, allowed > 0, note)
