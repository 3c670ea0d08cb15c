"""Hits, misses and mistakes at one threshold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.benchmark.detection.accuracy import measure_detections
from pipeline.benchmark.detection.operating_point import confusion_table, decide
from pipeline.metrics.matching import match_detections
from pipeline.metrics.operating_threshold import DEFAULT_THRESHOLD, best_f1_threshold
from tests.benchmark.detection.cases import found, random_case, true

A, B, C = (10, 10, 30, 30), (60, 40, 80, 60), (10, 50, 30, 70)
NEAR_A = (11, 11, 31, 31)


def _decided(detections: list, truth: list, threshold: float) -> list[tuple[list[int], ...]]:
    decided = decide(match_detections(detections, truth, ["a", "b"]), truth, threshold)
    return [tuple(part.tolist() for part in (one.hits, one.met, one.false, one.missed)) for one in decided]


@pytest.mark.parametrize(
    ("detections", "truth", "threshold", "expected"),
    [
        ([found()], [true((*A, 0))], 0.5, [([], [], [], [0])]),
        ([found((*A, 0.5, 0))], [true((*A, 0))], 0.5, [([0], [0], [], [])]),  # at the threshold it counts
        ([found((*A, 0.49, 0))], [true((*A, 0))], 0.5, [([], [], [], [0])]),
        ([found((*A, 0.9, 1))], [true((*A, 0))], 0.5, [([], [], [0], [0])]),
        # The better of two takes the box, wherever it stands; the false come best first.
        ([found((*NEAR_A, 0.6, 0), (*C, 0.7, 1), (*A, 0.9, 0))], [true((*B, 1), (*A, 0))], 0.5,
         [([2], [1], [1, 0], [0])]),
        ([found(), found((*A, 0.9, 0)), found((*B, 0.9, 1))], [true(), true(), true((*A, 0), (*B, 1))], 0.5,
         [([], [], [], []), ([], [], [0], []), ([0], [1], [], [0])]),
    ],
)  # fmt: skip
def test_decide(detections: list, truth: list, threshold: float, expected: list) -> None:
    assert _decided(detections, truth, threshold) == expected


@pytest.mark.parametrize(
    ("detections", "truth", "precision", "recall", "f1"),
    [
        ([found()], [true((*A, 0))], None, 0, 0),
        ([found((*A, 0.4, 0))], [true((*A, 0))], None, 0, 0),
        ([found((*A, 0.9, 0))], [true((*A, 0))], 1, 1, 1),
        ([found((*A, 0.9, 0), (*C, 0.9, 0)), found()], [true((*A, 0)), true((*A, 0), (*B, 1))], 1 / 2, 1 / 3, 2 / 5),
    ],
)
def test_rates(detections: list, truth: list, precision: float | None, recall: float, f1: float) -> None:
    at = measure_detections(detections, truth, ["a", "b"], seed=0, resamples=50).at_threshold
    assert (at.precision and at.precision.value) == precision
    assert (at.recall.value, at.f1.value) == pytest.approx((recall, f1))
    assert at.threshold == DEFAULT_THRESHOLD


@pytest.mark.parametrize(
    ("detections", "truth", "expected"),
    [
        pytest.param([found()], [true((*A, 0))], {(0, 2): 1}, id="missed"),
        pytest.param([found((*A, 0.9, 1)), found((*B, 0.9, 0))], [true(), true((*B, 0))], {(2, 1): 1, (0, 0): 1},
                     id="background"),
        pytest.param([found((*NEAR_A, 0.9, 1))], [true((*A, 0))], {(0, 1): 1}, id="one class for another"),
        pytest.param([found((*B, 0.9, 1))], [true((*A, 0))], {(0, 2): 1, (2, 1): 1}, id="of no overlap"),
        pytest.param([found((*A, 0.9, 1), (*NEAR_A, 0.6, 0))], [true((*A, 0))], {(0, 0): 1, (2, 1): 1},
                     id="the right class has the first claim, also with a lower score"),
        pytest.param([found((*A, 0.9, 0), (*NEAR_A, 0.8, 0))], [true((*A, 0))], {(0, 0): 1, (2, 0): 1},
                     id="a duplicate is background"),
        pytest.param([found((*A, 0.9, 1), (*NEAR_A, 0.8, 1))], [true((*A, 0))], {(0, 1): 1, (2, 1): 1},
                     id="a box is taken for another only once"),
        pytest.param([found((*A, 0.4, 1))], [true((*A, 0))], {(0, 2): 1}, id="below the threshold"),
        pytest.param([found((0, 0, 4001, 2000.4999, 0.9, 0))], [true((0, 0, 4001, 4001, 0))], {(0, 2): 1, (2, 0): 1},
                     id="an IoU that is 0.5 only in single precision is no hit, nor its own class taken for another"),
    ],
)  # fmt: skip
def test_confusion(detections: list, truth: list, expected: dict[tuple[int, int], int]) -> None:
    table = np.zeros((3, 3), dtype=np.int64)
    for place, count in expected.items():
        table[place] = count
    decided = decide(match_detections(detections, truth, ["a", "b"]), truth, 0.5)
    np.testing.assert_array_equal(confusion_table(decided, detections, truth, 2), table)


@pytest.mark.parametrize("seed", range(3))
def test_the_confusion_adds_up_to_boxes_and_detections(seed: int) -> None:
    detections, truth = random_case(seed, 40, 3)
    accuracy = measure_detections(detections, truth, ["a", "b", "c"], 0, resamples=5, threshold=0.3)
    boxes = np.bincount(np.concatenate([one.labels for one in truth]), minlength=3)
    answers = np.bincount(np.concatenate([one.labels[one.scores >= 0.3] for one in detections]), minlength=3)
    np.testing.assert_array_equal(accuracy.confusion.sum(axis=1)[:3], boxes)
    np.testing.assert_array_equal(accuracy.confusion.sum(axis=0)[:3], answers)
    hits = np.trace(accuracy.confusion)
    assert accuracy.confusion[3, 3] == 0
    assert accuracy.at_threshold.recall.value == pytest.approx(hits / boxes.sum())
    assert accuracy.at_threshold.precision is not None
    assert accuracy.at_threshold.precision.value == pytest.approx(hits / answers.sum())


@pytest.mark.parametrize(
    ("detections", "threshold"),
    [
        ([found()], DEFAULT_THRESHOLD),
        ([found((*C, 0.9, 0))], DEFAULT_THRESHOLD),  # nothing but a false alarm
        ([found((*A, 0.75, 0))], 0.75),
        ([found((*A, 0.75, 0), (*C, 0.5, 0), (*B, 0.25, 1))], 0.25),  # F1 2/3, 1/2, 4/5
        ([found((*A, 0.75, 0), (*C, 0.5, 0), (*C, 0.5, 1), (*C, 0.5, 0), (*B, 0.25, 1))], 0.75),  # 2/3 ... 4/7
        ([found((*A, 0.75, 0), (*C, 0.75, 0), (*C, 0.75, 1), (*B, 0.25, 1))], 0.25),  # one of three is not to be had
    ],
)
def test_the_best_threshold(detections: list, threshold: float) -> None:
    matches = match_detections(detections, [true((*A, 0), (*B, 1))], ["a", "b"])
    assert best_f1_threshold(matches) == threshold


def test_no_other_threshold_is_better() -> None:
    detections, truth = random_case(4, 40, 2, steps=10)
    best = best_f1_threshold(match_detections(detections, truth, ["a", "b"]))
    f1 = {
        t: measure_detections(detections, truth, ["a", "b"], 0, resamples=1, threshold=t).at_threshold.f1.value
        for t in [best, *np.linspace(0, 0.9, 10).astype(np.float32).tolist()]
    }
    assert f1[best] == max(f1.values())
    assert len(set(f1.values())) > 3
