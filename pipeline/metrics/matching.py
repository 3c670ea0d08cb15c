"""Which detection met which true box, decided once per picture by pycocotools; all figures follow from it.

Lin et al. 2014, "Microsoft COCO: Common Objects in Context", arXiv:1405.0312: in each picture and class, detections by
falling score each take the free true box of highest IoU, if it reaches the threshold.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.ground_truth import GroundTruth, check_detections, check_truth
from pipeline.tasks.boxes import Detections

# COCO's own: IoU 0.50, 0.55, ..., 0.95; precision is read at 101 recalls; of one class, 100 detections a picture count.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_PER_CLASS = 100


@dataclass(frozen=True)
class ClassMatches:
    """The D detections of one class in all N pictures, ordered by picture, then by falling score.

    picture: int64 `[D]`; index: int64 `[D]`, the place in that picture's Detections; scores: float64 `[D]`.
    is_hit: bool `[10, D]`, at each of IOU_THRESHOLDS. met: int64 `[D]`, the place in that picture's GroundTruth of the
    box met at IoU 0.5, or -1. n_boxes: int64 `[N]`, true boxes of this class in each picture.
    precision: float64 `[10, 101]`, pycocotools' interpolated precision at RECALLS; None for a class without boxes.
    """

    picture: NDArray[np.int64]
    index: NDArray[np.int64]
    scores: NDArray[np.float64]
    is_hit: NDArray[np.bool_]
    met: NDArray[np.int64]
    n_boxes: NDArray[np.int64]
    precision: NDArray[np.float64] | None

    @property
    def ap(self) -> NDArray[np.float64]:
        """Average precision `[10]` at IOU_THRESHOLDS, in [0, 1]; NaN for a class without boxes."""
        return np.full(len(IOU_THRESHOLDS), np.nan) if self.precision is None else self.precision.mean(axis=1)


@dataclass(frozen=True)
class Matches:
    """classes: one for each of class_names, in that order."""

    class_names: tuple[str, ...]
    n_pictures: int
    classes: tuple[ClassMatches, ...]

    @property
    def n_boxes(self) -> int:
        return int(sum(one.n_boxes.sum() for one in self.classes))


def match_detections(
    detections: Sequence[Detections], truth: Sequence[GroundTruth], class_names: Sequence[str], where: object = None
) -> Matches:
    """Match every picture's detections with its true boxes; both in the same pixels, both lists in the same order.

    Raises EdgeboardError for what cannot be judged (see ground_truth.py); where: what the message names, the file.
    """
    check_truth(truth, class_names, where)
    check_detections(detections, len(truth), class_names, where)
    judge = _evaluated(detections, truth, len(class_names))
    n_pictures = len(truth)
    labels = np.concatenate([one.labels for one in truth])
    pictures = np.repeat(np.arange(n_pictures), [len(one.labels) for one in truth])
    first_detection = np.cumsum([0] + [len(one.labels) for one in detections])
    first_box = np.cumsum([0] + [len(one.labels) for one in truth])
    classes = []
    for label in range(len(class_names)):
        precision = judge.eval["precision"][:, :, label, 0, 0]
        n_boxes = np.bincount(pictures[labels == label], minlength=n_pictures)
        found = judge.evalImgs[label * n_pictures : (label + 1) * n_pictures]
        classes.append(_class_matches(found, n_boxes, precision if n_boxes.any() else None, first_detection, first_box))
    return Matches(tuple(class_names), n_pictures, tuple(classes))


def _class_matches(
    found: Sequence[dict[str, Any] | None],
    n_boxes: NDArray[np.int64],
    precision: NDArray[np.float64] | None,
    first_detection: NDArray[np.int64],
    first_box: NDArray[np.int64],
) -> ClassMatches:
    """From pycocotools' answers for one class, one a picture (None where it has neither box nor detection)."""
    seen = [(i, one) for i, one in enumerate(found) if one is not None and one["dtIds"]]
    picture = np.repeat(np.array([i for i, _ in seen], dtype=np.int64), [len(one["dtIds"]) for _, one in seen])
    identity = np.array([k for _, one in seen for k in one["dtIds"]], dtype=np.int64)
    scores = np.array([score for _, one in seen for score in one["dtScores"]], dtype=np.float64)
    box = np.concatenate([np.zeros((len(IOU_THRESHOLDS), 0)), *(one["dtMatches"] for _, one in seen)], axis=1)
    box = box.astype(np.int64)
    met = np.where(box[0] > 0, box[0] - 1 - first_box[picture], -1)
    return ClassMatches(
        picture, identity - 1 - first_detection[picture], scores, box > 0, met, n_boxes.astype(np.int64), precision
    )


def _evaluated(detections: Sequence[Detections], truth: Sequence[GroundTruth], n_classes: int) -> Any:
    """pycocotools' COCOeval after evaluate() and accumulate(), over all sizes of box at once."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = [{"id": i, "width": one.width, "height": one.height} for i, one in enumerate(truth)]
    categories = [{"id": label} for label in range(n_classes)]

    true = _annotations([one.boxes_xyxy for one in truth], [one.labels for one in truth])
    found = _annotations(
        [one.boxes_xyxy for one in detections],
        [one.labels for one in detections],
        [one.scores for one in detections],
    )

    def dataset(annotations: list[dict[str, Any]]) -> Any:
        made = COCO()
        made.dataset = {"images": images, "categories": categories, "annotations": annotations}
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):  # it tells its progress to people
        judge = COCOeval(dataset(true), dataset(found), "bbox")
        judge.params.iouThrs, judge.params.recThrs = IOU_THRESHOLDS, RECALLS
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e20]], ["all"]
        judge.params.maxDets = [MOST_PER_CLASS]
        judge.evaluate()
        judge.accumulate()
    return judge


def _annotations(
    boxes: Iterable[NDArray[np.float32]],
    labels: Iterable[NDArray[np.int64]],
    scores: Iterable[NDArray[np.float32]] | None = None,
) -> list[dict[str, Any]]:
    """COCO annotations; ids count from 1, for pycocotools marks what met nothing by id 0."""
    annotations: list[dict[str, Any]] = []
    for i, (boxes_xyxy, labels_n) in enumerate(zip(boxes, labels, strict=True)):
        for (left, top, right, bottom), label in zip(boxes_xyxy.tolist(), labels_n.tolist(), strict=True):
            width, height = right - left, bottom - top
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": label,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    if scores is not None:
        for annotation, score in zip(annotations, np.concatenate(list(scores)).tolist(), strict=True):
            annotation["score"] = score
    return annotations
