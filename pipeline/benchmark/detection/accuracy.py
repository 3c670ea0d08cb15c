"""How well a detector finds what is there: mean average precision, and what it does at one threshold, with intervals.

Every interval is a 95 % percentile bootstrap over pictures. It has the bootstrap's limits: where every resample gives
the same value (no mistake at all, two variants that never differ) it has no width, however few the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.detection.operating_point import (
    OperatingPoint,
    confusion_table,
    decide,
    operating_point,
)
from pipeline.benchmark.detection.resampling import Resampling, resampled_ap
from pipeline.benchmark.resampled import ResampledDifference, difference, interval
from pipeline.benchmark.statistics import RESAMPLES, Estimate
from pipeline.errors import EdgeboardError
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.metrics.matching import ClassMatches, Matches, match_detections
from pipeline.metrics.operating_threshold import DEFAULT_THRESHOLD
from pipeline.tasks.boxes import Detections


@dataclass(frozen=True)
class ClassAccuracy:
    """Average precisions of one class, None where the test set has no box of it."""

    ap50: Estimate | None
    ap50_95: Estimate | None
    n_boxes: int
    n_pictures: int

    def columns(self) -> dict[str, Any]:
        return {
            **_columns("ap50", self.ap50),
            **_columns("ap50_95", self.ap50_95),
            "n_boxes": self.n_boxes,
            "n_pictures": self.n_pictures,
        }


@dataclass(frozen=True)
class DetectionAccuracy:
    """map50, map50_95: means over the classes that the test set has boxes of, in [0, 1].

    confusion: see confusion_table. resampled_map50: float64 `[resamples]`, of the same resamples for every variant that
    was measured on these pictures with an equal `resampling`; NaN where a resample has no box.
    """

    map50: Estimate
    map50_95: Estimate
    per_class: dict[str, ClassAccuracy]
    at_threshold: OperatingPoint
    confusion: NDArray[np.int64]
    matches: Matches
    resampled_map50: NDArray[np.float64]
    resampling: Resampling

    def columns(self) -> dict[str, Any]:
        """All of it for a report: numbers, None for what is not defined, and lists."""
        at = self.at_threshold
        return {
            **self.map50.columns("map50"),
            **self.map50_95.columns("map50_95"),
            "threshold": at.threshold,
            **_columns("precision_at_threshold", at.precision),
            **at.recall.columns("recall_at_threshold"),
            **at.f1.columns("f1_at_threshold"),
            "per_class": {name: one.columns() for name, one in self.per_class.items()},
            "confusion": self.confusion.tolist(),
            "n_pictures": self.matches.n_pictures,
            "n_boxes": self.matches.n_boxes,
            "n_groups": self.resampling.n_groups(),
            "resamples": self.resampling.resamples,
        }


def measure_detections(
    detections: Sequence[Detections],
    truth: Sequence[GroundTruth],
    class_names: Sequence[str],
    seed: int,
    resamples: int = RESAMPLES,
    threshold: float = DEFAULT_THRESHOLD,
    sources: Sequence[str] | None = None,
    where: object = None,
) -> DetectionAccuracy:
    """Judge a detector's answers for the pictures of a test split; boxes in pixels of the original pictures.

    threshold: the score from which a detection counts in precision, recall, F1 and confusion; average precision is of
    all detections given. The values are pycocotools' own (101 recalls, at most 100 detections per class and picture).
    sources: a name a picture where several come from one source (frames of a clip): intervals are then over sources.
    Raises EdgeboardError for NaN, unknown labels, a test split without frames or boxes; where: the file it is about.
    """
    matches = match_detections(detections, truth, class_names, where)
    resampling = Resampling.over(len(truth), seed, resamples, sources)
    ap = np.stack([one.ap for one in matches.classes])  # [C, 10]
    resampled = resampled_ap(matches, resampling)  # [resamples, C, 10]
    map50_resampled = _mean_of_present(resampled[..., 0])
    n_groups, all_of_it = resampling.n_groups(), (0.0, 1.0)
    decided = decide(matches, truth, threshold)
    return DetectionAccuracy(
        interval(float(np.nanmean(ap[:, 0])), map50_resampled, all_of_it, n_groups),
        interval(float(np.nanmean(ap)), _mean_of_present(resampled.mean(axis=2)), all_of_it, n_groups),
        {
            name: _class_accuracy(one, resampled[:, k], resampling)
            for k, (name, one) in enumerate(zip(matches.class_names, matches.classes, strict=True))
        },
        operating_point(decided, threshold, resampling),
        confusion_table(decided, detections, truth, len(class_names)),
        matches,
        map50_resampled,
        resampling,
    )


def _class_accuracy(one: ClassMatches, resampled_rt: NDArray[np.float64], resampling: Resampling) -> ClassAccuracy:
    has_boxes = one.n_boxes > 0
    if not has_boxes.any():
        return ClassAccuracy(None, None, 0, 0)
    n_groups, all_of_it = resampling.n_groups(has_boxes), (0.0, 1.0)
    return ClassAccuracy(
        interval(float(one.ap[0]), resampled_rt[:, 0], all_of_it, n_groups),
        interval(float(one.ap.mean()), resampled_rt.mean(axis=1), all_of_it, n_groups),
        int(one.n_boxes.sum()),
        int(has_boxes.sum()),
    )


def paired_difference(variant: DetectionAccuracy, baseline: DetectionAccuracy) -> ResampledDifference:
    """mAP@50 of the variant minus the baseline's, both measured on the same pictures with the same resamples.

    Raises EdgeboardError where they were not.
    """
    if _measured_on(variant) != _measured_on(baseline):
        raise EdgeboardError("A paired difference needs the same frames, boxes, seed and resamples for both")
    value = variant.map50.value - baseline.map50.value
    differences = variant.resampled_map50 - baseline.resampled_map50
    return difference(value, differences, variant.resampling.n_groups())


def _columns(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {**estimate.columns(name)}


def _measured_on(one: DetectionAccuracy) -> tuple[object, ...]:
    boxes = tuple(each.n_boxes.tobytes() for each in one.matches.classes)
    return one.resampling, one.matches.class_names, boxes


def _mean_of_present(ap_rc: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over classes `[R]` of `[R, C]`, NaN left out; NaN where a resample has no box at all."""
    is_known = ~np.isnan(ap_rc)
    with np.errstate(invalid="ignore"):
        return np.where(is_known, ap_rc, 0).sum(axis=1) / is_known.sum(axis=1)
