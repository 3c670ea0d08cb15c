"""From which score on a detector's boxes are acted upon."""

from __future__ import annotations

import numpy as np

from pipeline.metrics.matching import Matches

DEFAULT_THRESHOLD = 0.5


def best_f1_threshold(matches: Matches) -> float:
    """The score at or above which F1 over all classes is highest; of equally good ones the highest.

    To be chosen on the validation split: on the test split it would flatter the numbers. DEFAULT_THRESHOLD where no
    threshold gives a hit.
    """
    scores = np.concatenate([one.scores for one in matches.classes])
    is_hit = np.concatenate([one.is_hit[0] for one in matches.classes])
    if not is_hit.any():
        return DEFAULT_THRESHOLD
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(is_hit[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + matches.n_boxes)
    # A threshold takes all detections of equal score or none.
    f1[:-1][scores[1:] == scores[:-1]] = 0
    return float(scores[np.argmax(f1)])
