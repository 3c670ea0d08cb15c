"""Answers over time whose reason is known, as functions and as networks that can be exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

FRAMES, SIZE = 8, 56
MOMENT = slice(3, 5)
PATCH = (slice(8, 24), slice(32, 48))  # rows, columns


def patch_voxels() -> NDArray[np.bool_]:
    voxels = np.zeros((FRAMES, SIZE, SIZE), dtype=bool)
    voxels[(MOMENT, *PATCH)] = True
    return voxels


def bright_clip(clip_frames: int = FRAMES, size: int = SIZE) -> NDArray[np.float32]:
    """`[1, T, 3, S, S]` of a grating that a blur takes away; whatever is hidden turns to 0."""
    clip = np.ones((1, clip_frames, 3, size, size), dtype=np.float32)
    clip[..., ::2] = 3
    return clip


def patch_probabilities(clip_ntchw: NDArray[np.float32]) -> NDArray[np.float64]:
    """`[2]`: class 1 is as likely as the share of grating that is left in the patch of frames 3 and 4."""
    patch = clip_ntchw[0, MOMENT, 0][(slice(None), *PATCH)]
    share = float(np.clip(np.abs(np.diff(patch, axis=2)).mean() / 2, 0, 1))
    return np.array([1 - share, share])


class SeesAPatch(nn.Module):
    """Class 1 by the red in the patch of the frames `moments`, through a Conv2d that sees frames as a batch."""

    def __init__(self, moments: Sequence[int], clip_frames: int, size: int) -> None:
        super().__init__()
        self.copies = nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.copies.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])
        weight = torch.zeros(clip_frames, size, size)
        weight[list(moments), size // 2 : 3 * size // 4, size // 2 : 3 * size // 4] = 1
        self.register_buffer("weight", 6 * weight / weight.sum())

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        n, frames, _, height, width = clips.shape
        red = self.copies(clips.reshape(-1, 3, height, width))[:, 0].reshape(n, frames, height, width)
        score = (red * self.weight).sum((1, 2, 3))
        return torch.stack([torch.ones_like(score), score], dim=1)


class SaysOneThing(nn.Module):
    """The same logits for every clip, though a convolution has run."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        seen = self.layer(clips.flatten(0, 1)).sum() * 0
        return torch.tensor([[0.3, 1.1]]).repeat(len(clips), 1) + seen


def export(network: nn.Module, path: Path, clip_frames: int, size: int) -> Path:
    example = torch.zeros(1, clip_frames, 3, size, size)
    torch.onnx.export(network.eval(), (example,), str(path), dynamo=False, opset_version=13)
    return path
