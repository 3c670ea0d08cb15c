"""Made-up test sets, and pycocotools' own answer for them by the shortest way through its public classes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.metrics.ground_truth import GroundTruth
from pipeline.tasks.boxes import Detections


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    """Rows of xmin, ymin, xmax, ymax, score, label."""
    table = np.array(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def true(*rows: tuple[float, float, float, float, int]) -> GroundTruth:
    """Rows of xmin, ymin, xmax, ymax, label, in a picture of 100 x 80."""
    table = np.array(rows, dtype=np.float32).reshape(-1, 5)
    return GroundTruth(table[:, :4], table[:, 4].astype(np.int64), 100, 80)


def random_case(
    seed: int, n_pictures: int, n_classes: int, steps: int | None = None
) -> tuple[list[Detections], list[GroundTruth]]:
    """Crowded pictures, a third of them empty; `steps`: so many different scores only, so that many are equal."""
    random = np.random.default_rng(seed)
    detections, truth = [], []
    for _ in range(n_pictures):
        n = int(random.integers(0, 5)) * int(random.random() < 0.67)
        low = random.uniform(0, 60, (n, 2))
        boxes = np.concatenate([low, low + random.uniform(10, 30, (n, 2))], axis=1)
        labels = random.integers(0, n_classes, n)
        near = random.integers(0, max(n, 1), int(random.integers(0, 7))) if n else np.zeros(0, dtype=np.int64)
        far = random.uniform(0, 60, (int(random.integers(0, 3)), 2))
        answers = np.concatenate([boxes[near] + random.normal(0, 2.5, (len(near), 4)), np.c_[far, far + 20]])
        scores = random.random(len(answers))
        if steps:
            scores = np.floor(scores * steps) / steps
        answered = np.concatenate([labels[near], random.integers(0, n_classes, len(far))])
        answered = np.where(random.random(len(answers)) < 0.2, random.integers(0, n_classes, len(answers)), answered)
        detections.append(Detections(answers.astype(np.float32), scores.astype(np.float32), answered))
        truth.append(GroundTruth(boxes.astype(np.float32), labels, 100, 80))
    return detections, truth


def library_ap(detections: Sequence[Detections], truth: Sequence[GroundTruth], n_classes: int) -> np.ndarray:
    """`[C, 10]`: average precision by pycocotools as it comes, NaN for a class without boxes."""

    def annotations(boxes: list[np.ndarray], labels: list[np.ndarray], scores: list[np.ndarray]) -> COCO:
        rows = [
            (i, label, box, score)
            for i, each in enumerate(zip(boxes, labels, scores, strict=True))
            for box, label, score in zip(*(part.tolist() for part in each), strict=True)
        ]
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(boxes))],
            "categories": [{"id": label} for label in range(n_classes)],
            "annotations": [
                {"id": k + 1, "image_id": i, "category_id": label, "score": score, "iscrowd": 0,
                 "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                 "area": (box[2] - box[0]) * (box[3] - box[1])}
                for k, (i, label, box, score) in enumerate(rows)
            ],
        }  # fmt: skip
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(
            annotations([t.boxes_xyxy for t in truth], [t.labels for t in truth], [t.labels for t in truth]),
            annotations(
                [d.boxes_xyxy for d in detections], [d.labels for d in detections], [d.scores for d in detections]
            ),
            "bbox",
        )
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # all sizes, 100 detections
    return np.where(precision > -1, precision, np.nan).mean(axis=1).T


def written_out(weights: np.ndarray, *lists: Sequence) -> list[list]:
    """Each list with its i-th entry `weights[i]` times."""
    return [[entry for entry, times in zip(one, weights, strict=True) for _ in range(times)] for one in lists]
