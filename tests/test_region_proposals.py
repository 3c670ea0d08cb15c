"""Faster R-CNN's two stages with fixed shapes: what torchvision's graph of changing shapes gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, nms

from pipeline.detectors import TwoStageDetector, build_detector
from pipeline.region_proposals import PER_LEVEL, PROPOSALS, ProposalStage, RegionPool, decode, unit_of, unsuppressed
from tests.detection_folder import settled

SIZE = 96
LATER = torch.ones(PER_LEVEL, PER_LEVEL).triu(diagonal=1)


def random_boxes(n: int, seed: int, size: float = SIZE) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(n, 2, generator=generator) * size
    return torch.cat([low, low + torch.rand(n, 2, generator=generator) ** 2 * (size - low)], dim=1)


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([[0, 0, 10, 10]], [1]),
        ([[0, 0, 10, 10], [0, 0, 10, 10]], [1, 0]),
        ([[0, 0, 10, 10], [0, 0, 10, 5]], [1, 1]),  # an IoU of exactly 0.5 is not more than 0.5
        ([[0, 0, 10, 10], [0, 0, 10, 6]], [1, 0]),
        # The second is gone and suppresses nobody; so the third stays, and suppresses the fourth.
        ([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10], [9, 0, 19, 10]], [1, 0, 1, 0]),
        ([[5, 5, 5, 5], [5, 5, 5, 5]], [1, 1]),  # boxes without area overlap with nothing
    ],
)
def test_suppression_by_hand(boxes: list[list[float]], kept: list[int]) -> None:
    boxes_1k4 = torch.tensor(boxes, dtype=torch.float32).reshape(1, -1, 4)
    assert unsuppressed(boxes_1k4, 0.5, LATER).tolist() == [kept]


@pytest.mark.parametrize("size", [96, 128, 320, 800])
def test_the_largest_boxes_are_suppressed_in_half_precision_too(size: int) -> None:
    whole = [[0, 0, size, size], [0, 0, size, size - 4], [0, 0, size / 8, size / 8]]
    boxes_1k4 = torch.tensor([whole], dtype=torch.float16) * unit_of(size)
    assert unsuppressed(boxes_1k4, 0.7, LATER.half()).tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("most_iou", [0.3, 0.7])
def test_suppression_of_a_crowd_is_that_of_torchvision(most_iou: float) -> None:
    """As anchors stand: on a few objects, each box a little beside another."""
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        objects = random_boxes(6, seed)
        of = torch.randint(6, (300,), generator=generator)
        boxes = (objects[of] + torch.randn(300, 4, generator=generator) * 3).sort(dim=1).values[:, [0, 1, 2, 3]]
        boxes = torch.cat([torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])], 1)
        scores = torch.linspace(1, 0, 300)
        found = unsuppressed(torch.stack([boxes, random_boxes(300, seed)]), most_iou, LATER)
        assert found[0].nonzero()[:, 0].tolist() == nms(boxes, scores, most_iou).tolist()
        assert found[1].nonzero()[:, 0].tolist() == nms(random_boxes(300, seed), scores, most_iou).tolist()
        assert 6 < found[0].sum() < 200


@pytest.fixture(scope="module", params=["fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn"])
def detector(request: pytest.FixtureRequest) -> TwoStageDetector:
    return two_stage(request.param, SIZE)


def two_stage(name: str, size: int, n_classes: int = 3) -> TwoStageDetector:
    """With answers that differ from place to place."""
    torch.manual_seed(0)
    network = build_detector(name, n_classes, size)
    assert isinstance(network, TwoStageDetector)
    for layer in network.answer_layers():
        nn.init.normal_(layer.weight, std=0.05)  # type: ignore[arg-type]
    return settled(network)  # type: ignore[return-value]


def maps_of(detector: TwoStageDetector, n: int = 2) -> dict[str, Tensor]:
    frames = torch.randn(n, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps: dict[str, Tensor] = detector.model.backbone(frames)
    return maps


def test_the_proposals_are_those_of_torchvision(detector: TwoStageDetector) -> None:
    maps = maps_of(detector)
    with torch.no_grad():
        expected, _ = detector.model.rpn(ImageList(torch.empty(2, 0, SIZE, SIZE), [(SIZE, SIZE)] * 2), maps)
        found = detector.proposals(*detector.model.rpn.head(list(maps.values())))
    assert found.boxes_nk4.shape == (2, detector.proposals.n, 4)
    for boxes, there, those in zip(found.boxes_nk4, found.there_nk, expected, strict=True):
        n = int(there.sum())
        assert n == len(those) > 40
        assert there[:n].all(), "the empty places are the last"
        torch.testing.assert_close(boxes[:n], those, rtol=0, atol=1e-3)
        assert not boxes[n:].any()


def stage(n_anchors: int, seed: int = 0) -> tuple[ProposalStage, list[Tensor], list[Tensor]]:
    """One level of anchors in a row, and random answers of a first stage for them."""
    generator = torch.Generator().manual_seed(seed)
    made = ProposalStage(random_boxes(n_anchors, seed), [n_anchors], 0.7, SIZE)
    logits = torch.randn(1, 1, 1, n_anchors, generator=generator)
    return made, [logits], [torch.zeros(1, 4, 1, n_anchors)]


@pytest.mark.parametrize(("n_anchors", "n"), [(1, 1), (PROPOSALS, PROPOSALS), (PER_LEVEL + 50, PROPOSALS)])
def test_there_are_always_equally_many(n_anchors: int, n: int) -> None:
    made, logits, deltas = stage(n_anchors)
    found = made(logits, deltas)
    assert found.boxes_nk4.shape == (1, n, 4)
    assert 0 < found.there_nk.sum() <= n
    assert made.n == n


def test_a_box_outside_of_the_frame_is_no_proposal() -> None:
    made, logits, deltas = stage(20)
    deltas[0][:, 0] = 1000  # far to the right
    found = made(logits, deltas)
    assert not found.there_nk.any()
    assert not found.boxes_nk4.any()


def test_box_numbers_that_explode_give_boxes_of_the_frame() -> None:
    made, logits, deltas = stage(20)
    deltas[0][:, 2:] = 1e4
    found = made(logits, deltas)
    assert found.there_nk.sum() >= 1
    assert torch.isfinite(found.boxes_nk4).all()
    assert found.boxes_nk4.max() <= SIZE


def test_decoding_is_that_of_torchvision(detector: TwoStageDetector) -> None:
    anchors, deltas = random_boxes(50, 1), torch.randn(50, 4, generator=torch.Generator().manual_seed(2)) * 3
    expected = detector.model.rpn.box_coder.decode_single(deltas, anchors)
    torch.testing.assert_close(decode(deltas, anchors), expected)


BOXES = [
    [0.0, 0.0, SIZE, SIZE],
    [SIZE, SIZE, SIZE, SIZE],  # beyond the last place of every map
    [0.0, 0.0, 0.0, 0.0],
    [90.0, 1.0, 96.0, 2.0],
    [10.0, 20.0, 10.5, 20.5],  # smaller than a place of any map
]


def test_regions_are_those_of_torchvision(detector: TwoStageDetector) -> None:
    maps = maps_of(detector)
    boxes_nk4 = torch.stack([torch.cat([torch.tensor(BOXES), random_boxes(60, seed)]) for seed in range(2)])
    library: Any = detector.model.roi_heads.box_roi_pool
    expected = library(maps, list(boxes_nk4), [(SIZE, SIZE)] * 2)
    found = detector.pool(maps, boxes_nk4)
    assert found.shape == (2 * 65, 256, 7, 7)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert expected.std() > 1e-3


def test_every_level_of_the_pyramid_is_looked_at() -> None:
    """On frames of 512 px, whose boxes are large and small enough for all four."""
    size = 512
    generator = torch.Generator().manual_seed(0)
    maps = {
        name: torch.randn(1, 2, size // s, size // s, generator=generator)
        for name, s in zip("0123", (4, 8, 16, 32), strict=True)
    }
    library = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
    pool = RegionPool(library, maps, size)
    sides = torch.tensor([20.0, 111, 113, 223, 225, 447, 449, 512])
    boxes = torch.cat([torch.zeros(8, 2), sides[:, None].expand(-1, 2)], dim=1)
    assert set(library.map_levels([boxes]).tolist()) == {0, 1, 2, 3}
    expected = library(maps, [boxes], [(size, size)])
    torch.testing.assert_close(pool(maps, boxes[None]), expected, rtol=1e-4, atol=1e-5)


def test_the_maps_learn_from_their_regions_as_with_torchvision(detector: TwoStageDetector) -> None:
    maps = {name: one.requires_grad_() for name, one in maps_of(detector, 1).items()}
    boxes = random_boxes(10, 3)
    weights = torch.randn(10, 256, 7, 7, generator=torch.Generator().manual_seed(0))
    gradients = []
    for regions in (
        detector.pool(maps, boxes[None]),
        detector.model.roi_heads.box_roi_pool(maps, [boxes], [(SIZE, SIZE)]),
    ):
        gradients.append(torch.autograd.grad((regions * weights).sum(), maps["0"])[0])
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)
    assert gradients[0].abs().max() > 0.1
