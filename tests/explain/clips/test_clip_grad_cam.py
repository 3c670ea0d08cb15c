from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.cams import grad_cam
from tests.explain.clips.planted_clips import FRAMES, PATCH, SIZE, patch_voxels


class FramesAsBatch(nn.Module):
    """A 2-D convolution copies red and green, as in a temporal shift network; class 1 is the mean red."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(inplace=True))
        with torch.no_grad():
            self.features[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        planes = self.features(clips.flatten(0, 1)).mean((2, 3)).reshape(len(clips), -1, 2).mean(1)
        return torch.stack([planes[:, 1], planes[:, 0]], dim=1)


class Volume(nn.Module):
    """A 3-D convolution that averages `stride` frames of red and green; class 1 is the mean red."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.layer = nn.Conv3d(3, 2, (stride, 1, 1), stride=(stride, 1, 1), bias=False)
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.weight[0, 0] = self.layer.weight[1, 1] = 1 / stride

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        planes = self.layer(clips.transpose(1, 2)).mean((2, 3, 4))
        return torch.stack([planes[:, 1], planes[:, 0]], dim=1)


def _red_patch() -> np.ndarray:
    clip = np.zeros((1, FRAMES, 3, SIZE, SIZE), dtype=np.float32)
    clip[(0, slice(3, 5), 0, *PATCH)] = 1
    return clip


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 8 * 8, 2)),
        nn.Sequential(nn.Flatten(0, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 2, 1), nn.Flatten()),
    ],
    ids=["no convolution", "only 1x1 outputs"],
)
def test_a_network_without_places_is_refused(network: nn.Module) -> None:
    with pytest.raises(EdgeboardError, match="needs a convolution"):
        grad_cam(network.eval(), np.zeros((1, 2, 3, 8, 8), dtype=np.float32), [0])


@pytest.mark.parametrize("network", [FramesAsBatch(), Volume(1)], ids=["2-D", "3-D"])
def test_the_map_lies_on_the_patch_at_its_moment(network: nn.Module) -> None:
    found = grad_cam(network.eval(), _red_patch(), [1])[0]
    assert found.shape == (FRAMES, SIZE, SIZE)
    assert found[patch_voxels()].min() > 0
    assert found[~patch_voxels()].max() == 0
    assert not grad_cam(network.eval(), _red_patch(), [0])[0].any()  # nothing green speaks for class 0


@pytest.mark.parametrize("stride", [2, 4])
def test_a_network_of_fewer_moments_has_a_map_for_every_frame(stride: int) -> None:
    clip = np.roll(_red_patch(), 3, axis=1)  # the patch is in the last two frames
    found = grad_cam(Volume(stride).eval(), clip, [1])[0]
    assert found.shape == (FRAMES, SIZE, SIZE)
    in_patch = found[(slice(None), *PATCH)].mean(axis=(1, 2))
    assert in_patch[6:].min() > 2 * in_patch[:3].max()


def test_a_network_of_one_moment_has_the_same_map_for_every_frame() -> None:
    found = grad_cam(Volume(FRAMES).eval(), _red_patch(), [1])[0]
    assert found[(0, *PATCH)].min() > 0
    assert np.array_equal(found, np.repeat(found[:1], FRAMES, axis=0))


def test_a_clip_of_one_frame() -> None:
    found = grad_cam(FramesAsBatch().eval(), _red_patch()[:, 3:4], [1])[0]
    assert found.shape == (1, SIZE, SIZE)
    assert np.array_equal(found[0] > 0, patch_voxels()[3])


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_torchvision_networks_over_frames(name: str) -> None:
    import torchvision

    class Averages(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frames = torchvision.models.get_model(name, weights=None, num_classes=3)

        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            return self.frames(clips.flatten(0, 1)).reshape(len(clips), -1, 3).mean(1)

    torch.manual_seed(0)
    clip = np.random.default_rng(0).standard_normal((1, 3, 3, 64, 64)).astype(np.float32)
    found = grad_cam(Averages().eval(), clip, [0])[0]
    assert found.shape == (3, 64, 64)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
