"""Networks of differences whose reason is known: they look at what moves in one place."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.clip_networks.difference import FrameDifference

FRAMES, SIZE = 8, 32
HERE = (slice(12, 24), slice(4, 30))  # rows, columns
LOGITS = 4.0


class MovesHere(nn.Module):
    """Class 1 (of 2) by the mean change of frames inside `HERE`; what moves elsewhere, it does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.entrance = FrameDifference(FRAMES)
        self.layer = nn.Conv2d(3, 3, 1, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(3)[..., None, None])
        weight = torch.zeros(SIZE, SIZE)
        weight[HERE] = 1
        self.register_buffer("weight", weight / weight.sum())

    def forward(self, clips_ntchw: Tensor) -> Tensor:
        changed = self.layer(self.entrance(_as_frames(clips_ntchw))).abs()
        seen = _as_clips((changed * self.weight).sum((1, 2, 3)))
        score = 40 * seen.mean(1)
        return torch.stack([torch.full_like(score, LOGITS), score], dim=1)


def _as_frames(clips_ntchw: Tensor) -> Tensor:
    return clips_ntchw.squeeze(0) if torch.onnx.is_in_onnx_export() else clips_ntchw.flatten(0, 1)


def _as_clips(of_frames: Tensor) -> Tensor:
    return of_frames.unsqueeze(0) if torch.onnx.is_in_onnx_export() else of_frames.unflatten(0, (-1, FRAMES))


def clip_with_two_movers(seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames `[T, S, S, 3]` over a rough still ground, and `[T, S, S]` where one square moves through `HERE` and
    where another one moves above it.
    """
    rng = np.random.default_rng(seed)
    frames = np.repeat(rng.integers(60, 200, (1, SIZE, SIZE, 3), dtype=np.uint8), FRAMES, axis=0)
    here, elsewhere = np.zeros((2, FRAMES, SIZE, SIZE), dtype=bool)
    for t in range(FRAMES):
        here[t, 14:21, 4 + 2 * t : 11 + 2 * t] = True
        elsewhere[t, 1:8, 20 - 2 * t : 27 - 2 * t] = True
    frames[here], frames[elsewhere] = (250, 40, 40), (40, 250, 40)
    return frames, here, elsewhere
