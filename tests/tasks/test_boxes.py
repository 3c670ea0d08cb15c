"""Boxes from heads: as torchvision makes them, by numpy alone, and the same on every machine."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import batched_nms, box_iou

from pipeline.detectors import Detector, build_detector
from pipeline.tasks import boxes as boxes_module
from pipeline.tasks.boxes import (
    _possible,
    class_scores,
    decode_boxes,
    decode_detections,
    iou_matrix,
    likeliest_boxes,
    suppress,
)

SIZE = 96
N_CLASSES = 3
# One of each way in which heads are read: softmax and deltas, sigmoid and deltas, sigmoid with centerness and sides.
FAMILIES = ("ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn", "fcos_resnet50_fpn")


@pytest.fixture(scope="module", params=FAMILIES)
def detector(request: pytest.FixtureRequest) -> Detector:
    return build_detector(request.param, N_CLASSES, SIZE).eval()


def random_heads(detector: Detector, seed: int, certain: float = 0.05) -> torch.Tensor:
    """`[A, K]`: about `certain` of the anchors see an object, the others hardly anything."""
    generator = torch.Generator().manual_seed(seed)
    n = len(detector.anchors_xyxy)
    sees = torch.rand(n, 1, generator=generator) < certain
    logits = torch.randn(n, detector.n_logits, generator=generator) * 2
    if detector.n_logits > N_CLASSES:
        logits[:, :1] += torch.where(sees, -1.0, 12.0)
    else:
        logits += torch.where(sees, 0.0, -20.0)
    numbers = torch.randn(n, 4, generator=generator)
    centerness = torch.randn(n, 1, generator=generator)
    is_fcos = "ctrness" in "".join(name for name, _ in detector.named_modules())
    return torch.cat([logits, numbers.abs() if is_fcos else numbers * 2, *([centerness] if is_fcos else [])], 1)


class _Answers(nn.Module):
    """In the place of a library's head: the same answer to whatever frame."""

    def __init__(self, answers: dict[str, torch.Tensor], real: nn.Module) -> None:
        super().__init__()
        self.answers = answers
        self.real = [real]

    def forward(self, _maps: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        return self.answers


def boxes_of_library(detector: Detector, heads_ak: torch.Tensor, head: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What torchvision's whole forward pass makes of the heads, with labels from 0."""
    model: Any = detector.model
    parts = {"cls_logits": heads_ak[None, :, : detector.n_logits]}
    parts["bbox_regression"] = heads_ak[None, :, detector.n_logits : detector.n_logits + 4]
    if head["centerness"]:
        parts["bbox_ctrness"] = heads_ak[None, :, -1:]
    real = model.head
    model.transform = GeneralizedRCNNTransform(
        SIZE, SIZE, [0.0] * 3, [1.0] * 3, size_divisible=1, fixed_size=(SIZE, SIZE)
    )
    model.score_thresh, model.nms_thresh = head["score_threshold"], head["nms_iou"]
    model.detections_per_img, model.topk_candidates = head["max_detections"], 10_000
    model.head = _Answers(parts, real)
    try:
        with torch.no_grad():
            (found,) = model.eval()([torch.zeros(3, SIZE, SIZE)])
    finally:
        model.head = real
    return {**found, "labels": found["labels"] - (detector.n_logits - N_CLASSES)}


@pytest.mark.parametrize(("score_threshold", "nms_iou", "most"), [(0.02, 0.5, 100), (0.3, 0.3, 1000), (0.1, 0.8, 7)])
def test_the_boxes_are_those_of_torchvision(
    detector: Detector, score_threshold: float, nms_iou: float, most: int
) -> None:
    head = detector.head(score_threshold, nms_iou, most)
    for seed in range(3):
        heads = random_heads(detector, seed, certain=0.03)
        expected = boxes_of_library(detector, heads, head)
        found = decode_detections(heads.numpy(), head)
        assert len(found.labels) == len(expected["labels"]) > 3
        # Both are sorted by score, and random scores are all different.
        np.testing.assert_allclose(found.scores, expected["scores"], atol=1e-5)
        np.testing.assert_array_equal(found.labels, expected["labels"])
        np.testing.assert_allclose(found.boxes_xyxy, expected["boxes"], atol=1e-3)
    assert len(found.labels) <= most
    assert (found.boxes_xyxy.dtype, found.scores.dtype, found.labels.dtype) == (np.float32, np.float32, np.int64)


def test_a_head_that_explodes_gives_boxes_of_the_whole_frame(detector: Detector) -> None:
    """Sizes are limited before exp(), as in torchvision, so that no box is infinite or NaN."""
    head = detector.head(0.02, 0.5, 10)
    heads = random_heads(detector, 0)
    heads[:, detector.n_logits : detector.n_logits + 4] = 1e4
    found = decode_detections(heads.numpy(), head)
    assert len(found.labels)
    assert np.isfinite(found.boxes_xyxy).all()
    assert np.isfinite(found.scores).all()
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= SIZE).all()


def test_extreme_logits_give_finite_scores(detector: Detector) -> None:
    """A detector that is very sure, in float32: no warning of an overflow, no NaN."""
    head = detector.head(0.02, 0.5, 10)
    heads = random_heads(detector, 0)
    heads[:, : detector.n_logits] *= 60
    with np.errstate(all="raise", under="ignore"):
        found = decode_detections(heads.numpy(), head)
    assert np.isfinite(found.scores).all()
    assert (found.scores <= 1).all()


@pytest.mark.parametrize("score_threshold", [0.001, 0.02, 0.1, 0.3, 0.5, 0.9])
def test_no_candidate_is_lost_before_the_scores_are_computed(detector: Detector, score_threshold: float) -> None:
    head = detector.head(score_threshold, 0.5, 10)
    n_candidates = 0
    for seed in range(5):
        heads = random_heads(detector, seed, certain=0.5).numpy()
        exact = heads.astype(np.float64)
        needed = np.flatnonzero((class_scores(exact, head) > score_threshold).any(axis=1))
        possible = _possible(heads, head)
        assert set(needed) <= set(possible)
        assert len(possible) < len(heads), "a filter that lets all through costs time and saves none"
        n_candidates += len(needed)
    assert n_candidates


@pytest.mark.parametrize(("score", "is_seen"), [(0.299, False), (0.3001, True)])
def test_an_anchor_at_the_threshold_is_judged_by_its_score(detector: Detector, score: float, is_seen: bool) -> None:
    """The loosest case of the filter: one class against the background alone, and a place that is wholly central."""
    head = detector.head(0.3, 0.5, 10)
    heads = np.full((len(detector.anchors_xyxy), detector.n_logits + 4 + head["centerness"]), -30, dtype=np.float32)
    if head["activation"] == "softmax":
        heads[:, 0] = 0
    if head["centerness"]:
        heads[:, -1] = 30
        score = score**2
    heads[5, detector.n_logits - 1] = np.log(score / (1 - score))
    found = decode_detections(heads, head)
    assert len(found.labels) == is_seen
    assert list(found.labels) == [N_CLASSES - 1] * is_seen


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most_iou", [0.3, 0.5, 0.75])
def test_suppression_is_that_of_torchvision(seed: int, most_iou: float) -> None:
    generator = np.random.default_rng(seed)
    low = generator.uniform(0, 40, (200, 2))
    boxes = np.concatenate([low, low + generator.uniform(5, 50, (200, 2))], axis=1).astype(np.float32)
    labels = generator.integers(0, 2, 200)
    scores = np.sort(generator.random(200).astype(np.float32))[::-1].copy()
    kept = suppress(boxes, labels, most_iou, 1000)
    expected = batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(labels), most_iou)
    assert 2 < len(kept) < 200
    np.testing.assert_array_equal(kept, expected)
    np.testing.assert_array_equal(suppress(boxes, labels, most_iou, 3), expected[:3])


@pytest.mark.parametrize(
    ("boxes", "labels", "kept"),
    [
        ([], [], []),
        ([[0, 0, 10, 10]], [0], [0]),
        ([[0, 0, 10, 10], [0, 0, 10, 10]], [0, 0], [0]),
        ([[0, 0, 10, 10], [0, 0, 10, 10]], [0, 1], [0, 1]),
        ([[0, 0, 10, 10], [0, 0, 10, 5]], [0, 0], [0, 1]),  # an IoU of exactly 0.5 is not more than 0.5
        ([[0, 0, 10, 10], [0, 0, 10, 6]], [0, 0], [0]),
        ([[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 10]], [0, 0, 0], [0, 1]),
        # A suppresses B, and B, which is gone, suppresses nobody.
        ([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0, 0, 0], [0, 1, 2]),
        ([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]], [0, 0, 0], [0, 2]),
        ([[5, 5, 5, 5], [5, 5, 5, 5]], [0, 0], [0, 1]),  # boxes without area overlap with nothing
    ],
)
def test_suppression_by_hand(boxes: list[list[float]], labels: list[int], kept: list[int]) -> None:
    boxes_xyxy = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    found = suppress(boxes_xyxy, np.array(labels, dtype=np.int64), 0.5, 100)
    assert found.tolist() == kept
    assert found.dtype == np.int64


def test_no_anchor_and_no_object_give_no_box(detector: Detector) -> None:
    head = detector.head(0.5, 0.5, 10)
    silent = random_heads(detector, 0, certain=0).numpy()
    nothing = {**head, "anchors_xyxy": np.zeros((0, 4), dtype=np.float32)}
    for heads, reads in ((silent, head), (silent[:0], nothing)):
        found = decode_detections(heads, reads)
        assert found.boxes_xyxy.shape == (0, 4)
        assert found.scores.shape == found.labels.shape == (0,)
        assert (found.boxes_xyxy.dtype, found.labels.dtype) == (np.float32, np.int64)


def test_of_equal_scores_the_first_anchor_and_the_first_class_win(detector: Detector) -> None:
    """So that boards and hosts, whose sorts differ, answer alike. The library leaves the order open."""
    head = detector.head(0.2, 0.5, 4)
    heads = np.zeros((len(detector.anchors_xyxy), detector.n_logits + 4 + head["centerness"]), dtype=np.float32)
    heads[:, : detector.n_logits] = -9
    if head["activation"] == "softmax":
        heads[:, 0] = 9
    chosen = [9, 40, 80]
    heads[chosen, : detector.n_logits] = 0
    found = decode_detections(heads, head)
    assert len(set(found.scores.tolist())) == 1
    assert found.labels.tolist() == [0, 1, 2, 0]
    places = [9, 9, 9, 40]
    expected = decode_boxes(heads[places, detector.n_logits :][:, :4], head["anchors_xyxy"][places], head)
    np.testing.assert_array_equal(found.boxes_xyxy, expected)


def test_more_candidates_than_enter_the_suppression_leave_the_best(detector: Detector) -> None:
    head = detector.head(0.001, 0.5, 20)
    heads = random_heads(detector, 3, certain=1)
    found = decode_detections(heads.numpy(), head)
    expected = boxes_of_library(detector, heads, head)
    np.testing.assert_allclose(found.scores[:10], expected["scores"][:10], atol=1e-5)
    np.testing.assert_allclose(found.boxes_xyxy[:10], expected["boxes"][:10], atol=1e-3)


def test_iou_is_that_of_torchvision_and_zero_without_area() -> None:
    generator = np.random.default_rng(0)
    low = generator.uniform(0, 40, (60, 2))
    boxes = np.concatenate([low, low + generator.uniform(0.5, 40, (60, 2))], axis=1).astype(np.float32)
    mine, others = boxes[:20], boxes[20:]
    expected = box_iou(torch.from_numpy(mine), torch.from_numpy(others)).numpy()
    assert (expected > 0).any()
    np.testing.assert_allclose(iou_matrix(mine, others), expected, atol=1e-6)
    points = np.array([[5, 5, 5, 5], [9, 9, 2, 2]], dtype=np.float32)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(iou_matrix(points, points), np.zeros((2, 2)))
    assert iou_matrix(mine[:0], others).shape == (0, 40)
    assert iou_matrix(mine, others[:0]).shape == (20, 0)


def test_the_file_runs_on_the_python_of_the_oldest_board() -> None:
    tree = ast.parse(inspect.getsource(boxes_module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"numpy", "typing"}


TWO_STAGES = {
    "kind": "two_stage", "activation": "softmax", "n_classes": 2, "box_coding": "deltas", "box_weights": [10, 10, 5, 5],
    "centerness": False, "frame_size": 100, "score_threshold": 0.3, "nms_iou": 0.5, "max_detections": 10,
}  # fmt: skip


def two_stage_row(logits: list[float], first: list[float], second: list[float]) -> list[float]:
    """Of the proposal 20..60 x 20..60; the rest of a row are box numbers for each of the two classes."""
    return [*logits, *first, *second, 0.2, 0.2, 0.6, 0.6]


def test_in_two_stages_each_class_has_its_own_box() -> None:
    """A row may see both: a box for each, from the proposal that it ends in."""
    row = two_stage_row([0, 2, 2], [0, 0, 0, 0], [10, 0, 5 * np.log(0.5), 0])
    heads = np.array([two_stage_row([9, 0, 0], [0] * 4, [0] * 4), row], dtype=np.float32)
    found = decode_detections(heads, TWO_STAGES)
    assert found.labels.tolist() == [0, 1]
    np.testing.assert_allclose(found.boxes_xyxy, [[20, 20, 60, 60], [70, 20, 90, 60]], atol=1e-4)
    np.testing.assert_allclose(found.scores, np.exp(2) / (1 + 2 * np.exp(2)), rtol=1e-6)


def test_the_likeliest_box_of_a_row_is_that_of_its_likeliest_class(detector: Detector) -> None:
    numbers = ([0, 0, 0, 0], [10, 0, 5 * np.log(0.5), 0])
    heads = np.array([two_stage_row([9, 1, 0], *numbers), two_stage_row([9, 0, 1], *numbers)], dtype=np.float32)
    expected = [[20, 20, 60, 60], [70, 20, 90, 60]]
    np.testing.assert_allclose(likeliest_boxes(heads, TWO_STAGES), expected, atol=1e-4)
    head, heads = detector.head(0.02, 0.5, 10), random_heads(detector, 0).numpy()
    n = detector.n_logits
    of_anchors = decode_boxes(heads[:, n : n + 4], head["anchors_xyxy"], head)
    np.testing.assert_array_equal(likeliest_boxes(heads, head), of_anchors)


def test_a_box_that_is_clipped_away_is_not_seen() -> None:
    """As torchvision drops it; it would be a find of no area at the border."""
    heads = np.array([two_stage_row([0, 5, 0], [30, 0, 0, 0], [0] * 4)], dtype=np.float32)
    assert len(decode_detections(heads, TWO_STAGES).labels) == 0
    heads[0, 3] = 19  # 96..136, of which four pixels are left
    np.testing.assert_allclose(decode_detections(heads, TWO_STAGES).boxes_xyxy, [[96, 20, 100, 60]], atol=1e-3)
