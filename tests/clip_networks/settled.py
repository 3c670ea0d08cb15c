"""Networks whose normalisations fit their activations, so that an answer depends on every layer and every frame."""

from __future__ import annotations

import torch
from torch import nn

from tests.compress.tiny_networks import as_trained


@torch.no_grad()
def settled(network: nn.Module, clips_ntchw: torch.Tensor) -> nn.Module:
    """In eval mode, as a training on these clips would leave it.

    With statistics drawn at random a MobileNet passes next to nothing on: its answer is that of its biases.
    """
    as_trained(network)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0  # the statistics become those of the batch
    network.train()(clips_ntchw)
    return network.eval()
