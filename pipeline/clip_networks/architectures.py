"""Networks of clips by name, from short configurations of mmaction2's parts.

TSN          single frames, averaged: Wang et al. 2016 (arXiv:1608.00859)
TSM          the same with a temporal shift: Lin et al. 2019 (arXiv:1811.08383)
I3D          inflated 3-D convolutions: Carreira & Zisserman 2017 (arXiv:1705.07750)
R(2+1)D      convolutions over space, then over time: Tran et al. 2018 (arXiv:1711.11248)
SlowFast     two frame rates: Feichtenhofer et al. 2019 (arXiv:1812.03982)
TimeSformer  attention over time, then over space: Bertasius et al. 2021 (arXiv:2102.05095)
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from pipeline.clip_networks.difference import FrameDifference
from pipeline.clip_networks.mmaction_parts import build_part
from pipeline.clip_networks.networks import ClipNetwork, FrameNetwork, Modality, VolumeNetwork
from pipeline.clip_networks.temporal_shift import Shift, Shifted
from pipeline.errors import EdgeboardError

__all__ = ["CLIP_ARCHITECTURES", "DEFAULT_CLIP_ARCHITECTURE", "Shift", "build_clip_network"]

DEFAULT_CLIP_ARCHITECTURE = "tsm_mobilenet_v2"
# What is left of a smaller frame behind five strides of two is less than a pixel.
_SMALLEST_FRAME = 32
_PATCH = 16  # of the TimeSformer
_SLOWFAST_RATIOS = (8, 4, 2)
_SLOWFAST_LEAST_FRAMES = 4


@dataclass(frozen=True)
class Wish:
    """What a network is built for. dropout: None means that of mmaction2's configurations."""

    architecture: str
    n_classes: int
    clip_frames: int
    frame_size: int
    shift: Shift
    dropout: float | None


Builder = Callable[[Wish], ClipNetwork]


def build_clip_network(
    architecture: str,
    n_classes: int,
    clip_frames: int,
    frame_size: int,
    shift: Shift = "causal",
    dropout: float | None = None,
    modality: Modality = "rgb",
) -> ClipNetwork:
    """A network with random weights: `[N, clip_frames, 3, S, S]` normalised frames to logits `[N, n_classes]`.

    shift: where the frames of a tsm_* look, `causal`, back only, or `both`; others have none.
    dropout: in front of the classifier, 0..1; None means as in mmaction2's configurations: TSN 0.4, TimeSformer 0,
    others 0.5. modality: what the backbone sees, `rgb`, the frames, or the `difference` to the frame before.
    Raises EdgeboardError for an unknown name and for clips or frames that the architecture cannot see.
    """
    if architecture not in CLIP_ARCHITECTURES:
        close = difflib.get_close_matches(architecture, CLIP_ARCHITECTURES, n=3)
        raise EdgeboardError(
            "There is no such architecture for clips",
            value=architecture,
            allowed=f"the nearest: {', '.join(close)}" if close else ", ".join(CLIP_ARCHITECTURES),
            mend="correct train.<task>.architecture in params.yaml",
        )
    wish = Wish(architecture, n_classes, clip_frames, frame_size, shift, dropout)
    if modality == "difference" and clip_frames < 2:
        raise _cannot_see(wish, "at least 2 frames, for their difference")
    if frame_size < _SMALLEST_FRAME or clip_frames < 1:
        raise _cannot_see(wish, f"at least 1 frame of at least {_SMALLEST_FRAME} px")
    network = CLIP_ARCHITECTURES[architecture](wish)
    if modality == "difference":
        network.entrance = FrameDifference(clip_frames)
    return network


def _cannot_see(wish: Wish, allowed: str) -> EdgeboardError:
    return EdgeboardError(
        "The architecture cannot see clips of this size",
        value=f"{wish.architecture}: {wish.clip_frames} frames of {wish.frame_size} px",
        allowed=allowed,
        mend="change train.<task>.clip_frames or frame_size, or choose another architecture",
    )


def _head(kind: str, wish: Wish, width: int, dropout: float, **others: Any) -> nn.Module:
    ratio = dropout if wish.dropout is None else wish.dropout
    config = {"type": kind, "num_classes": wish.n_classes, "in_channels": width, "dropout_ratio": ratio, **others}
    return build_part(config)


def _tsn(backbone: dict[str, Any], width: int) -> Builder:
    return lambda wish: FrameNetwork(build_part(backbone), _head("TSNHead", wish, width, 0.4), wish.clip_frames)


def _tsm(make_backbone: Callable[[], nn.Module], width: int, shifted: Callable[[nn.Module], list[str]]) -> Builder:
    """shifted: the names of the layers of the backbone that read shifted maps."""

    def build(wish: Wish) -> ClipNetwork:
        backbone = make_backbone()
        for name in shifted(backbone):
            layer = backbone.get_submodule(name)
            convolution = next(module for module in layer.modules() if isinstance(module, nn.Conv2d))
            backbone.set_submodule(name, Shifted(layer, convolution.in_channels, wish.clip_frames, wish.shift))
        head = _head("TSMHead", wish, width, 0.5, num_segments=wish.clip_frames)
        return FrameNetwork(backbone, head, wish.clip_frames)

    return build


def _in_residual_blocks(backbone: nn.Module) -> list[str]:
    """The first convolution of every block: mmaction2's `blockres`, in which the shortcut stays as it is."""
    return [
        f"{name}.conv1.conv" if hasattr(block.conv1, "conv") else f"{name}.conv1"
        for name, block in backbone.named_modules()
        if hasattr(block, "conv1") and hasattr(block, "conv2")
    ]


def _in_inverted_residuals(backbone: nn.Module) -> list[str]:
    """The expansion in every block with a shortcut, as in mmaction2's MobileNetV2TSM."""
    return [f"{name}.conv.0" for name, block in backbone.named_modules() if getattr(block, "use_res_connect", False)]


def _resnet8() -> nn.Module:
    from pipeline.clip_networks.small import ResNet8

    return ResNet8()


def _volume(backbone: dict[str, Any], head: str, width: int) -> Builder:
    return lambda wish: VolumeNetwork(build_part(backbone), _head(head, wish, width, 0.5), wish.clip_frames)


def _slowfast(wish: Wish) -> ClipNetwork:
    if wish.clip_frames < _SLOWFAST_LEAST_FRAMES or wish.clip_frames % 2:
        raise _cannot_see(wish, f"an even number of frames, at least {_SLOWFAST_LEAST_FRAMES}")
    # The slow path sees every alpha-th frame, and at least two. In the paper alpha is 8 or 4, of clips of 32 frames.
    ratio = next(r for r in _SLOWFAST_RATIOS if wish.clip_frames % r == 0 and wish.clip_frames // r >= 2)
    common = {"type": "resnet3d", "depth": 50, "pretrained": None, "conv1_stride_t": 1, "pool1_stride_t": 1}
    backbone = {
        "type": "ResNet3dSlowFast",
        "resample_rate": ratio,
        "speed_ratio": ratio,
        "channel_ratio": 8,
        "slow_pathway": {**common, "lateral": True, "conv1_kernel": (1, 7, 7), "inflate": (0, 0, 1, 1)},
        "fast_pathway": {**common, "lateral": False, "base_channels": 8, "conv1_kernel": (5, 7, 7)},
    }
    return _volume(backbone, "SlowFastHead", 2048 + 256)(wish)


def _timesformer(wish: Wish) -> ClipNetwork:
    """At the width of ViT-S; that of the paper, ViT-B, has four times as many parameters."""
    if wish.frame_size % _PATCH:
        raise _cannot_see(wish, f"frames of a multiple of {_PATCH} px")
    width = 384
    backbone = {
        "type": "TimeSformer",
        "num_frames": wish.clip_frames,
        "img_size": wish.frame_size,
        "patch_size": _PATCH,
        "embed_dims": width,
        "num_heads": width // 64,
    }
    return VolumeNetwork(build_part(backbone), _head("TimeSformerHead", wish, width, 0.0), wish.clip_frames)


def _resnet(depth: int) -> dict[str, Any]:
    return {"type": "ResNet", "depth": depth, "pretrained": None}


_MOBILENET_V2 = {"type": "MobileNetV2", "pretrained": None}
_VOLUME = {"pretrained": None, "pretrained2d": False, "conv1_stride_t": 1, "pool1_stride_t": 1}
# Temporal strides of one at the entrance: mmaction2's I3D has two, for clips four times as long.
_I3D = {
    **_VOLUME,
    "type": "ResNet3d",
    "depth": 50,
    "conv1_kernel": (5, 7, 7),
    "inflate": ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
}
_R2PLUS1D = {
    **_VOLUME,
    "type": "ResNet2Plus1d",
    "depth": 34,
    "conv_cfg": {"type": "Conv2plus1d"},
    "norm_cfg": {"type": "BN3d", "requires_grad": True, "eps": 1e-3},
    "conv1_kernel": (3, 7, 7),
    "inflate": (1, 1, 1, 1),
    "spatial_strides": (1, 2, 2, 2),
    "temporal_strides": (1, 2, 2, 2),
}

CLIP_ARCHITECTURES: dict[str, Builder] = {
    "tsn_resnet18": _tsn(_resnet(18), 512),
    "tsn_resnet50": _tsn(_resnet(50), 2048),
    "tsn_mobilenet_v2": _tsn(_MOBILENET_V2, 1280),
    "tsm_resnet8": _tsm(_resnet8, 224, _in_residual_blocks),
    "tsm_resnet18": _tsm(lambda: build_part(_resnet(18)), 512, _in_residual_blocks),
    "tsm_resnet50": _tsm(lambda: build_part(_resnet(50)), 2048, _in_residual_blocks),
    "tsm_mobilenet_v2": _tsm(lambda: build_part(_MOBILENET_V2), 1280, _in_inverted_residuals),
    "i3d_resnet50": _volume(_I3D, "I3DHead", 2048),
    "r2plus1d_resnet34": _volume(_R2PLUS1D, "I3DHead", 512),
    "slowfast_resnet50": _slowfast,
    "timesformer_small": _timesformer,
}
