"""Who is taken for whom: a face below the threshold is unknown, whoever is nearest."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.benchmark.faces.confusion import confusion, most_confused, write_confusion
from pipeline.metrics.open_set.probes import Probes

SCORES = np.array([[0.9, 0.1], [0.4, 0.3], [0.7, 0.8], [0.2, 0.6], [0.6, 0.1], [0.1, 0.2]])
LABELS = np.array([0, 0, 0, 1, -1, -1])
PROBES = Probes(SCORES, LABELS, ("a", "a", "a", "b", "s", "s"), ("r",) * 6)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.5, [[1, 1, 1], [0, 1, 0], [1, 0, 1]]),
        (0.0, [[2, 1, 0], [0, 1, 0], [1, 1, 0]]),
        (2.0, [[0, 0, 3], [0, 0, 1], [0, 0, 2]]),
    ],
)
def test_rows_are_true_people_and_columns_what_is_said(threshold: float, expected: list[list[int]]) -> None:
    assert confusion(PROBES, threshold).tolist() == expected


def test_nobody_is_confused_with_unknown() -> None:
    told = most_confused(confusion(PROBES, 0.5), ["a", "b"])
    assert told == [{"person": "a", "taken_for": "b", "n": 1}, {"person": "strangers", "taken_for": "a", "n": 1}]
    assert most_confused(np.diag([3, 2, 1]), ["a", "b"]) == []


def test_the_picture_is_the_same_for_the_same_counts(tmp_path: Path) -> None:
    counts = confusion(PROBES, 0.5)
    for name in ("one.png", "two.png"):
        write_confusion(tmp_path / name, counts, ["a", "b"], "face")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert cv2.imread(str(tmp_path / "one.png")).std() > 0
