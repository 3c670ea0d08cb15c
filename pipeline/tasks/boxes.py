"""From the raw heads of a detector to boxes: one numpy function for host and board.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6.

A *head* says how the numbers are to be read, as data:

    activation        "softmax" (class 0 is the background) or "sigmoid" (every class for itself)
    n_classes         C, without the background
    box_coding        "deltas" (to an anchor: Girshick et al. 2014, arXiv:1311.2524, appendix C) or
                      "sides" (distances to the four sides, in sides of the anchor: FCOS, arXiv:1904.01355)
    box_weights       what the four deltas were multiplied by in training
    centerness        whether a fifth number tells how central the place is; it scales the score as FCOS has it
    anchors_xyxy      [A, 4] in pixels of the frame
    kind              "two_stage": there are no fixed anchors. Every row has four box numbers for each class in turn,
                      and ends in the proposal that stands for its anchor, xyxy in fractions of the frame's side.
                      Otherwise it is absent
    frame_size        S, the side of the square frame
    score_threshold   boxes below are dropped
    nms_iou           of two boxes of one class that overlap by more, the better one stays
    max_detections    so many boxes at most
"""

from typing import Any, Dict, List, NamedTuple

import numpy as np

# exp() of more would only make boxes that are clipped to the frame anyway, or infinite: torchvision's own limit.
_LARGEST_LOG_SCALE = float(np.log(1000.0 / 16))
# A box of two stages whose sides are below has been clipped away: torchvision's own limit, in pixels.
_SMALLEST_SIDE = 0.01
# Of each frame at most so many candidates go into the suppression.
_CANDIDATES = 400


class Detections(NamedTuple):
    """boxes_xyxy: float32 [n, 4] in pixels; scores: float32 [n] in [0, 1], best first; labels: int64 [n]."""

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def decode_detections(heads_ak: np.ndarray, head: Dict[str, Any]) -> Detections:
    """The boxes that a detector sees in one frame, in pixels of that frame, best first.

    heads_ak: `[A, K]`: for every anchor the class logits, the four box numbers and, where head["centerness"], one more;
    for what a row of two stages is, see above.
    """
    candidates = _possible(heads_ak, head)
    scores_ac = class_scores(heads_ak[candidates], head)
    rows, labels = np.nonzero(scores_ac > head["score_threshold"])
    scores, places = scores_ac[rows, labels], candidates[rows]
    # Equal scores in the order of their places: the same answer on every machine.
    order = np.lexsort((labels, places, -scores))[:_CANDIDATES]
    places, labels, scores = places[order], labels[order], scores[order]
    boxes = boxes_of_rows(heads_ak, places, labels, head)
    if _is_two_stage(head):
        seen = (boxes[:, 2:] - boxes[:, :2] >= _SMALLEST_SIDE).all(axis=1)
        boxes, labels, scores = boxes[seen], labels[seen], scores[seen]
    kept = suppress(boxes, labels, head["nms_iou"], head["max_detections"])
    return Detections(boxes[kept], scores[kept], labels[kept])


def class_scores(heads_ak: np.ndarray, head: Dict[str, Any]) -> np.ndarray:
    """`[A, C]` in [0, 1], without the background."""
    if head["activation"] == "softmax":
        logits = heads_ak[:, : head["n_classes"] + 1]
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials[:, 1:] / exponentials.sum(axis=1, keepdims=True)
    scores = _sigmoid(heads_ak[:, : head["n_classes"]])
    if head["centerness"]:
        scores = np.sqrt(scores * _sigmoid(heads_ak[:, -1:]))
    return scores


def boxes_of_rows(heads_ak: np.ndarray, places: np.ndarray, labels: np.ndarray, head: Dict[str, Any]) -> np.ndarray:
    """`[n, 4]` xyxy, clipped to the frame: what rows `places` of the heads say of objects of classes `labels`.

    Only in two stages the box depends on the class.
    """
    first = head["n_classes"] + (head["activation"] == "softmax")
    if not _is_two_stage(head):
        return decode_boxes(heads_ak[places, first : first + 4], head["anchors_xyxy"][places], head)
    columns = first + 4 * labels[:, None] + np.arange(4)
    proposals = heads_ak[places, -4:] * np.float32(head["frame_size"])
    return decode_boxes(heads_ak[places[:, None], columns], proposals, head)


def likeliest_boxes(heads_ak: np.ndarray, head: Dict[str, Any]) -> np.ndarray:
    """`[A, 4]` xyxy, clipped to the frame: the box of every row, in two stages that of its likeliest class."""
    first = int(head["activation"] == "softmax")
    labels = heads_ak[:, first : first + head["n_classes"]].argmax(axis=1)
    return boxes_of_rows(heads_ak, np.arange(len(heads_ak)), labels, head)


def _is_two_stage(head: Dict[str, Any]) -> bool:
    return head.get("kind") == "two_stage"


def decode_boxes(numbers_n4: np.ndarray, anchors_n4: np.ndarray, head: Dict[str, Any]) -> np.ndarray:
    """`[n, 4]` box numbers at their anchors to `[n, 4]` xyxy, clipped to the frame."""
    sizes = anchors_n4[:, 2:] - anchors_n4[:, :2]
    centres = anchors_n4[:, :2] + 0.5 * sizes
    if head["box_coding"] == "sides":
        low, high = centres - numbers_n4[:, :2] * sizes, centres + numbers_n4[:, 2:] * sizes
    else:
        deltas = numbers_n4 / np.asarray(head["box_weights"], dtype=np.float32)
        centres = centres + deltas[:, :2] * sizes
        half = 0.5 * sizes * np.exp(np.minimum(deltas[:, 2:], _LARGEST_LOG_SCALE))
        low, high = centres - half, centres + half
    return np.clip(np.concatenate([low, high], axis=1), 0, head["frame_size"]).astype(np.float32)


def suppress(boxes_xyxy: np.ndarray, labels: np.ndarray, most_iou: float, most: int) -> np.ndarray:
    """Indices of the boxes that stay, of boxes sorted best first: non-maximum suppression within each class."""
    areas = (boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])
    left = np.arange(len(boxes_xyxy))
    kept = []  # type: List[int]
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(best)
        low = np.maximum(boxes_xyxy[best, :2], boxes_xyxy[left, :2])
        high = np.minimum(boxes_xyxy[best, 2:], boxes_xyxy[left, 2:])
        overlap = np.clip(high - low, 0, None).prod(axis=1)
        union = areas[best] + areas[left] - overlap
        left = left[(labels[left] != labels[best]) | (overlap <= most_iou * union)]
    return np.array(kept, dtype=np.int64)


def iou_matrix(boxes_n4: np.ndarray, others_m4: np.ndarray) -> np.ndarray:
    """`[n, m]` intersection over union in [0, 1] of xyxy boxes; 0 for boxes without area."""
    low = np.maximum(boxes_n4[:, None, :2], others_m4[None, :, :2])
    high = np.minimum(boxes_n4[:, None, 2:], others_m4[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    areas = np.clip(boxes_n4[:, 2:] - boxes_n4[:, :2], 0, None).prod(axis=1)
    other_areas = np.clip(others_m4[:, 2:] - others_m4[:, :2], 0, None).prod(axis=1)
    union = areas[:, None] + other_areas[None] - overlap
    return np.where(union > 0, overlap / np.where(union > 0, union, 1), 0)


def _possible(heads_ak: np.ndarray, head: Dict[str, Any]) -> np.ndarray:
    """Indices of the anchors whose score can be above the threshold at all: for few of many is it worth computing.

    A softmax is at most the sigmoid of the distance to the background, and a centerness only lowers a score's square.
    """
    threshold = head["score_threshold"] ** 2 if head["centerness"] else head["score_threshold"]
    least = float(np.log(threshold / (1 - threshold)))
    if head["activation"] == "softmax":
        distances = heads_ak[:, 1 : head["n_classes"] + 1].max(axis=1) - heads_ak[:, 0]
    else:
        distances = heads_ak[:, : head["n_classes"]].max(axis=1)
    # Rounding must not lose an anchor that lies on the threshold.
    return np.flatnonzero(distances > least - 1e-3)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # Of less, exp() overflows with a warning, though to the same score.
    return 1 / (1 + np.exp(-np.maximum(values, -80)))
