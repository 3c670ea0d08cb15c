from __future__ import annotations

import numpy as np
import pytest

from pipeline.benchmark.accuracy import measure_accuracy, predict
from pipeline.errors import EdgeboardError

CLASSES = ["fire", "none", "starting_fire"]


def _logits(decisions: list[int]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[decisions]


def test_no_frames_are_refused() -> None:
    with pytest.raises(EdgeboardError, match="no frames"):
        predict(lambda frame: frame, np.empty((0, 8, 8, 3), dtype=np.uint8))


def test_predict_runs_one_frame_at_a_time() -> None:
    shapes = []

    def network(frame_nchw: np.ndarray) -> np.ndarray:
        shapes.append(frame_nchw.shape)
        return np.full((1, 3), frame_nchw.mean(), dtype=np.float32)

    frames = np.stack([np.full((8, 8, 3), value, dtype=np.uint8) for value in (0, 100, 255)])
    logits = predict(network, frames)
    assert shapes == [(1, 3, 8, 8)] * 3
    assert logits[0, 0] < logits[1, 0] < logits[2, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_answers_that_are_no_numbers_are_refused(bad: float) -> None:
    logits = _logits([0, 1])
    logits[1, 2] = bad
    with pytest.raises(EdgeboardError, match="NaN or infinity") as caught:
        measure_accuracy(logits, np.array([0, 1]), CLASSES)
    assert "1 of 2 frames" in str(caught.value)


def test_counts_by_class() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    found = measure_accuracy(_logits([0, 0, 0, 2, 1, 0]), labels, CLASSES)
    assert found.top1.value == pytest.approx(4 / 6)
    assert found.top1.low < 4 / 6 < found.top1.high
    assert found.confusion == [[3, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found.per_class["fire"]["recall"] == 0.75
    assert found.per_class["none"] == {"recall": 0.5, "n": 2} | {k: found.per_class["none"][k] for k in ("low", "high")}
    assert found.per_class["starting_fire"] == {"recall": None, "low": None, "high": None, "n": 0}
