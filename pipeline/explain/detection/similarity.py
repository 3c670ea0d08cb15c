"""How much of one detection is left in what a detector answers to an altered frame, as D-RISE measures it.

Petsiuk et al. 2021, arXiv:2006.03204: the best of IoU × cosine of the class probabilities × objectness
over what the detector proposes.

The best is taken over all anchors and not over the boxes that are left after threshold and suppression. A box that
sinks below the threshold would count as nothing at once, so that the map of a weak detection had two values, and a
variant with other scores would be measured by its threshold. An anchor's score falls gradually.

The cosine alone does not tell how sure an anchor is, so that it must not stand alone: objectness is 1 - background for
softmax heads, and the score of the best class for sigmoid heads, which know no background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores, Run, finite
from pipeline.tasks.boxes import class_scores, iou_matrix, likeliest_boxes


@dataclass(frozen=True)
class DetectionVector:
    """What is looked for: box_xyxy float32 `[4]` in pixels of the frame; probabilities `[C]`, of any scale above 0."""

    box_xyxy: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def similarity_through(
    run: Run, head: dict[str, Any], wanted: Sequence[DetectionVector], where: object = None
) -> BatchScores:
    """Similarity `[N, n]` of frames' answers to each of the wanted. Raises EdgeboardError for NaN or infinity."""

    def similarity(frames_nchw: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.stack([similarities(heads_ak, head, wanted) for heads_ak in finite(run(frames_nchw), where)])

    return similarity


def similarities(
    heads_ak: NDArray[np.float32], head: dict[str, Any], wanted: Sequence[DetectionVector]
) -> NDArray[np.float64]:
    """`[n]` in [0, 1]: for each of the wanted the most similar of all anchors; heads and `head` as in tasks.boxes."""
    boxes_a4, scores_ac = proposals(heads_ak, head)
    objectness_a = scores_ac.sum(axis=1) if head["activation"] == "softmax" else scores_ac.max(axis=1)
    overlap_an = iou_matrix(boxes_a4, np.stack([one.box_xyxy for one in wanted]))
    directions_cn = _unit(np.stack([one.probabilities for one in wanted])).T
    found_an = overlap_an * (_unit(scores_ac) @ directions_cn) * objectness_a[:, None]
    return np.clip(found_an.max(axis=0), 0, 1).astype(np.float64)


def proposals(heads_ak: NDArray[np.float32], head: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes `[A, 4]`, xyxy in pixels of the frame, and class scores `[A, C]` of every anchor, in two stages of every
    proposal."""
    return likeliest_boxes(heads_ak, head), class_scores(heads_ak, head)


def _unit(vectors_nc: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; those of length 0 stay."""
    lengths = np.sqrt((vectors_nc * vectors_nc).sum(axis=1, keepdims=True))
    return (vectors_nc / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
