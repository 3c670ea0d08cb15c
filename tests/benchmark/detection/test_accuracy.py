"""Intervals, paired differences, the report, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from pipeline.benchmark.detection.accuracy import measure_detections, paired_difference
from pipeline.errors import EdgeboardError
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.tasks.boxes import Detections
from tests.benchmark.detection.cases import found, random_case, true

A, B = (10, 10, 30, 30), (60, 40, 80, 60)
NAN = float("nan")


def test_a_class_without_boxes_is_told_as_unknown_and_left_out_of_the_mean() -> None:
    accuracy = measure_detections([found((*A, 0.9, 0), (*B, 0.8, 2))] * 2, [true((*A, 0))] * 2, ["a", "b", "c"], 0)
    assert accuracy.per_class["b"].ap50 is None
    assert accuracy.per_class["c"].ap50_95 is None
    assert accuracy.per_class["a"].ap50 is not None
    assert accuracy.map50.value == accuracy.per_class["a"].ap50.value == 1
    assert (accuracy.per_class["a"].n_boxes, accuracy.per_class["a"].n_pictures) == (2, 2)


def test_one_picture_gives_a_value_and_no_certainty() -> None:
    accuracy = measure_detections([found((*A, 0.9, 0))], [true((*A, 0))], ["a"], 0)
    for estimate in (accuracy.map50, accuracy.map50_95, accuracy.at_threshold.f1, accuracy.per_class["a"].ap50):
        assert estimate is not None
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1, 0, 1))
    difference = paired_difference(accuracy, accuracy)
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0, -1, 1, 1)


def test_a_class_in_one_picture_only_has_no_certainty_either() -> None:
    truth = [true((*A, 0), (*B, 1)), true((*A, 0))]
    accuracy = measure_detections([found((*B, 0.9, 1)), found((*A, 0.9, 0))], truth, ["a", "b"], 0)
    rare, common = accuracy.per_class["b"].ap50, accuracy.per_class["a"].ap50
    assert rare is not None
    assert common is not None
    assert (rare.value, rare.low, rare.high) == pytest.approx((1, 0, 1))
    assert (common.value, common.low, common.high) == pytest.approx((51 / 101, 0, 1))  # resamples of 0, 1/2 and 1


def test_more_pictures_give_a_narrower_interval_that_holds_the_value() -> None:
    def width(n_pictures: int) -> float:
        estimate = measure_detections(*random_case(0, n_pictures, 2), ["a", "b"], 0, resamples=200).map50
        assert estimate.low < estimate.value < estimate.high
        return estimate.high - estimate.low

    assert width(240) < 0.6 * width(30)


def test_frames_of_one_clip_count_as_one() -> None:
    detections, truth = random_case(1, 12, 2)
    repeated, clips = (detections * 10, truth * 10), [f"clip {i}" for i in range(12)] * 10
    alone = measure_detections(detections, truth, ["a", "b"], 0).map50
    naive = measure_detections(*repeated, ["a", "b"], 0).map50
    honest = measure_detections(*repeated, ["a", "b"], 0, sources=clips).map50
    assert naive.high - naive.low < 0.5 * (alone.high - alone.low)
    assert honest.high - honest.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    case = random_case(2, 40, 2)
    one, again, other = (measure_detections(*case, ["a", "b"], seed, resamples=100) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.resampled_map50, again.resampled_map50)
    assert one.columns() == again.columns()
    assert one.map50.value == other.map50.value
    assert not np.array_equal(one.resampled_map50, other.resampled_map50)


def test_a_paired_difference_is_narrower_than_the_two_intervals_and_knows_what_is_worse() -> None:
    detections, truth = random_case(3, 120, 2)
    baseline = measure_detections(detections, truth, ["a", "b"], 0)
    # The variant loses every eighth hit, all else equal.
    lost = {
        (int(one.picture[k]), int(one.index[k]))
        for one in baseline.matches.classes
        for k in np.flatnonzero(one.is_hit[0])[::8]
    }
    fewer = []
    for i, one in enumerate(detections):
        kept = [k for k in range(len(one.scores)) if (i, k) not in lost]
        fewer.append(Detections(one.boxes_xyxy[kept], one.scores[kept], one.labels[kept]))
    variant = measure_detections(fewer, truth, ["a", "b"], 0)
    difference = paired_difference(variant, baseline)
    assert difference.value == variant.map50.value - baseline.map50.value < 0
    assert difference.low <= difference.value <= difference.high
    assert difference.high - difference.low < 0.7 * (baseline.map50.high - baseline.map50.low)
    assert difference.p_value < 0.05
    turned = paired_difference(baseline, variant)
    expected = (-difference.value, -difference.high, -difference.low)
    assert (turned.value, turned.low, turned.high) == pytest.approx(expected)
    same = paired_difference(baseline, baseline)
    assert (same.value, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_a_difference_of_chance_is_not_significant() -> None:
    detections, truth = random_case(5, 60, 2)
    random = np.random.default_rng(1)
    shaken = [one._replace(scores=random.permutation(one.scores)) for one in detections]
    again = [one._replace(scores=random.permutation(one.scores)) for one in detections]
    one, other = (measure_detections(each, truth, ["a", "b"], 0) for each in (shaken, again))
    difference = paired_difference(one, other)
    assert difference.low < 0 < difference.high
    assert difference.p_value > 0.05


@pytest.mark.parametrize("change", ["seed", "resamples", "sources", "boxes"])
def test_a_difference_of_unlike_measurements_is_refused(change: str) -> None:
    detections, truth = random_case(6, 8, 2)
    one = measure_detections(detections, truth, ["a", "b"], seed=0, resamples=10)
    if change == "boxes":
        detections, truth = detections[::-1], truth[::-1]
    other = measure_detections(
        detections, truth, ["a", "b"],
        seed=1 if change == "seed" else 0,
        resamples=11 if change == "resamples" else 10,
        sources=["x"] * 8 if change == "sources" else None,
    )  # fmt: skip
    with pytest.raises(EdgeboardError, match="same frames"):
        paired_difference(one, other)


@pytest.mark.parametrize("detections", [[found(), found()], [found((*A, 0.9, 0)), found((*B, 0.7, 1))]])
def test_the_columns_are_json_without_nan(detections: list[Detections]) -> None:
    accuracy = measure_detections(detections, [true((*A, 0)), true()], ["a", "b"], 0, resamples=10)
    columns = json.loads(json.dumps(accuracy.columns(), allow_nan=False))
    assert columns == accuracy.columns()
    assert columns["per_class"]["b"]["ap50_low"] is None
    assert (columns["n_pictures"], columns["n_boxes"], columns["resamples"]) == (2, 1, 10)
    assert (columns["precision_at_threshold"] is None) is (len(detections[0].scores) == 0)


def _changed(kind: str, **parts: np.ndarray) -> tuple[list[Detections], list[GroundTruth]]:
    detections, truth = [found(), found((*A, 0.9, 0))], [true((*A, 0)), true((*A, 0))]
    if kind == "found":
        detections[1] = detections[1]._replace(**parts)
    else:
        truth[1] = truth[1]._replace(**parts)
    return detections, truth


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (([], []), "no frames"),
        (([found()], [true()]), "no boxes"),
        (([found()], [true((*A, 0)), true((*A, 0))]), "1 and 2 frames"),
        (_changed("found", boxes_xyxy=np.array([[NAN, 0, 1, 1]])), "detected box holds NaN"),
        (_changed("found", boxes_xyxy=np.array([[0, 0, np.inf, 1]])), "detected box holds NaN or infinity"),
        (_changed("found", scores=np.array([NAN])), "score is NaN"),
        (_changed("found", scores=np.array([0.1, 0.2])), "a score each"),
        (_changed("found", labels=np.array([2])), "0 to 1 (a, b)"),
        (_changed("found", labels=np.array([-1])), "label of no class"),
        (_changed("found", labels=np.array([0, 1])), "a label each"),
        (_changed("found", boxes_xyxy=np.array([[5, 5, 4, 9]])), "side below zero"),
        (_changed("true", boxes_xyxy=np.array([[NAN, 0, 1, 1]])), "true box holds NaN"),
        (_changed("true", boxes_xyxy=np.array([[5, 5, 5, 9]])), "no area"),
        (_changed("true", boxes_xyxy=np.array([[5, 9, 7, 5]])), "no area"),
        (_changed("true", labels=np.array([7])), "label of no class"),
        (_changed("true", boxes_xyxy=np.zeros((1, 5))), "a label each"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_place(
    case: tuple[list[Detections], list[GroundTruth]], words: str
) -> None:
    with pytest.raises(EdgeboardError) as refused:
        measure_detections(*case, ["a", "b"], seed=0, where="model.onnx")
    assert words in str(refused.value)
    assert "model.onnx" in str(refused.value)
    assert ("frame 1" in str(refused.value)) is (len(case[0]) == 2)


def test_measuring_imports_no_torch_and_prints_nothing() -> None:
    code = (
        "import sys; from tests.benchmark.detection.cases import found, true;"
        "from pipeline.benchmark.detection.accuracy import measure_detections;"
        "measure_detections([found()], [true((1, 1, 9, 9, 0))], ['a'], 0, resamples=2);"
        "assert not {'torch', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
