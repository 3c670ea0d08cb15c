from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.detection.similarity import DetectionVector, similarities, similarity_through
from pipeline.tasks.boxes import class_scores, decode_boxes, iou_matrix

ANCHORS = np.array([[0, 0, 10, 10], [20, 20, 40, 30], [5, 0, 15, 10]], dtype=np.float32)
KINDS = ["softmax", "sigmoid", "fcos"]


def _head(kind: str, n_classes: int = 2, anchors: np.ndarray = ANCHORS) -> dict[str, Any]:
    return {
        "activation": "softmax" if kind == "softmax" else "sigmoid",
        "n_classes": n_classes,
        "box_coding": "sides" if kind == "fcos" else "deltas",
        "box_weights": [10.0, 10.0, 5.0, 5.0] if kind == "softmax" else [1.0] * 4,
        "centerness": kind == "fcos",
        "anchors_xyxy": anchors,
        "frame_size": 64,
        "score_threshold": 0.5,
        "nms_iou": 0.5,
        "max_detections": 10,
    }


def _softmax_heads(probabilities_ac: list[list[float]]) -> np.ndarray:
    """Heads at their anchors; what the probabilities leave of 1 is the background's."""
    found = np.array(probabilities_ac, dtype=np.float64)
    background = 1 - found.sum(axis=1, keepdims=True)
    logits = np.log(np.clip(np.concatenate([background, found], axis=1), 1e-12, None))
    return np.concatenate([logits, np.zeros((len(found), 4))], axis=1).astype(np.float32)


def _vector(box: list[float], probabilities: list[float]) -> DetectionVector:
    return DetectionVector(np.array(box, dtype=np.float32), np.array(probabilities, dtype=np.float32))


@pytest.mark.parametrize(
    ("box", "probabilities", "seen", "expected"),
    [
        ([0, 0, 10, 10], [1, 0], [[0, 0], [0, 0], [0, 0]], 0),  # all background
        ([0, 0, 10, 10], [0, 0], [[1, 0], [0, 0], [0, 0]], 0),  # nothing is wanted: no division by nothing
        ([50, 50, 60, 60], [1, 0], [[1, 0], [1, 0], [1, 0]], 0),  # no box there
        ([0, 0, 0, 0], [1, 0], [[1, 0], [1, 0], [1, 0]], 0),  # a box without area
        ([0, 0, 10, 10], [1, 0], [[1, 0], [0, 0], [0, 0]], 1),
        ([0, 0, 10, 10], [1, 0], [[0, 1], [0, 0], [0, 0]], 0),  # the other class
        ([0, 0, 10, 10], [1, 0], [[0.6, 0], [0, 0], [0, 0]], 0.6),  # objectness
        ([0, 0, 10, 10], [0.2, 0], [[0.6, 0], [0, 0], [0, 0]], 0.6),  # how sure the wanted was does not matter
        ([0, 0, 10, 10], [1, 0], [[0.3, 0.4], [0, 0], [0, 0]], 0.6 * 0.7),  # cosine 3/5, objectness 0.7
        ([0, 0, 10, 5], [1, 0], [[0.8, 0], [0, 0], [0, 0]], 0.5 * 0.8),  # half the box
        ([0, 0, 10, 10], [1, 0], [[0.1, 0], [0, 0], [0.9, 0]], 0.9 / 3),  # a sure neighbour beats a faint match
        ([0, 0, 10, 10], [1, 0], [[0.4, 0], [0, 0], [0.9, 0]], 0.4),
    ],
)
def test_similarity_in_closed_form(
    box: list[float], probabilities: list[float], seen: list[list[float]], expected: float
) -> None:
    found = similarities(_softmax_heads(seen), _head("softmax"), [_vector(box, probabilities)])
    assert found == pytest.approx([expected], abs=1e-5)


def test_sigmoid_heads_are_as_similar_as_they_are_sure() -> None:
    """Cosine alone would call an anchor that sees next to nothing the same as one that is certain."""
    for score in (0.9, 0.5, 0.001):
        logit = float(np.log(score / (1 - score)))
        heads = np.array([[logit, -30, 0, 0, 0, 0]] + [[-30, -30, 0, 0, 0, 0]] * 2, dtype=np.float32)
        found = similarities(heads, _head("sigmoid"), [_vector([0, 0, 10, 10], [1, 0])])
        assert found == pytest.approx([score], rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_paper_s_formula_anchor_by_anchor(kind: str) -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (40, 2))
    anchors = np.concatenate([corners, corners + rng.uniform(4, 14, (40, 2))], axis=1).astype(np.float32)
    head = _head(kind, 3, anchors)
    numbers = 3 + (kind == "softmax") + 4 + (kind == "fcos")
    heads = rng.normal(0, 1, (40, numbers)).astype(np.float32)
    wanted = [_vector([10, 10, 30, 30], [0.2, 0.7, 0.1]), _vector([0, 5, 8, 40], [1, 0, 0])]
    scores = class_scores(heads, head)
    first = 3 + (kind == "softmax")
    boxes = decode_boxes(heads[:, first : first + 4], anchors, head)
    expected = []
    for one in wanted:
        best = 0.0
        for box, score in zip(boxes, scores, strict=True):
            iou = float(iou_matrix(box[None], one.box_xyxy[None])[0, 0])
            cosine = float(score @ one.probabilities / np.linalg.norm(score) / np.linalg.norm(one.probabilities))
            objectness = float(score.sum() if kind == "softmax" else score.max())
            best = max(best, iou * cosine * objectness)
        expected.append(best)
    assert min(expected) > 0
    assert similarities(heads, head, wanted) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_heads_that_are_no_numbers_are_refused(bad: float) -> None:
    heads = _softmax_heads([[0.5, 0.1]] * 3)
    heads[1, 4] = bad
    similarity = similarity_through(lambda _: heads[None], _head("softmax"), [_vector([0, 0, 9, 9], [1, 0])], "m.onnx")
    with pytest.raises(EdgeboardError, match="cannot be explained"):
        similarity(np.zeros((1, 3, 64, 64), dtype=np.float32))
