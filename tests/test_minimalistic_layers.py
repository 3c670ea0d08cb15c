from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.ops.misc import SqueezeExcitation

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.errors import EdgeboardError
from pipeline.minimalistic_layers import make_minimalistic
from pipeline.networks import build_network

SIZE = 96
COSTLY = (nn.Hardswish, nn.Hardsigmoid, nn.SiLU, SqueezeExcitation)


@pytest.mark.parametrize("architecture", ["mobilenet_v3_small", "efficientnet_b0", "ssdlite320_mobilenet_v3_large"])
def test_nothing_costly_is_left_and_frames_still_go_through(architecture: str) -> None:
    network = build_network(architecture, 3, SIZE).eval()
    frames = torch.randn(1, 3, SIZE, SIZE)
    shape = network(frames).shape
    replaced = make_minimalistic(network)
    assert replaced
    assert not [name for name, module in network.named_modules() if isinstance(module, COSTLY)]
    assert network(frames).shape == shape


def test_the_other_layers_keep_their_weights() -> None:
    network = build_network("mobilenet_v3_small", 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    make_minimalistic(network)
    after = network.state_dict()
    assert set(after) < set(before)
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())
    assert all("fc1" in name or "fc2" in name for name in set(before) - set(after))


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v2"])
def test_a_network_with_nothing_to_simplify_is_refused(architecture: str) -> None:
    with pytest.raises(EdgeboardError, match="nothing to simplify"):
        make_minimalistic(build_network(architecture, 3))


def test_an_artifact_is_rebuilt_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network("mobilenet_v3_small", 3).eval()
    make_minimalistic(network)
    meta = Meta("fire", "mobilenet_v3_small", ["a", "b", "c"], SIZE, ["minimalistic"], minimalistic=True)
    save_artifact(tmp_path, network, meta, {})
    frames = torch.randn(2, 3, SIZE, SIZE)
    again, _ = load_artifact(tmp_path)
    assert torch.equal(again(frames), network(frames))
