"""The true boxes of a picture, and what a detector's answers must be before they are judged by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.tasks.boxes import Detections


class GroundTruth(NamedTuple):
    """One picture of `width` x `height` pixels: boxes_xyxy float32 `[m, 4]` in its pixels, labels int64 `[m]`."""

    boxes_xyxy: NDArray[np.float32]
    labels: NDArray[np.int64]
    width: int
    height: int


def check_truth(truth: Sequence[GroundTruth], class_names: Sequence[str], where: object = None) -> None:
    """Raises EdgeboardError for no pictures, no box in any of them, a box without area or of no known class.

    A box may reach out of its picture: whether that is meant is decided where data are read.
    """
    if not truth:
        raise EdgeboardError("The test split has no frames, so that nothing can be measured", where=where)
    if not any(len(one.boxes_xyxy) for one in truth):
        raise EdgeboardError(
            "The test split has no boxes, so that no average precision can be measured",
            where=where,
            value=f"{len(truth)} frames, all empty",
        )
    for i, one in enumerate(truth):
        _check_boxes("true", one.boxes_xyxy, one.labels, class_names, i, where)
        sizes = one.boxes_xyxy[:, 2:] - one.boxes_xyxy[:, :2]
        if not (sizes > 0).all():
            _refuse("A true box has no area", i, one.boxes_xyxy[(sizes <= 0).any(axis=1)][0].tolist(), where)


def check_detections(
    detections: Sequence[Detections], n_pictures: int, class_names: Sequence[str], where: object = None
) -> None:
    """Raises EdgeboardError for NaN or infinity, for arrays that do not fit together and for labels of no class.

    Boxes without area or outside the frame are allowed: they are simply wrong.
    """
    if len(detections) != n_pictures:
        raise EdgeboardError(
            "Detections and true boxes are of different frames",
            where=where,
            value=f"{len(detections)} and {n_pictures} frames",
        )
    for i, one in enumerate(detections):
        _check_boxes("detected", one.boxes_xyxy, one.labels, class_names, i, where)
        if one.scores.shape != one.labels.shape:
            shapes = f"{one.scores.shape} scores, {one.labels.shape} labels"
            _refuse("Detected boxes need a score each", i, shapes, where)
        if not np.isfinite(one.scores).all():
            _refuse("A detection's score is NaN or infinite", i, one.scores.tolist(), where)
        if not (one.boxes_xyxy[:, 2:] >= one.boxes_xyxy[:, :2]).all():
            _refuse("A detected box has a side below zero", i, one.boxes_xyxy.tolist(), where)


def _check_boxes(
    kind: str,
    boxes_xyxy: NDArray[np.float32],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    picture: int,
    where: object,
) -> None:
    if labels.ndim != 1 or boxes_xyxy.shape != (len(labels), 4):
        shapes = f"boxes {boxes_xyxy.shape}, labels {labels.shape}"
        _refuse(f"The {kind} boxes of a frame need four numbers and a label each", picture, shapes, where)
    if not np.isfinite(boxes_xyxy).all():
        _refuse(f"A {kind} box holds NaN or infinity", picture, boxes_xyxy.tolist(), where)
    unknown = labels[(labels < 0) | (labels >= len(class_names))]
    if len(unknown):
        allowed = f"0 to {len(class_names) - 1} ({', '.join(class_names)})"
        _refuse(f"A {kind} box has a label of no class", picture, int(unknown[0]), where, allowed)


def _refuse(what: str, picture: int, value: object, where: object, allowed: object | None = None) -> None:
    place = f"frame {picture}" if where is None else f"{where}, frame {picture}"
    raise EdgeboardError(what, where=place, value=value, allowed=allowed)
