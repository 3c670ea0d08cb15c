"""Small networks whose maps are known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIZE = 24
PATCH = (slice(4, 12), slice(14, 22))  # rows, columns


def in_patch() -> NDArray[np.bool_]:
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[PATCH] = True
    return mask


def noise(n: int = 2, seed: int = 0, size: int = SIZE) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, 3, size, size)).astype(np.float32)


def linear_network(bias: bool = False) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 3, bias=bias)).eval()


def small_network(bias: bool = True) -> nn.Module:
    """Convolutions, BatchNorm, activations in place, pooling: random, with statistics that fit."""
    torch.manual_seed(2)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=bias), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1, bias=bias), nn.ReLU(inplace=True), nn.Flatten(),
        nn.Linear(12 * (SIZE // 2) ** 2, 3, bias=bias),
    )  # fmt: skip
    return network.eval()


class Residual(nn.Module):
    """One ReLU that is called twice and works in place, a BatchNorm, and a sum: as ResNet is built."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 3, bias=False)
        with torch.no_grad():
            self.norm.weight.uniform_(0.5, 1.5)
            self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.relu(self.norm(self.first(frames)))
        y = self.second(x)
        y += x
        return self.head(self.relu(y).mean((2, 3)))


class PatchDecides(nn.Module):
    """Class 1 is as sure as the patch is bright; class 2 is never decided."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(inplace=True))
        with torch.no_grad():
            self.features[0].weight.copy_(torch.tensor([[1 / 3] * 3, [0.0] * 3])[..., None, None])
            self.features[0].bias.zero_()
        self.register_buffer("mask", torch.tensor(in_patch(), dtype=torch.float32))

    def forward(self, frames: Tensor) -> Tensor:
        bright = (self.features(frames)[:, 0] * self.mask).sum((1, 2)) / self.mask.sum()
        return torch.stack([torch.full_like(bright, 2.0), 4 * bright, torch.full_like(bright, -50.0)], dim=1)


class Clips(nn.Module):
    """`[N, T, 3, S, S]` to `[N, 3]`: frames one by one, then their mean."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.head = nn.Linear(6, 3)

    def forward(self, clips: Tensor) -> Tensor:
        n, t = clips.shape[:2]
        planes = self.features(clips.reshape(n * t, *clips.shape[2:])).mean((2, 3))
        return self.head(planes.reshape(n, t, -1).mean(1))


def bright_patch() -> NDArray[np.float32]:
    """`[1, 3, S, S]`: bright everywhere, so that only what the network looks at tells places apart."""
    return np.ones((1, 3, SIZE, SIZE), dtype=np.float32)
