"""Which detections of the baseline are explained, and which true object each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.similarity import DetectionVector, proposals
from pipeline.tasks.boxes import Detections, decode_detections, iou_matrix

MOST_PER_FRAME = 2
SAME_PLACE_IOU = 0.5  # as mAP@50 counts

Kind = Literal["found", "wrong class", "false alarm", "too weak", "missed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Target:
    """One detection of the baseline, or a true object that it missed; asked of every variant.

    kind: at the operating threshold; too weak: a true object that is found below it alone. label: its class; score: the
    baseline's, in [0, 1], 0 for a missed object; true_object: which box of the frame it is, None for a false alarm;
    true_iou: its overlap with that box.
    """

    kind: Kind
    vector: DetectionVector
    label: int
    score: float
    true_object: int | None
    true_iou: float


class ReadFrom(NamedTuple):
    """score: from there on a detection counts as seen; is_operating: it is the threshold that a device works with."""

    score: float
    is_operating: bool


def choose_targets(
    heads_ak: NDArray[np.float32], head: dict[str, Any], frame: DetectionFrame, most: int = MOST_PER_FRAME
) -> list[Target]:
    """The best `most` detections that are true objects, else the best of all, else the largest missed object.

    Detections are those that a device reports, from the operating threshold on. Where there is none of these in a frame
    with objects, true objects that are found below it, as `too weak`. Empty for a frame without objects in which the
    baseline sees nothing.
    """
    found = decode_detections(heads_ak, at_work(head))
    if not len(found.labels):
        if not len(frame.labels):
            return []
        below = decode_detections(heads_ak, head)
        return _true_objects("too weak", below, heads_ak, head, frame, most) or [_missed(frame, head["n_classes"])]
    targets = _true_objects("found", found, heads_ak, head, frame, most)
    if targets:
        return targets
    overlaps = iou_matrix(found.boxes_xyxy[:1], frame.boxes_xyxy)
    best = overlaps[0].max(initial=0)
    if best >= SAME_PLACE_IOU:
        return [_target("wrong class", found, 0, heads_ak, head, int(overlaps[0].argmax()), best)]
    return [_target("false alarm", found, 0, heads_ak, head, None, 0.0)]


def read_from(head: dict[str, Any]) -> ReadFrom:
    """The operating threshold; of a head without one, the score below which everything is dropped."""
    return ReadFrom(float(head.get("operating_threshold", head["score_threshold"])), "operating_threshold" in head)


def at_work(head: dict[str, Any]) -> dict[str, Any]:
    """The head as a device reads it."""
    return {**head, "score_threshold": read_from(head).score}


def _true_objects(
    kind: Kind, found: Detections, heads_ak: NDArray[np.float32], head: dict[str, Any], frame: DetectionFrame, most: int
) -> list[Target]:
    """The best of the detections that are true objects, each object once."""
    overlaps = iou_matrix(found.boxes_xyxy, frame.boxes_xyxy)
    free = np.ones(len(frame.labels), dtype=bool)
    targets: list[Target] = []
    for i, label in enumerate(found.labels):
        candidates = np.where(free & (frame.labels == label), overlaps[i], 0)
        if len(targets) < most and candidates.max(initial=0) >= SAME_PLACE_IOU:
            free[candidates.argmax()] = False
            targets.append(_target(kind, found, i, heads_ak, head, int(candidates.argmax()), candidates.max()))
    return targets


def _target(
    kind: Kind,
    found: Detections,
    i: int,
    heads_ak: NDArray[np.float32],
    head: dict[str, Any],
    true_object: int | None,
    true_iou: float,
) -> Target:
    box, label, score = found.boxes_xyxy[i], int(found.labels[i]), float(found.scores[i])
    vector = DetectionVector(box, _probabilities_of(box, label, found.scores[i], heads_ak, head))
    return Target(kind, vector, label, score, true_object, float(true_iou))


def _probabilities_of(
    box_xyxy: NDArray[np.float32], label: int, score: np.float32, heads_ak: NDArray[np.float32], head: dict[str, Any]
) -> NDArray[np.float32]:
    """`[C]` of the anchor that a detection comes from: of those with its very score, the one with its box."""
    boxes_a4, scores_ac = proposals(heads_ak, head)
    places = np.flatnonzero(scores_ac[:, label] == score)
    return scores_ac[places[iou_matrix(boxes_a4[places], box_xyxy[None])[:, 0].argmax()]]


def _missed(frame: DetectionFrame, n_classes: int) -> Target:
    """The largest true object as a detection that nobody made: certain of its class."""
    sides = frame.boxes_xyxy[:, 2:] - frame.boxes_xyxy[:, :2]
    largest = int(sides.prod(axis=1).argmax())
    label = int(frame.labels[largest])
    vector = DetectionVector(frame.boxes_xyxy[largest], np.eye(n_classes, dtype=np.float32)[label])
    return Target("missed", vector, label, 0.0, largest, 1.0)
