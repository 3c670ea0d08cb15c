"""What changes from frame to frame, as the input of a network: the modality `RGB difference` of TSN.

Wang et al. 2016 (arXiv:1608.00859), section 3.2. What stands still is gone, so that a network that has few clips to
learn from looks at what moves instead of learning the places by heart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FrameDifference(nn.Module):
    """`[N * T, 3, S, S]` of N clips of T frames to the same shape: a frame minus the one before; the first is zero."""

    def __init__(self, clip_frames: int) -> None:
        super().__init__()
        self.clip_frames = clip_frames

    def forward(self, frames_nchw: Tensor) -> Tensor:
        # As in the temporal shift: an exported file has exactly one clip, and no reshape.
        is_one_clip = torch.onnx.is_in_onnx_export()
        clips = frames_nchw if is_one_clip else frames_nchw.unflatten(0, (-1, self.clip_frames))
        time, n = -4, self.clip_frames - 1
        changed = clips.narrow(time, 1, n) - clips.narrow(time, 0, n)
        differences = torch.cat([torch.zeros_like(clips.narrow(time, 0, 1)), changed], time)
        return differences if is_one_clip else differences.flatten(0, 1)
