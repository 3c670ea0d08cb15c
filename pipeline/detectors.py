"""Single-stage object detectors of torchvision as networks with one output: the raw heads.

The library's own post-processing is left out: boxes are made from the heads by pipeline.tasks.boxes, on the host and on
the board alike. Its losses and its matching of boxes to anchors are used as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import EdgeboardError

# SSD: Liu et al. 2016 (arXiv:1512.02325); SSDLite: Howard et al. 2019 (arXiv:1905.02244); RetinaNet: Lin et al. 2017
# (arXiv:1708.02002); FCOS: Tian et al. 2019 (arXiv:1904.01355).
DETECTORS = (
    "fcos_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "ssd300_vgg16",
    "ssd320_resnet8",
    "ssdlite320_mobilenet_v3_large",
)
# The statistics of the frames: see pipeline.data.frames.
_MEAN, _STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
_LARGEST_ANCHOR = 0.95  # of SSDLite
# A box of the padding of a batch, which has no object.
NO_OBJECT = -1


class Detector(nn.Module):
    """`[N, 3, S, S]` normalised frames to heads `[N, A, K]`: class logits, four box numbers, FCOS's centerness.

    anchors_xyxy: `[A, 4]` in pixels, fixed by the frame size S.
    """

    anchors_xyxy: Tensor

    def __init__(self, model: Any, n_classes: int, frame_size: int) -> None:
        super().__init__()
        self.model = model
        self.n_classes = n_classes
        self.frame_size = frame_size
        self._family = type(model).__name__
        anchors, self._anchors_per_level = _anchors(model, frame_size)
        self.register_buffer("anchors_xyxy", anchors, persistent=False)

    def forward(self, frames_nchw: Tensor) -> Tensor:
        maps = list(self.model.backbone(frames_nchw).values())
        if self._family == "SSD":
            return torch.cat([_rows(part, maps) for part in self._ssd_parts()], dim=2)
        outputs = self.model.head(maps)
        parts = [outputs["cls_logits"], outputs["bbox_regression"]]
        if "bbox_ctrness" in outputs:
            parts.append(outputs["bbox_ctrness"])
        return torch.cat(parts, dim=2)

    def _ssd_parts(self) -> list[Any]:
        return [self.model.head.classification_head, self.model.head.regression_head]

    @property
    def n_logits(self) -> int:
        """Class logits per anchor: SSD has one more, for the background."""
        return self.n_classes + (self._family == "SSD")

    def head(self, score_threshold: float, nms_iou: float, max_detections: int) -> dict[str, Any]:
        """How the heads are to be read: see pipeline.tasks.boxes."""
        is_fcos = self._family == "FCOS"
        return {
            "activation": "softmax" if self._family == "SSD" else "sigmoid",
            "n_classes": self.n_classes,
            "box_coding": "sides" if is_fcos else "deltas",
            "box_weights": [1.0] * 4 if is_fcos else [float(w) for w in self.model.box_coder.weights],
            "centerness": is_fcos,
            "anchors_xyxy": self.anchors_xyxy.cpu().numpy(),
            "frame_size": self.frame_size,
            "score_threshold": score_threshold,
            "nms_iou": nms_iou,
            "max_detections": max_detections,
        }

    def loss(self, heads_nak: Tensor, objects_nm5: Tensor) -> Tensor:
        """torchvision's own loss of the architecture: classes and boxes.

        objects_nm5: `[N, M, 5]`, for each object its class index and xyxy in pixels of the frame; NO_OBJECT fills up.
        """
        heads = heads_nak.float()
        targets = [self._target(objects) for objects in objects_nm5]
        end = self.n_logits + 4
        outputs = {"cls_logits": heads[..., : self.n_logits], "bbox_regression": heads[..., self.n_logits : end]}
        anchors = [self.anchors_xyxy] * len(targets)
        if self._family == "SSD":
            losses = self.model.compute_loss(targets, outputs, anchors, [self._matches(one) for one in targets])
        elif self._family == "FCOS":
            outputs["bbox_ctrness"] = heads[..., end:]
            losses = self.model.compute_loss(targets, outputs, anchors, self._anchors_per_level)
        else:
            losses = self.model.compute_loss(targets, outputs, anchors)
        total: Tensor = torch.stack(list(losses.values())).sum()
        return total

    def _target(self, objects_m5: Tensor) -> dict[str, Tensor]:
        real = objects_m5[objects_m5[:, 0] != NO_OBJECT]
        first_label = 1 if self._family == "SSD" else 0
        return {"boxes": real[:, 1:].float(), "labels": real[:, 0].long() + first_label}

    def _matches(self, target: dict[str, Tensor]) -> Tensor:
        from torchvision.ops import box_iou

        if not len(target["boxes"]):
            return torch.full((len(self.anchors_xyxy),), -1, dtype=torch.int64, device=self.anchors_xyxy.device)
        matched: Tensor = self.model.proposal_matcher(box_iou(target["boxes"], self.anchors_xyxy))
        return matched

    def answer_maps(self, frames_nchw: Tensor) -> list[Tensor]:
        """What the answer layers give, before it is brought into the form of heads.

        For what traces dependencies between channels: to follow them through the rearrangement of maps into rows of
        anchors takes minutes and gigabytes, and nothing behind these layers has a width of its own.
        """
        maps: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda _layer, _inputs, output: maps.append(output))
            for layer in self.answer_layers()
        ]
        try:
            self(frames_nchw)
        finally:
            for hook in hooks:
                hook.remove()
        return maps

    def answer_layers(self) -> list[nn.Module]:
        """The layers whose outputs are the heads: their width is the answer's, and no pruning may change it."""
        head = self.model.head
        if self._family == "SSD":
            return [_last_convolution(branch) for part in self._ssd_parts() for branch in part.module_list]
        found = [head.classification_head.cls_logits, head.regression_head.bbox_reg]
        return [*found, head.regression_head.bbox_ctrness] if self._family == "FCOS" else found


def build_detector(
    architecture: str, n_classes: int, frame_size: int, smallest_anchor: float | None = None
) -> Detector:
    """A detector with random weights.

    smallest_anchor: the side of an SSD's smallest anchors as a fraction of the frame's, for objects smaller than those
    that it was made for; the number of anchors stays. None: as the architecture has it.
    Raises EdgeboardError for an unknown name, for frames too small for it, and for other anchors where there is no SSD.
    """
    if architecture not in DETECTORS:
        raise EdgeboardError(
            "There is no such detector",
            value=architecture,
            allowed=f"a single-stage detector of torchvision: {', '.join(DETECTORS)}",
            mend="correct train.<task>.architecture in params.yaml",
        )
    with_background = n_classes + architecture.startswith("ssd")
    model: Any = _model(architecture, with_background)
    if smallest_anchor is not None:
        _set_smallest_anchor(model, architecture, smallest_anchor)
    try:
        return Detector(model, n_classes, frame_size)
    except RuntimeError as error:
        raise EdgeboardError(
            "The detector cannot see frames of this size",
            value=f"{architecture} at {frame_size} px: {error}",
            mend="choose a larger train.<task>.frame_size (or warm_up_size), or another architecture",
        ) from error


def _model(architecture: str, num_classes: int) -> nn.Module:
    if architecture == "ssd320_resnet8":
        from pipeline.small_detectors import ssd320_resnet8

        return ssd320_resnet8(num_classes)
    from torchvision.models import get_model

    model: nn.Module = get_model(architecture, weights=None, weights_backbone=None, num_classes=num_classes)
    return model


def _set_smallest_anchor(model: Any, architecture: str, fraction: float) -> None:
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

    present = model.anchor_generator
    if not isinstance(present, DefaultBoxGenerator):
        raise EdgeboardError(
            "The anchors of this architecture cannot be chosen",
            where="train.<task>.smallest_anchor",
            value=f"{fraction} for {architecture}",
            allowed="null, or an SSD",
            mend="leave it null, or choose an SSD in train.<task>.architecture",
        )
    model.anchor_generator = DefaultBoxGenerator(
        present.aspect_ratios, min_ratio=fraction, max_ratio=_LARGEST_ANCHOR, steps=present.steps, clip=present.clip
    )


def detector_weights(architecture: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict of torchvision's detector as that of a Detector.

    SSDLite was trained on pixels scaled to -1..1. Our frames have the statistics of ImageNet, as those of all other
    networks: the first convolution, and the normalisation behind it, take up the difference.
    """
    named = {name if name.startswith("model.") else f"model.{name}": tensor for name, tensor in state.items()}
    weight, mean = "model.backbone.features.0.0.0.weight", "model.backbone.features.0.0.1.running_mean"
    if architecture.startswith("ssdlite") and weight in named and not any(n.startswith("model.") for n in state):
        first = named[weight]
        named[mean] = named[mean] - (first.sum(dim=(2, 3)) * (2 * _MEAN - 1)).sum(1)
        named[weight] = first * (2 * _STD)[None, :, None, None]
    return named


def _anchors(model: Any, frame_size: int) -> tuple[Tensor, list[int]]:
    """All anchors `[A, 4]`, and how many of them belong to each level of the pyramid."""
    from torchvision.models.detection.image_list import ImageList

    frames = torch.zeros(1, 3, frame_size, frame_size)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        maps = list(model.backbone(frames).values())
        anchors = model.anchor_generator(ImageList(frames, [(frame_size, frame_size)]), maps)[0]
    model.train(was_training)
    per_place = model.anchor_generator.num_anchors_per_location()
    counts = [one.shape[2] * one.shape[3] * n for one, n in zip(maps, per_place, strict=True)]
    return anchors.float(), counts


def _rows(part: Any, maps: list[Tensor]) -> Tensor:
    """What SSDScoringHead gives, `[N, A, columns]`, in two operations a map instead of three in up to five axes."""
    answers = [branch(one).permute(0, 2, 3, 1).flatten(1) for branch, one in zip(part.module_list, maps, strict=True)]
    rows = torch.cat(answers, dim=1)
    # Of a batch that is a constant in the exported file; unflatten would leave Mod there, which TensorRT 8.2 has not.
    return rows.reshape(rows.shape[0], -1, part.num_columns)


def _last_convolution(branch: nn.Module) -> nn.Module:
    return [module for module in branch.modules() if isinstance(module, nn.Conv2d)][-1]
