"""What one variant says of one target, and the numbers of a variant over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.detection.frames import DetectionFrame
from pipeline.explain.detection.targets import SAME_PLACE_IOU, Target
from pipeline.explain.drift import drift
from pipeline.explain.faithfulness import Faithfulness
from pipeline.explain.localisation import energy_in_mask
from pipeline.explain.summary import points_into, summary
from pipeline.tasks.boxes import Detections, iou_matrix


@dataclass(frozen=True)
class Question:
    """A target in its frame; frame_index: the frame's place among the explained ones."""

    frame_index: int
    frame: DetectionFrame
    target: Target


@dataclass(frozen=True)
class Decision:
    """What a variant sees where the target is: label None, box None and score 0 for nothing."""

    label: int | None
    box_xyxy: NDArray[np.float32] | None
    score: float


@dataclass(frozen=True)
class DetectionExplanation:
    """similarity: to the target, of the answer to the whole frame, in [0, 1]; rise: `[S, S]`, its mean where kept."""

    decision: Decision
    similarity: float
    rise: NDArray[np.float32]
    faithfulness: Faithfulness


def decision_at(target: Target, found: Detections) -> Decision:
    """The best box of whatever class that lies where the target does."""
    if len(found.labels):
        there = np.flatnonzero(iou_matrix(found.boxes_xyxy, target.vector.box_xyxy[None])[:, 0] >= SAME_PLACE_IOU)
        if len(there):
            best = there[0]
            return Decision(int(found.labels[best]), found.boxes_xyxy[best], float(found.scores[best]))
    return Decision(None, None, 0.0)


def scores(
    questions: Sequence[Question],
    found: Sequence[DetectionExplanation],
    found_baseline: Sequence[DetectionExplanation],
    class_names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Means over all explanations, then each of them under `frames`, in the order of the questions."""
    drifts = [drift(base.rise, one.rise) for base, one in zip(found_baseline, found, strict=True)]
    # Only a detection that is a true object has a reason to depend on it.
    localised = [
        (one.rise, question.frame.box_mask(question.target.true_object))
        for question, one in zip(questions, found, strict=True)
        if question.target.kind == "found" and question.target.true_object is not None
    ]
    return {
        **summary([one.faithfulness for one in found], drifts, localised, seed, [one.frame_index for one in questions]),
        "agrees": sum(
            one.decision.label == base.decision.label for base, one in zip(found_baseline, found, strict=True)
        ),
        "frames": [
            _row(question, one, moved, class_names)
            for question, one, moved in zip(questions, found, drifts, strict=True)
        ],
    }


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
        "deletion_auc": one.faithfulness.deletion_auc,
        "insertion_auc": one.faithfulness.insertion_auc,
        "pointing_game": None if true is None else points_into(one.rise, frame.box_mask(true)),
        "energy_in_mask": None if true is None else energy_in_mask(one.rise, frame.box_mask(true)),
        "drift": moved,
    }


def _rounded(box_xyxy: NDArray[np.float32]) -> list[float]:
    return [round(float(side), 1) for side in box_xyxy]
