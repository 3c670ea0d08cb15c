"""What one variant says of one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.targets import SAME_PLACE_IOU, Target
from pipeline.explain.drift import drift
from pipeline.explain.localisation import energy_in_mask
from pipeline.explain.subject import JudgedMap
from pipeline.explain.summary import points_into
from pipeline.tasks.boxes import Detections, iou_matrix


@dataclass(frozen=True)
class Question:
    """A target in its frame; frame_index: the frame's place among the explained ones."""

    frame_index: int
    frame: DetectionFrame
    target: Target


@dataclass(frozen=True)
class Decision:
    """What a variant reports where the target is: label None, box None and score 0 for nothing."""

    label: int | None
    box_xyxy: NDArray[np.float32] | None
    score: float


@dataclass(frozen=True)
class DetectionExplanation:
    """similarity: to the target, of the answer to the whole frame, in [0, 1]; judged: its D-RISE map."""

    decision: Decision
    similarity: float
    judged: JudgedMap


def decision_at(target: Target, found: Detections) -> Decision:
    """The best box of whatever class that lies where the target does."""
    if len(found.labels):
        there = np.flatnonzero(iou_matrix(found.boxes_xyxy, target.vector.box_xyxy[None])[:, 0] >= SAME_PLACE_IOU)
        if len(there):
            best = there[0]
            return Decision(int(found.labels[best]), found.boxes_xyxy[best], float(found.scores[best]))
    return Decision(None, None, 0.0)


def mask_of(question: Question) -> NDArray[np.bool_] | None:
    """Where a map of the question has reason to point: only a detection that is a true object depends on it, however
    weak it is.
    """
    true = question.target.true_object
    is_detected = question.target.kind in ("found", "too weak")
    return question.frame.box_mask(true) if is_detected and true is not None else None


def rows_of(
    questions: Sequence[Question],
    found: Sequence[DetectionExplanation],
    found_baseline: Sequence[DetectionExplanation],
    class_names: Sequence[str],
) -> list[dict[str, Any]]:
    """Every explanation for the report, in the order of the questions."""
    return [
        _row(question, one, drift(base.judged.importance, one.judged.importance), class_names)
        for question, one, base in zip(questions, found, found_baseline, strict=True)
    ]


def _row(question: Question, one: DetectionExplanation, moved: float, class_names: Sequence[str]) -> dict[str, Any]:
    frame, target, true = question.frame, question.target, question.target.true_object
    return {
        "frame": frame.name,
        "kind": target.kind,
        "true_class": None if true is None else class_names[frame.labels[true]],
        "true_box_xyxy": None if true is None else _rounded(frame.boxes_xyxy[true]),
        "true_iou": target.true_iou,
        "explained_class": class_names[target.label],
        "explained_box_xyxy": _rounded(target.vector.box_xyxy),
        "explained_score": target.score,
        "decision": None if one.decision.label is None else class_names[one.decision.label],
        "probability": one.decision.score,
        "similarity": one.similarity,
        **one.judged.areas,
        "pointing_game": None if true is None else points_into(one.judged.importance, frame.box_mask(true)),
        "energy_in_mask": None if true is None else energy_in_mask(one.judged.importance, frame.box_mask(true)),
        "drift": moved,
    }


def _rounded(box_xyxy: NDArray[np.float32]) -> list[float]:
    return [round(float(side), 1) for side in box_xyxy]
