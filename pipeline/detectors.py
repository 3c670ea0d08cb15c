"""Object detectors of torchvision as networks with one output: the raw heads.

The library's own post-processing is left out: boxes are made from the heads by pipeline.tasks.boxes, on the host and on
the board alike. Its losses and its matching of boxes to anchors are used as they are.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import EdgeboardError
from pipeline.region_proposals import PER_LEVEL, PROPOSALS, ProposalStage, RegionPool

# SSD: Liu et al. 2016 (arXiv:1512.02325); SSDLite: Howard et al. 2019 (arXiv:1905.02244); RetinaNet: Lin et al. 2017
# (arXiv:1708.02002); FCOS: Tian et al. 2019 (arXiv:1904.01355); Faster R-CNN: see pipeline.region_proposals.
_TWO_STAGE = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
)
DETECTORS = (
    *_TWO_STAGE,
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
# Of a two-stage detector's regions so many of a frame are learned from, as Fast R-CNN does (Girshick 2015,
# arXiv:1504.08083, section 2.3: 128 in two frames); torchvision's 512 are for frames of 800 px.
_REGIONS_LEARNED_FROM = 128
# The logit of the background where there is no proposal: a score of 1e-9 for every class.
_NOTHING_THERE = 20.0
# Maps of the pyramid by the names that torchvision gives them.
Maps = dict[str, Tensor]


class Detector(nn.Module):
    """`[N, 3, S, S]` normalised frames to heads `[N, A, K]`: class logits, four box numbers, FCOS's centerness.

    This is the single-stage detector. anchors_xyxy: `[A, 4]` in pixels, fixed by the frame size S.
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

    def forward(self, frames_nchw: Tensor) -> Any:
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

    def loss(self, heads_nak: Any, objects_nm5: Tensor) -> Tensor:
        """torchvision's own loss of the architecture: classes and boxes.

        heads_nak: what `forward` gave. objects_nm5: `[N, M, 5]`, for each object its class index and xyxy in pixels of
        the frame; NO_OBJECT fills up.
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

    def can_be_beside(self, teacher: Detector) -> bool:
        """Whether the heads of a teacher speak of places of which this detector's own can be asked."""
        is_same_kind = not isinstance(teacher, TwoStageDetector) and self.n_logits == teacher.n_logits
        return is_same_kind and torch.equal(self.anchors_xyxy, teacher.anchors_xyxy)

    def beside(self, outputs: Any, taught_nak: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits and four box numbers `[N, A, n_logits + 4]` of the same places, own and those of a teacher.

        outputs: what `forward` gave; taught_nak: heads of a detector with the same anchors.
        """
        n = self.n_logits + 4
        return outputs[..., :n], taught_nak[..., :n]

    def _target(self, objects_m5: Tensor) -> dict[str, Tensor]:
        real = objects_m5[objects_m5[:, 0] != NO_OBJECT]
        first_label = self.n_logits - self.n_classes
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


class TwoStageDetector(Detector):
    """Faster R-CNN. `[N, 3, S, S]` frames to heads `[N, K, 5 C + 5]` of K proposals of the network itself.

    For each: logits of the background and of C classes, four box numbers for every class, and the proposal to which
    they are relative, xyxy in fractions of the frame's side. In training forward gives the maps of the pyramid instead,
    and `loss` goes on from there, for which regions are learned from depends on the true boxes.
    anchors_xyxy: those of the first stage.
    """

    def __init__(self, model: Any, n_classes: int, frame_size: int) -> None:
        super().__init__(model, n_classes, frame_size)
        was_training = model.training
        with torch.no_grad():
            maps = model.eval().backbone(torch.zeros(1, 3, frame_size, frame_size))
        model.train(was_training)
        nms_iou = model.rpn.nms_thresh
        self.proposals = ProposalStage(self.anchors_xyxy, self._anchors_per_level, nms_iou, frame_size)
        self.pool = RegionPool(model.roi_heads.box_roi_pool, maps, frame_size)

    def forward(self, frames_nchw: Tensor) -> Any:
        maps: Maps = self.model.backbone(frames_nchw)
        if self.training:
            return maps
        proposals = self.proposals(*self.model.rpn.head(list(maps.values())))
        logits_nkc, deltas_nkd = self._answers_at(maps, proposals.boxes_nk4)
        there = proposals.there_nk[..., None]
        logits_nkc = logits_nkc * there + _nothing_like(logits_nkc) * (1 - there)
        return torch.cat([logits_nkc, deltas_nkd, proposals.boxes_nk4 / self.frame_size], dim=2)

    def _answers_at(self, maps: Maps, boxes_nk4: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, K, C + 1]` and box numbers `[N, K, 4 C]` of the second stage."""
        heads = self.model.roi_heads
        logits, deltas = heads.box_predictor(heads.box_head(self.pool(maps, boxes_nk4)))
        rows = (boxes_nk4.shape[0], -1)
        # The library has box numbers for the background too, which nobody ever reads.
        return logits.reshape(*rows, self.n_logits), deltas[:, 4:].reshape(*rows, 4 * self.n_classes)

    @property
    def n_logits(self) -> int:
        return self.n_classes + 1

    def head(self, score_threshold: float, nms_iou: float, max_detections: int) -> dict[str, Any]:
        return {
            "kind": "two_stage",
            "activation": "softmax",
            "n_classes": self.n_classes,
            "box_coding": "deltas",
            "box_weights": [float(w) for w in self.model.roi_heads.box_coder.weights],
            "centerness": False,
            "frame_size": self.frame_size,
            "score_threshold": score_threshold,
            "nms_iou": nms_iou,
            "max_detections": max_detections,
        }

    def loss(self, outputs: Any, objects_nm5: Tensor) -> Tensor:
        """Of the maps of a training: torchvision's own four losses. Of heads: the two of the second stage, over all
        proposals, for what the first stage said of its anchors is no longer in them.
        """
        targets = [self._target(objects) for objects in objects_nm5]
        if isinstance(outputs, Tensor):
            return self._loss_of_heads(outputs.float(), targets)
        from torchvision.models.detection.image_list import ImageList

        maps = {name: one.float() for name, one in outputs.items()}
        n, size, device = len(targets), self.frame_size, objects_nm5.device
        # The generator of a GPU, by which regions are drawn there, follows that of the processor, which every batch
        # seeds anew: a training that was cut goes on as one that was not.
        torch.manual_seed(int(torch.randint(2**31, ())))
        with torch.autocast(device.type, enabled=False):
            images = ImageList(torch.empty(n, 0, size, size, device=device), [(size, size)] * n)
            proposals, of_first = self.model.rpn(images, maps, targets)
            _, of_second = self.model.roi_heads(maps, proposals, images.image_sizes, targets)
        return torch.stack([*of_first.values(), *of_second.values()]).sum()

    def _loss_of_heads(self, heads_nkd: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        from torchvision.models.detection.roi_heads import fastrcnn_loss

        heads, end = self.model.roi_heads, self.n_logits + 4 * self.n_classes
        proposals = list((heads_nkd[..., end:].detach() * self.frame_size).unbind())
        true_boxes, true_labels = [one["boxes"] for one in targets], [one["labels"] for one in targets]
        places, labels = heads.assign_targets_to_proposals(proposals, true_boxes, true_labels)
        # A frame without objects has a box of zeros, which no label asks for.
        nothing = heads_nkd.new_zeros(1, 4)
        matched = [torch.cat([boxes, nothing])[place] for boxes, place in zip(true_boxes, places, strict=True)]
        wanted = heads.box_coder.encode(matched, [_with_area(one) for one in proposals])
        rows = heads_nkd.flatten(0, 1)
        deltas = torch.cat([torch.zeros_like(rows[:, :4]), rows[:, self.n_logits : end]], dim=1)
        return torch.stack(fastrcnn_loss(rows[:, : self.n_logits], deltas, labels, wanted)).sum()

    def can_be_beside(self, teacher: Detector) -> bool:
        return isinstance(teacher, TwoStageDetector) and self.n_logits == teacher.n_logits

    def beside(self, outputs: Any, taught_nak: Tensor) -> tuple[Tensor, Tensor]:
        """At the teacher's proposals; box numbers are those of the class that it finds likeliest.

        outputs: maps, or heads whose own proposals are not looked at; taught_nak: heads of a two-stage detector.
        """
        end = self.n_logits + 4 * self.n_classes
        logits, deltas = self._answers_at(outputs, taught_nak[..., end:] * self.frame_size)
        taught_logits, taught_deltas = taught_nak[..., : self.n_logits], taught_nak[..., self.n_logits : end]
        # Where the teacher has no proposal there is nothing to be asked.
        there = taught_nak[..., -4:].any(dim=2, keepdim=True)
        logits = torch.where(there, logits, taught_logits)
        likeliest = taught_logits[..., 1:].argmax(dim=2, keepdim=True)
        places = 4 * likeliest + torch.arange(4, device=likeliest.device)
        own, taught = (torch.gather(one, 2, places) for one in (deltas, taught_deltas))
        return torch.cat([logits, own], dim=2), torch.cat([taught_logits, taught], dim=2)

    def answer_maps(self, frames_nchw: Tensor) -> list[Tensor]:
        """The maps of the pyramid, and what the second stage answers to the first of them as if it were one region.

        The first stage runs at every level, so that no channel of it can leave, nor any of the maps that it sees. Those
        of the backbone before, and those within the second stage, can.
        """
        maps: Maps = self.model.backbone(frames_nchw)
        region = nn.functional.adaptive_avg_pool2d(next(iter(maps.values())).detach(), self.pool.side)
        heads = self.model.roi_heads
        return [*(maps[name] for name in maps if name != "pool"), *heads.box_predictor(heads.box_head(region))]

    def answer_layers(self) -> list[nn.Module]:
        first, second = self.model.rpn.head, self.model.roi_heads.box_predictor
        return [first.cls_logits, first.bbox_pred, second.cls_score, second.bbox_pred]


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
            allowed=f"a detector of torchvision: {', '.join(DETECTORS)}",
            mend="correct train.<task>.architecture in params.yaml",
        )
    is_two_stage = architecture in _TWO_STAGE
    with_background = n_classes + (is_two_stage or architecture.startswith("ssd"))
    model: Any = _model(architecture, with_background)
    if smallest_anchor is not None:
        _set_smallest_anchor(model, architecture, smallest_anchor)
    try:
        return (TwoStageDetector if is_two_stage else Detector)(model, n_classes, frame_size)
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

    # The library's own graph, which runs in training only, then has the same proposals in evaluation as ours.
    of_stages = {
        "box_batch_size_per_image": _REGIONS_LEARNED_FROM,
        "rpn_pre_nms_top_n_test": PER_LEVEL,
        "rpn_post_nms_top_n_test": PROPOSALS,
        "rpn_score_thresh": 0.0,
    }
    options = of_stages if architecture in _TWO_STAGE else {}
    model: nn.Module = get_model(architecture, weights=None, weights_backbone=None, num_classes=num_classes, **options)
    return model


def _set_smallest_anchor(model: Any, architecture: str, fraction: float) -> None:
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

    present = _anchor_generator(model)
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
    state = {_present_name(name): tensor for name, tensor in state.items()}
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
        anchors = _anchor_generator(model)(ImageList(frames, [(frame_size, frame_size)]), maps)[0]
    model.train(was_training)
    per_place = _anchor_generator(model).num_anchors_per_location()
    counts = [one.shape[2] * one.shape[3] * n for one, n in zip(maps, per_place, strict=True)]
    return anchors.float(), counts


def _anchor_generator(model: Any) -> Any:
    return model.rpn.anchor_generator if hasattr(model, "rpn") else model.anchor_generator


def _present_name(name: str) -> str:
    """Of a layer of a first stage: files of 2019 to 2021 name it otherwise, and the library renames it as it loads."""
    return re.sub(r"rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1", name)


def _nothing_like(logits_nkc: Tensor) -> Tensor:
    return torch.cat([torch.full_like(logits_nkc[..., :1], _NOTHING_THERE), torch.zeros_like(logits_nkc[..., 1:])], 2)


def _with_area(boxes_k4: Tensor) -> Tensor:
    """The empty places among the proposals made 1 px wide: the logarithm of their sides is taken."""
    return torch.cat([boxes_k4[:, :2], torch.maximum(boxes_k4[:, 2:], boxes_k4[:, :2] + 1)], dim=1)


def _rows(part: Any, maps: list[Tensor]) -> Tensor:
    """What SSDScoringHead gives, `[N, A, columns]`, in two operations a map instead of three in up to five axes."""
    answers = [branch(one).permute(0, 2, 3, 1).flatten(1) for branch, one in zip(part.module_list, maps, strict=True)]
    rows = torch.cat(answers, dim=1)
    # Of a batch that is a constant in the exported file; unflatten would leave Mod there, which TensorRT 8.2 has not.
    return rows.reshape(rows.shape[0], -1, part.num_columns)


def _last_convolution(branch: nn.Module) -> nn.Module:
    return [module for module in branch.modules() if isinstance(module, nn.Conv2d)][-1]
