"""Networks small enough to be pruned and trained within a second, that have one of each difficulty."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """A residual block with a depthwise convolution inside, and a linear layer behind a flattened map."""

    def __init__(self, n_classes: int = 3, stream: int = 16, inner: int = 32, hidden: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stream, 3, 2, 1, bias=False), nn.BatchNorm2d(stream), nn.ReLU())
        self.inner = nn.Sequential(
            nn.Conv2d(stream, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
        )  # fmt: skip
        self.outer = nn.Sequential(nn.Conv2d(inner, stream, 1, bias=False), nn.BatchNorm2d(stream))
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.hidden = nn.Linear(4 * stream, hidden)
        self.head = nn.Linear(hidden, n_classes)

    def forward(self, frames: Tensor) -> Tensor:
        stream = self.stem(frames)
        stream = torch.relu(stream + self.outer(self.inner(stream)))
        logits: Tensor = self.head(torch.relu(self.hidden(self.pool(stream).flatten(1))))
        return logits


class Grouped(nn.Sequential):
    """Convolutions in four groups, transposed, depthwise with a concatenation before it, and a PReLU."""

    def __init__(self, width: int = 16) -> None:
        super().__init__(
            nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.PReLU(width),
            nn.Conv2d(width, width, 3, padding=1, groups=4), nn.BatchNorm2d(width), nn.ReLU(),
            nn.ConvTranspose2d(width, width, 2, 2), nn.ReLU(),
            Doubled(), nn.Conv2d(2 * width, 2 * width, 3, 2, 1, groups=2 * width, bias=False),
            nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, width, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3),
        )  # fmt: skip


class Doubled(nn.Module):
    def forward(self, frames: Tensor) -> Tensor:
        return torch.cat([frames, 2 * frames], dim=1)


def as_trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """In eval mode, with weights, statistics and scales that are all different, as training leaves them."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


def tiny_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return as_trained(Tiny(), seed)


@torch.no_grad()
def silence_odd_channels(network: nn.Module, names: tuple[str, ...]) -> None:
    """Make every second output of all layers in the children of these names zero."""
    for name, module in network.named_modules():
        if name.split(".")[0] in names:
            outputs = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            for parameter in module.parameters(recurse=False):
                dim = outputs if parameter.ndim > 1 else 0
                parameter.index_fill_(dim, torch.arange(1, parameter.shape[dim], 2), 0)


def build_tiny_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Artifacts of the architecture `tiny` can be loaded from here on."""
    import pipeline.networks

    real = pipeline.networks.build_network
    monkeypatch.setattr(
        pipeline.networks,
        "build_network",
        lambda name, n, size, *_rest, **_form: Tiny(n).eval() if name == "tiny" else real(name, n, size),
    )
