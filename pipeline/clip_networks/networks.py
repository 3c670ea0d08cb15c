"""What a network of clips is, whichever way it looks at time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pipeline.clip_networks.difference import FrameDifference
from pipeline.clip_networks.temporal_shift import shifts_as_identity

Modality = Literal["rgb", "difference"]


class ClipNetwork(nn.Module, ABC):
    """`[N, T, 3, S, S]` normalised frames, T = clip_frames, to logits `[N, C]`.

    The parts have the names that mmaction2 gives them, so that the weights of its checkpoints fit as they are.
    """

    def __init__(self, backbone: nn.Module, cls_head: nn.Module, clip_frames: int) -> None:
        super().__init__()
        # Frames become here what the backbone sees: themselves, or what changed since the frame before.
        self.entrance: nn.Module = nn.Identity()
        self.backbone = backbone
        self.cls_head = cls_head
        self.clip_frames = clip_frames

    def forward(self, clips_ntchw: Tensor) -> Tensor:
        # A traced shape is no number that could be compared.
        if not torch.jit.is_tracing() and clips_ntchw.shape[1] != self.clip_frames:
            raise ValueError(f"the network is made for clips of {self.clip_frames} frames, not {clips_ntchw.shape[1]}")
        return self._logits(clips_ntchw)

    @abstractmethod
    def _logits(self, clips_ntchw: Tensor) -> Tensor:
        """Of clips of the right length."""

    def trace_answers(self, clips_ntchw: Tensor) -> Tensor:
        """What follows the channels from layer to layer runs this: of `forward` as much as dependencies hang on."""
        return self(clips_ntchw)


class FrameNetwork(ClipNetwork):
    """A network of single frames, whose answers are averaged over the clip (TSN: Wang et al. 2016, arXiv:1608.00859).

    Frames see each other by a temporal shift, where the backbone has one (TSM).
    """

    def _logits(self, clips_ntchw: Tensor) -> Tensor:
        # An exported file has exactly one clip: so no computation of shapes is left in it.
        frames = clips_ntchw.squeeze(0) if torch.onnx.is_in_onnx_export() else clips_ntchw.flatten(0, 1)
        logits: Tensor = self.cls_head(self.backbone(self.entrance(frames)), self.clip_frames)
        return logits

    def frame_logits(self, frames_nchw: Tensor) -> Tensor:
        """`[K, 3, S, S]` to `[K, C]`: what each frame says, before the average. K: a multiple of clip_frames where
        there is a shift or a difference."""
        return self._frame_logits(self.entrance(frames_nchw))

    def _frame_logits(self, frames_nchw: Tensor) -> Tensor:
        head: Any = self.cls_head
        features = head.avg_pool(self.backbone(frames_nchw)).flatten(1)
        logits: Tensor = head.fc_cls(features if head.dropout is None else head.dropout(features))
        return logits

    def trace_answers(self, clips_ntchw: Tensor) -> Tensor:
        with shifts_as_identity(self):
            return self._frame_logits(clips_ntchw[:, 0])


class VolumeNetwork(ClipNetwork):
    """A network that convolves, or attends, over space and time at once."""

    def _logits(self, clips_ntchw: Tensor) -> Tensor:
        seen = clips_ntchw
        if isinstance(self.entrance, FrameDifference):
            # squeeze and unsqueeze where one clip is exported, so that no shape is computed in the file
            is_one = torch.onnx.is_in_onnx_export()
            changed = self.entrance(seen.squeeze(0) if is_one else seen.flatten(0, 1))
            seen = changed.unsqueeze(0) if is_one else changed.unflatten(0, (-1, self.clip_frames))
        logits: Tensor = self.cls_head(self.backbone(seen.transpose(1, 2)))
        return logits
