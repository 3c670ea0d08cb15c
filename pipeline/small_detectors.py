"""A small detector of plain convolutions, for distillation into: SSD on a ResNet-8.

MobileNets save multiplications with depthwise convolutions, of which an int8 engine has little: each of them costs as
much time as a dense one, and there are three times as many layers to start. A short network of dense 3x3 convolutions
does more arithmetic in less time; so MobileDets (Xiong et al. 2021, arXiv:2004.14525) put dense convolutions back.

ResNet-8: three residual stages of one block, as in MLPerf Tiny (Banbury et al. 2021, arXiv:2106.07597), behind
a stem that cuts the frame into patches (Trockman & Kolter 2022, arXiv:2201.09792). The anchors are those of SSDLite320,
so that either can teach the other.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

_FRAME_SIZE = 320
_PATCH = 4
_WIDTHS = (24, 48, 112, 224)  # of the stem and of the three stages
_EXTRA_WIDTH = 64
_N_EXTRA = 4  # maps beyond the backbone's, for large objects


def ssd320_resnet8(num_classes: int) -> SSD:
    """With random weights. num_classes: one more than there are, for the background, as torchvision counts them."""
    anchors = DefaultBoxGenerator([[2, 3]] * (2 + _N_EXTRA), min_ratio=0.2, max_ratio=0.95)
    return SSD(ResNet8Pyramid(), anchors, (_FRAME_SIZE, _FRAME_SIZE), num_classes)


class ResNet8Pyramid(nn.Module):
    """`[N, 3, S, S]` to maps at strides 16, 32, 64, ...: as many, and of the same sizes, as SSDLite's."""

    def __init__(self) -> None:
        super().__init__()
        stem, *stages = _WIDTHS
        self.stem = Conv2dNormActivation(3, stem, kernel_size=_PATCH, stride=_PATCH, padding=0)
        widths = [stem, *stages]
        self.stages = nn.ModuleList(_stage(a, b) for a, b in itertools.pairwise(widths))
        extra_inputs = [stages[-1], *[_EXTRA_WIDTH] * (_N_EXTRA - 1)]
        self.extra = nn.ModuleList(Conv2dNormActivation(width, _EXTRA_WIDTH, stride=2) for width in extra_inputs)
        self.out_channels = [*stages[-2:], *[_EXTRA_WIDTH] * _N_EXTRA]

    def forward(self, frames_nchw: Tensor) -> dict[str, Tensor]:
        x = self.stem(frames_nchw)
        maps: list[Tensor] = []
        for place, layer in enumerate([*self.stages, *self.extra]):
            x = layer(x)
            if place >= len(self.stages) - 2:
                maps.append(x)
        return OrderedDict((str(place), one) for place, one in enumerate(maps))


def _stage(width_in: int, width_out: int) -> nn.Module:
    shortcut = nn.Sequential(nn.Conv2d(width_in, width_out, 1, 2, bias=False), nn.BatchNorm2d(width_out))
    return BasicBlock(width_in, width_out, stride=2, downsample=shortcut)
