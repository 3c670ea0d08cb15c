"""A small backbone of plain convolutions, for distillation into: the ResNet-8 of pipeline.small_detectors.

There is said why; here it looks at the frames of clips.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.ops import Conv2dNormActivation

_PATCH = 4
_WIDTHS = (24, 48, 112, 224)  # of the stem and of the three stages


class ResNet8(nn.Module):
    """`[N, 3, S, S]` to maps `[N, 224, S / 32, S / 32]`: a stem that cuts the frame into patches, three blocks."""

    out_channels = _WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv2dNormActivation(3, _WIDTHS[0], kernel_size=_PATCH, stride=_PATCH, padding=0)
        self.stages = nn.Sequential(*(_stage(a, b) for a, b in itertools.pairwise(_WIDTHS)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, frames_nchw: Tensor) -> Tensor:
        maps: Tensor = self.stages(self.stem(frames_nchw))
        return maps


def _stage(width_in: int, width_out: int) -> nn.Module:
    shortcut = nn.Sequential(nn.Conv2d(width_in, width_out, 1, 2, bias=False), nn.BatchNorm2d(width_out))
    return BasicBlock(width_in, width_out, stride=2, downsample=shortcut)
