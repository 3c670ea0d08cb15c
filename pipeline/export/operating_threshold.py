"""The operating threshold of an exported detector, chosen on the validation split and shipped with the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.frames import Frames, normalise
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.metrics.matching import match_detections
from pipeline.metrics.operating_threshold import DEFAULT_THRESHOLD, best_f1_threshold
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.boxes import decode_detections


def operating_threshold(model: Path, head: dict[str, Any], validation: Frames) -> float:
    """The score in [0, 1] at which F1 is highest; DEFAULT_THRESHOLD where the validation split has no objects."""
    assert validation.objects is not None, "frames of a detector have boxes"
    if not any(len(one) for one in validation.objects):
        return DEFAULT_THRESHOLD
    # One thread: the sums, and with them the threshold, do not depend on the number of cores.
    engine = OnnxRuntimeEngine(model, threads=1)
    found = [decode_detections(engine.run(normalise(frame[None]))[0], head) for frame in validation.frames_nhwc]
    size = validation.frames_nhwc.shape[1]
    truth = [GroundTruth(one[:, 1:], one[:, 0].astype(np.int64), size, size) for one in validation.objects]
    return best_f1_threshold(match_detections(found, truth, validation.class_names, where=model))
