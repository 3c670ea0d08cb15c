"""Faster R-CNN as a detector with one output: what torchvision's whole network says, read by the one numpy function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from pipeline.detectors import DETECTORS, NO_OBJECT, TwoStageDetector, build_detector
from pipeline.errors import EdgeboardError
from pipeline.networks import apply_layer_shapes, build_network, layer_shapes, load_pretrained
from pipeline.tasks.boxes import decode_detections
from tests.detection_folder import SSDLITE, settled

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"
SIZE = 96
N_CLASSES = 3
NOTHING = torch.full((1, 5), float(NO_OBJECT))
# class, xmin, ymin, xmax, ymax
TWO = torch.tensor([[0.0, 4, 6, 40, 50], [2, 30, 30, 92, 90]])
ONE = torch.tensor([[1.0, 20, 10, 60, 80]])


@pytest.fixture(scope="module")
def detector() -> TwoStageDetector:
    torch.manual_seed(0)
    network = build_detector(NAME, N_CLASSES, SIZE)
    assert isinstance(network, TwoStageDetector)
    for layer in network.answer_layers():
        nn.init.normal_(layer.weight, std=0.05)  # type: ignore[arg-type]
    return settled(network)  # type: ignore[return-value]


def frames(n: int = 2) -> Tensor:
    return torch.randn(n, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def padded(objects: list[Tensor], most: int) -> Tensor:
    return torch.stack([torch.cat([one, NOTHING.repeat(most - len(one), 1)]) for one in objects])


def library(detector: TwoStageDetector) -> Any:
    model = detector.model
    model.transform = GeneralizedRCNNTransform(SIZE, SIZE, [0.0] * 3, [1.0] * 3, 1, fixed_size=(SIZE, SIZE))
    return model


def heads_of(detector: TwoStageDetector, n: int = 2) -> Tensor:
    with torch.no_grad():
        heads: Tensor = detector.eval()(frames(n))
    return heads


@pytest.mark.parametrize(("score_threshold", "nms_iou", "most"), [(0.02, 0.5, 100), (0.25, 0.3, 1000), (0.1, 0.8, 7)])
def test_the_boxes_are_those_of_torchvision(
    detector: TwoStageDetector, score_threshold: float, nms_iou: float, most: int
) -> None:
    """From the frame to the boxes, by the library's own forward pass."""
    model = library(detector)
    model.roi_heads.score_thresh, model.roi_heads.nms_thresh = score_threshold, nms_iou
    model.roi_heads.detections_per_img = most
    with torch.no_grad():
        expected = model.eval()(list(frames()))
    head = detector.head(score_threshold, nms_iou, most)
    for heads, those in zip(heads_of(detector), expected, strict=True):
        found = decode_detections(heads.numpy(), head)
        assert 3 < len(found.labels) == len(those["labels"]) <= most
        np.testing.assert_allclose(found.scores, those["scores"], atol=1e-5)
        np.testing.assert_array_equal(found.labels, those["labels"] - 1)
        np.testing.assert_allclose(found.boxes_xyxy, those["boxes"], atol=1e-2)
    assert set(found.labels.tolist()) == set(range(N_CLASSES)), "boxes of one class alone would not show whose they are"


def test_a_row_holds_answers_for_every_class_and_the_proposal(detector: TwoStageDetector) -> None:
    heads, head = heads_of(detector), detector.head(0.02, 0.5, 100)
    assert heads.shape == (2, detector.proposals.n, 5 * N_CLASSES + 5)
    assert head["kind"] == "two_stage"
    assert "anchors_xyxy" not in head
    assert heads[..., -4:].min() >= 0
    assert heads[..., -4:].max() <= 1
    assert not [name for name in detector.state_dict() if not name.startswith("model.")], (
        "all else follows from the size"
    )


@pytest.mark.parametrize("objects", [[TWO, ONE], [TWO, NOTHING], [NOTHING, NOTHING]])
def test_the_loss_of_a_training_is_that_of_torchvision(detector: TwoStageDetector, objects: list[Tensor]) -> None:
    real = [one[one[:, 0] != NO_OBJECT] for one in objects]
    targets = [{"boxes": one[:, 1:], "labels": one[:, 0].long() + 1} for one in real]
    drawn_anew = torch.Generator().manual_seed(7)
    model = library(detector).train()
    model.transform._skip_resize = True  # which would draw a size first, and then the regions with other numbers
    torch.manual_seed(int(torch.randint(2**31, (), generator=drawn_anew)))  # as the loss does before it draws regions
    losses = model(list(frames()), targets)
    expected = torch.stack(list(losses.values())).sum()
    assert sorted(losses) == ["loss_box_reg", "loss_classifier", "loss_objectness", "loss_rpn_box_reg"]
    torch.manual_seed(7)
    detector.train()
    found = detector.loss(detector(frames()), padded(objects, 3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    found.backward()
    assert all(parameter.grad is not None for parameter in detector.parameters()), "all of it learns"
    assert all(torch.isfinite(parameter.grad).all() for parameter in detector.parameters())  # type: ignore[arg-type]
    detector.zero_grad()


def test_the_loss_of_heads_is_that_of_the_second_stage_over_all_proposals(detector: TwoStageDetector) -> None:
    heads = heads_of(detector)
    loss = detector.loss(heads, padded([TWO, ONE], 2))
    assert torch.equal(loss, detector.loss(heads, padded([TWO, ONE], 5))), "padding is no object"
    assert not torch.equal(loss, detector.loss(heads, padded([TWO, TWO], 2)))
    end = detector.n_logits + 4 * N_CLASSES
    better = heads.clone()
    _, labels = detector.model.roi_heads.assign_targets_to_proposals(
        list(heads[..., end:] * SIZE), [TWO[:, 1:], ONE[:, 1:]], [TWO[:, 0].long() + 1, ONE[:, 0].long() + 1]
    )
    assert sum(int((one > 0).sum()) for one in labels), "no proposal meets an object"
    better[..., : detector.n_logits] = 10 * nn.functional.one_hot(torch.stack(labels), detector.n_logits)
    assert 0 < detector.loss(better, padded([TWO, ONE], 2)) < loss
    nothing = detector.loss(heads.requires_grad_(), padded([NOTHING, NOTHING], 1))
    nothing.backward()
    assert torch.isfinite(nothing)
    assert torch.isfinite(heads.grad).all()  # type: ignore[arg-type]


def test_empty_places_say_background_and_cost_nothing(detector: TwoStageDetector) -> None:
    stage = detector.proposals
    real, stage.n = stage.n, 300
    try:
        more = heads_of(detector, 1)
    finally:
        stage.n = real
    empty = more[0, :, -4:].eq(0).all(dim=1)
    quiet = nn.functional.softmax(more[0, :, : detector.n_logits], dim=1)[:, 1:].amax(dim=1)
    assert 0 < empty.sum() < 300
    assert quiet[empty].max() < 1e-8
    assert quiet[~empty].min() > 1e-6
    assert torch.isfinite(detector.loss(more, padded([TWO], 2)))


def test_a_student_is_asked_at_the_proposals_of_its_teacher(detector: TwoStageDetector) -> None:
    taught = heads_of(detector)
    with torch.no_grad():
        same, answers = detector.beside(detector.model.backbone(frames()), taught)
        other, _ = detector.beside(detector.model.backbone(frames().flip(3)), taught)
    assert same.shape == (2, detector.proposals.n, detector.n_logits + 4)
    there = ~taught[..., -4:].eq(0).all(dim=2)
    torch.testing.assert_close(same[there], answers[there], rtol=1e-4, atol=1e-4)
    assert (other - answers)[there].abs().max() > 0.01
    likeliest = int(taught[0, 0, 1 : detector.n_logits].argmax())
    first = detector.n_logits + 4 * likeliest
    assert torch.equal(answers[0, 0, detector.n_logits :], taught[0, 0, first : first + 4])


def test_one_stage_learns_nothing_of_places_from_two(detector: TwoStageDetector) -> None:
    ssd, classes = build_detector(SSDLITE, N_CLASSES, SIZE), build_detector(NAME, 2, SIZE)
    assert detector.can_be_beside(detector)
    assert ssd.can_be_beside(build_detector("ssd320_resnet8", N_CLASSES, SIZE))
    assert [detector.can_be_beside(ssd), ssd.can_be_beside(detector), detector.can_be_beside(classes)] == [False] * 3


def test_what_pruning_follows_ends_at_the_maps_and_at_the_second_stage(detector: TwoStageDetector) -> None:
    answers = detector.eval().answer_maps(frames(1))
    assert [tuple(one.shape[:2]) for one in answers] == [(1, 256), (1, 256), (1, N_CLASSES + 1), (1, 4 * N_CLASSES + 4)]
    narrower = layer_shapes(detector)
    narrower["model.roi_heads.box_head.fc6"]["out"] = narrower["model.roi_heads.box_head.fc7"]["in"] = 64
    other = build_detector(NAME, N_CLASSES, SIZE)
    apply_layer_shapes(other, narrower)
    assert other.eval()(frames(1)).shape == heads_of(detector, 1).shape


def test_weights_of_2021_bring_their_first_stage_along(tmp_path: Path) -> None:
    """Their files name its layers as torchvision did then; the number of classes is another one."""
    state = build_detector(NAME, 90, SIZE).model.state_dict()
    old = {name.replace("rpn.head.conv.0.0.", "rpn.head.conv."): one for name, one in state.items()}
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "coco.pth")
    network: Any = build_network(NAME, N_CLASSES, SIZE)
    left_out = load_pretrained(network, NAME, str(tmp_path / "coco.pth"))
    predictor = "model.roi_heads.box_predictor"
    assert left_out == [
        f"{predictor}.{layer}.{part}" for layer in ("cls_score", "bbox_pred") for part in ("weight", "bias")
    ]
    assert torch.equal(network.model.rpn.head.conv[0][0].weight, state["rpn.head.conv.0.0.weight"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) for name in DETECTORS if name.startswith("fasterrcnn")]
)
def test_every_name_sees_its_frames(name: str) -> None:
    network = build_detector(name, 2, 128).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 128, 128)).shape == (1, 150, 15)


def test_its_anchors_are_not_chosen() -> None:
    with pytest.raises(EdgeboardError, match="cannot be chosen"):
        build_detector(NAME, 2, SIZE, 0.06)
