from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.cams import grad_cam
from pipeline.explain.methods.layers import cam_layer
from tests.explain.planted import FRAME_SIZE, PATCH, patch_mask


class RunsBackwards(nn.Module):
    """Defines its convolutions in another order than it runs them, and ends with a 1×1 output."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(4, 4, 3)
        self.squeeze = nn.Conv2d(4, 4, 1)
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.first(x))
        return self.squeeze(x.mean((2, 3), keepdim=True)).flatten(1)


class SeesThePatch(nn.Module):
    """One channel copies the red plane; class 1 is its mean. In-place activation, as in VGG."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(inplace=True))
        with torch.no_grad():
            self.features[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        planes = self.features(x).mean((2, 3))
        return torch.stack([planes[:, 1], planes[:, 0]], dim=1)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 2, 1), nn.Flatten()),
    ],
    ids=["no convolution", "only 1x1 outputs"],
)
def test_a_network_without_places_is_refused(network: nn.Module) -> None:
    with pytest.raises(EdgeboardError, match="needs a convolution"):
        grad_cam(network.eval(), np.zeros((1, 3, 8, 8), dtype=np.float32), [0])


def test_the_layer_is_the_last_that_runs_and_has_places() -> None:
    network = RunsBackwards().eval()
    assert cam_layer(network, torch.zeros(1, 3, 16, 16)) is network.second
    assert not any(module._forward_hooks for module in network.modules())


def test_the_map_lies_on_the_planted_patch() -> None:
    frames = np.zeros((2, 3, FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
    frames[:, 0, *PATCH] = 1  # red decides class 1
    maps = grad_cam(SeesThePatch().eval(), frames, [1, 0])
    assert maps.shape == (2, FRAME_SIZE, FRAME_SIZE)
    assert maps.min() >= 0
    assert maps[0][patch_mask()].min() > 0
    assert maps[0][~patch_mask()].max() == 0
    assert not maps[1].any()  # nothing green speaks for class 0


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "mobilenet_v3_small"])
def test_torchvision_networks(name: str) -> None:
    import torchvision

    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, num_classes=3).eval()
    frames = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    maps = grad_cam(network, frames, [0])
    assert maps.shape == (1, 64, 64)
    assert np.isfinite(maps).all()
