"""Mean average precision alone, for the epochs of a training and for what decides between quantized graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.ground_truth import GroundTruth
from pipeline.metrics.matching import match_detections
from pipeline.tasks.boxes import Detections


def mean_average_precision(
    detections: Sequence[Detections],
    boxes_xyxy: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.int64]],
    n_classes: int,
) -> float:
    """mAP at IoU 0.5 over the classes that have boxes, in [0, 1]; 0 where there is no box at all.

    boxes_xyxy, labels: of every frame, in the pixels of its detections.
    """
    if not any(len(one) for one in labels):
        return 0.0
    truth = [GroundTruth(boxes, label, 1, 1) for boxes, label in zip(boxes_xyxy, labels, strict=True)]
    matches = match_detections(detections, truth, [str(label) for label in range(n_classes)])
    return float(np.nanmean([one.ap[0] for one in matches.classes]))
