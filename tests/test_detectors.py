"""Detectors by name: torchvision's heads and losses, with one output, and weights from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from pipeline.data.frames import MEAN_RGB, STD_RGB
from pipeline.detectors import DETECTORS, NO_OBJECT, Detector, build_detector
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network, is_detector, load_pretrained, require_kind
from pipeline.options import DetectorTraining
from tests.detection_folder import SSDLITE, settled

SIZE = 96
N_CLASSES = 3
SINGLE_STAGE = [name for name in DETECTORS if not name.startswith("fasterrcnn")]  # for two: test_two_stage_detector
FAMILIES = (SSDLITE, "ssd320_resnet8", "retinanet_resnet50_fpn", "fcos_resnet50_fpn")
NOTHING = torch.zeros(0, 5)
# class, xmin, ymin, xmax, ymax
OBJECTS = [torch.tensor([[0.0, 4, 6, 40, 50], [2, 30, 30, 92, 90]]), torch.tensor([[1.0, 20, 10, 60, 80]])]


@pytest.fixture(scope="module", params=FAMILIES)
def detector(request: pytest.FixtureRequest) -> Detector:
    torch.manual_seed(0)
    network = build_detector(request.param, N_CLASSES, SIZE)
    for name, parameter in network.model.head.named_parameters():
        if name.endswith("weight") and parameter.ndim == 4:
            nn.init.normal_(parameter, std=0.05)
    return settled(network)


def padded(objects: list[Tensor], most: int) -> Tensor:
    filled = torch.full((len(objects), most, 5), float(NO_OBJECT))
    for place, one in enumerate(objects):
        filled[place, : len(one)] = one
    return filled


def frames(n: int = 2) -> Tensor:
    return torch.randn(n, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def library_loss(detector: Detector, frames_nchw: Tensor, objects: list[Tensor]) -> Tensor:
    """The sum of the losses of torchvision's own forward pass in training."""
    model: Any = detector.model
    first = detector.n_logits - N_CLASSES
    targets = [{"boxes": one[:, 1:], "labels": one[:, 0].long() + first} for one in objects]
    model.transform = GeneralizedRCNNTransform(SIZE, SIZE, [0.0] * 3, [1.0] * 3, 1, fixed_size=(SIZE, SIZE))
    losses: dict[str, Tensor] = model.train()(list(frames_nchw), targets)
    return torch.stack(list(losses.values())).sum()


def test_the_heads_are_those_of_torchvision_side_by_side(detector: Detector) -> None:
    detector.eval()
    with torch.no_grad():
        heads = detector(frames())
        parts = detector.model.head(list(detector.model.backbone(frames()).values()))
    assert heads.shape[:2] == (2, len(detector.anchors_xyxy))
    torch.testing.assert_close(heads[..., : detector.n_logits], parts["cls_logits"])
    torch.testing.assert_close(heads[..., detector.n_logits : detector.n_logits + 4], parts["bbox_regression"])
    rest = heads[..., detector.n_logits + 4 :]
    if "bbox_ctrness" in parts:
        torch.testing.assert_close(rest, parts["bbox_ctrness"])
    else:
        assert rest.shape[2] == 0
    assert heads.std() > 0.01, "heads that are constant would be equal by chance"


@pytest.mark.parametrize("objects", [OBJECTS, [OBJECTS[0], NOTHING], [NOTHING, NOTHING]])
def test_the_loss_is_that_of_torchvision(detector: Detector, objects: list[Tensor]) -> None:
    expected = library_loss(detector, frames(), objects)
    found = detector.train().loss(detector(frames()), padded(objects, 2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_padding_changes_no_loss(detector: Detector) -> None:
    heads = detector.eval()(frames())
    losses = [detector.loss(heads, padded(OBJECTS, most)) for most in (2, 3, 40)]
    assert losses[0] > 0
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0], losses[2])
    other = padded(OBJECTS, 3)
    other[1, 2] = torch.tensor([0.0, 4, 6, 40, 50])
    assert not torch.equal(detector.loss(heads, other), losses[0]), "an object in that place does count"


@pytest.mark.parametrize("n_empty", [1, 2])
def test_frames_without_objects_have_a_finite_loss_and_gradient(detector: Detector, n_empty: int) -> None:
    objects = [NOTHING] * n_empty + OBJECTS[n_empty:]
    heads = detector.eval()(frames()).detach().requires_grad_()
    loss = detector.loss(heads, padded(objects, 2))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(heads.grad).all()


def test_half_precision_heads_are_judged_in_float32(detector: Detector) -> None:
    heads = detector.eval()(frames()).detach()
    loss = detector.loss(heads.bfloat16(), padded(OBJECTS, 2))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, detector.loss(heads, padded(OBJECTS, 2)), rtol=0.02, atol=0)


def test_the_answer_layers_are_as_wide_as_the_answer(detector: Detector) -> None:
    per_place: list[int] = detector.model.anchor_generator.num_anchors_per_location()
    layers = detector.answer_layers()
    widths = sorted(layer.out_channels for layer in layers)  # type: ignore[attr-defined]
    numbers = [detector.n_logits, 4, *([1] if "fcos" in type(detector.model).__name__.lower() else [])]
    # SSD has layers for each level, the others the same for all.
    levels = per_place if detector.n_logits > N_CLASSES else per_place[:1]
    assert widths == sorted(n * places for n in numbers for places in levels)
    maps = detector.eval().answer_maps(frames(1))
    assert sum(one[0].numel() for one in maps) == detector(frames(1)).numel()
    assert all(not layer._forward_hooks for layer in layers), "no hook stays behind"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if "vgg" in name else name for name in SINGLE_STAGE]
)
def test_every_name_gives_anchors_and_heads_for_its_frame(name: str) -> None:
    size = 300 if name == "ssd300_vgg16" else 128
    detector = build_detector(name, 2, size).eval()
    head = detector.head(0.02, 0.5, 100)
    with torch.no_grad():
        heads = detector(torch.zeros(1, 3, size, size))
    n_numbers = 2 + (head["activation"] == "softmax") + 4 + head["centerness"]
    assert heads.shape == (1, len(detector.anchors_xyxy), n_numbers)
    assert head["anchors_xyxy"].shape == (heads.shape[1], 4)
    assert head["frame_size"] == size
    centres = detector.anchors_xyxy.reshape(-1, 2, 2).mean(1)
    assert centres.min() >= 0
    assert centres.max() <= 1.05 * size
    assert not any("anchors" in key for key in detector.state_dict()), "they follow from the frame size"


def test_frames_too_small_for_the_detector_are_told() -> None:
    with pytest.raises(EdgeboardError, match="cannot see frames of this size") as caught:
        build_detector("ssd300_vgg16", 2, 128)
    assert "ssd300_vgg16 at 128 px" in str(caught.value)


def test_anchors_grow_with_the_frame() -> None:
    """As fractions of it they are the same, so that weights of one size serve at another."""
    small, large = (build_detector(SSDLITE, 2, size).anchors_xyxy for size in (160, 320))
    as_fractions = {tuple(row) for row in (small[:, 2:] - small[:, :2]).div(160).mul(1e4).round().int().tolist()}
    assert {
        tuple(row) for row in (large[:, 2:] - large[:, :2]).div(320).mul(1e4).round().int().tolist()
    } == as_fractions


def test_the_small_detector_can_learn_from_ssdlite() -> None:
    small, large = (build_detector(name, 2, SIZE) for name in ("ssd320_resnet8", SSDLITE))
    assert torch.equal(small.anchors_xyxy, large.anchors_xyxy)
    assert not [layer for layer in small.modules() if isinstance(layer, nn.Conv2d) and layer.groups > 1]


@pytest.mark.parametrize("teacher", [SSDLITE, "ssd300_vgg16", "fasterrcnn_mobilenet_v3_large_320_fpn"])
@pytest.mark.parametrize("student", ["ssd320_resnet8", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_options_know_whose_heads_can_be_compared(teacher: str, student: str) -> None:
    can_be = build_detector(student, N_CLASSES, 300).can_be_beside(build_detector(teacher, N_CLASSES, 300))
    assert DetectorTraining.model_construct().can_teach(teacher, student) is can_be


@pytest.mark.parametrize("name", [SSDLITE, "ssd320_resnet8"])
def test_smaller_anchors_are_as_many(name: str) -> None:
    usual, smaller = (build_detector(name, 2, SIZE, fraction).anchors_xyxy for fraction in (None, 0.06))
    assert usual.shape == smaller.shape
    sides = [float((one[:, 2:] - one[:, :2]).prod(1).sqrt().min()) / SIZE for one in (usual, smaller)]
    assert sides == pytest.approx([0.2, 0.06], rel=0.01)


def test_anchors_are_chosen_for_ssds_only() -> None:
    with pytest.raises(EdgeboardError, match="cannot be chosen") as caught:
        build_detector("retinanet_resnet50_fpn", 2, SIZE, 0.06)
    assert "train.<task>.smallest_anchor" in str(caught.value)


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_larg", "maskrcnn_resnet50_fpn", "resnet18", "nonsense", ""])
def test_an_unknown_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(EdgeboardError, match="There is no such detector") as caught:
        build_detector(name, 3, SIZE)
    assert caught.value.value == name
    assert all(allowed in str(caught.value) for allowed in DETECTORS)


@pytest.mark.parametrize(
    ("name", "kind", "is_refused"),
    [
        (SSDLITE, "detection", False),
        ("resnet18", "classification", False),
        (SSDLITE, "classification", True),
        ("resnet18", "detection", True),
        ("nonsense", "detection", False),  # build_network tells that
    ],
)
def test_each_kind_of_task_has_its_architectures(name: str, kind: str, is_refused: bool) -> None:
    if not is_refused:
        require_kind(name, kind)
        return
    with pytest.raises(EdgeboardError, match="another kind of task") as caught:
        require_kind(name, kind)
    assert f"{name}, for {kind}" in str(caught.value)
    assert ("retinanet" in str(caught.value)) == (kind == "detection")


def test_names_lead_to_detectors_and_classifiers() -> None:
    assert [is_detector(name) for name in (SSDLITE, "fasterrcnn_resnet50_fpn", "resnet18", "x")] == [
        True, True, False, False,
    ]  # fmt: skip
    network = build_network(SSDLITE, 2, SIZE)
    momenta = {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)}
    assert momenta == {0.1}, "torchvision's 0.03 lags behind for hundreds of batches"
    assert [isinstance(one, Detector) for one in (network, build_network("resnet18", 2))] == [True, False]


def library_model(n_classes_with_background: int) -> Any:
    torch.manual_seed(5)
    model: Any = get_model(SSDLITE, weights=None, weights_backbone=None, num_classes=n_classes_with_background)
    return model.eval()


def test_weights_of_torchvision_see_the_same_in_our_frames(tmp_path: Path) -> None:
    """SSDLite was trained on pixels of -1..1; ours have another mean and spread, and the weights take that up."""
    model = library_model(N_CLASSES + 1)
    first = model.backbone.features[0][0]
    nn.init.uniform_(first[1].running_mean, -1, 1)
    nn.init.uniform_(first[1].running_var, 0.5, 2)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    network: Any = build_network(SSDLITE, N_CLASSES, 160).eval()
    assert load_pretrained(network, SSDLITE, str(tmp_path / "weights.pth")) == []
    pixels = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    ours = (pixels - torch.from_numpy(MEAN_RGB)[:, None, None]) / torch.from_numpy(STD_RGB)[:, None, None]
    with torch.no_grad():
        expected = first(2 * pixels - 1)
        found = network.model.backbone.features[0][0](ours)
        unfolded = first(ours)
    # Zeros of the padding stand for another grey, so that the border differs.
    torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=1e-3, atol=1e-4)
    assert (unfolded - expected)[..., 1:-1, 1:-1].abs().max() > 0.1
    rest = {name: tensor for name, tensor in model.state_dict().items() if "features.0.0." not in name}
    own = network.state_dict()
    assert all(torch.equal(own[f"model.{name}"], tensor) for name, tensor in rest.items())


def test_own_weights_are_not_folded_again(tmp_path: Path) -> None:
    network = build_network(SSDLITE, N_CLASSES, SIZE)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    other = build_network(SSDLITE, N_CLASSES, SIZE)
    assert load_pretrained(other, SSDLITE, str(tmp_path / "own.pth")) == []
    pairs = zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_heads_of_other_classes_are_left_out_by_name(tmp_path: Path) -> None:
    """COCO has 91; its heads cannot answer for ours, but its boxes can."""
    torch.save(library_model(91).state_dict(), tmp_path / "coco.pth")
    network: Any = build_network(SSDLITE, N_CLASSES, SIZE)
    left_out = load_pretrained(network, SSDLITE, str(tmp_path / "coco.pth"))
    answers = [name for name, module in network.named_modules() if module in network.answer_layers()]
    of_classes = [name for name in answers if "classification_head" in name]
    assert len(of_classes) == 6
    assert left_out == [f"{name}.{part}" for name in of_classes for part in ("weight", "bias")]


def test_a_detector_of_ours_has_no_weights_to_download() -> None:
    with pytest.raises(EdgeboardError, match="no such weights for this architecture"):
        load_pretrained(build_network("ssd320_resnet8", N_CLASSES, SIZE), "ssd320_resnet8", "coco")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(get_model("resnet18", weights=None).state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(EdgeboardError, match="do not fit the architecture"):
        load_pretrained(build_network(SSDLITE, N_CLASSES, SIZE), SSDLITE, str(tmp_path / "resnet.pth"))
