"""A network in which some channels are zero instead of gone: what the pruned network is compared with."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.convnext import LayerNorm2d

from pipeline.networks import Convolution


@dataclass(frozen=True)
class Lost:
    """The channels `own` (int64 `[K]`) that a layer has lost, of its outputs, its inputs, or both at once.

    dim: of a bare parameter, which has neither.
    """

    name: str
    outputs: bool
    inputs: bool
    own: Tensor
    dim: int


@torch.no_grad()
def zero_channels(network: nn.Module, lost: Sequence[Lost]) -> None:
    """Make the lost channels zero where they are made and where they are read, in place.

    Layer and group normalisations take their statistics from the others only, as they do once the channels are gone.
    """
    parameters = dict(network.named_parameters())
    unseen: dict[str, list[Tensor]] = {}
    for one in lost:
        if one.name in parameters:
            parameters[one.name].index_fill_(one.dim, one.own, 0)
            continue
        layer = network.get_submodule(one.name)
        if isinstance(layer, Convolution | nn.Linear):
            _zero_weights(layer, one)
        elif isinstance(layer, nn.LayerNorm | nn.GroupNorm):
            unseen.setdefault(one.name, []).append(one.own)
        else:
            for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
                if tensor.numel() > 1:
                    tensor.index_fill_(0, one.own, 0)
    for name, channels in unseen.items():
        parent, _, child = name.rpartition(".")
        normalisation = network.get_submodule(name)
        assert isinstance(normalisation, nn.LayerNorm | nn.GroupNorm)
        setattr(network.get_submodule(parent), child, _NormalisationOfOthers(normalisation, torch.cat(channels)))


def count_zero_channels(network: nn.Module) -> int:
    """Outputs of convolutions and linear layers whose weights are all zero, which are computed for nothing."""
    count = 0
    for layer in network.modules():
        if isinstance(layer, Convolution | nn.Linear):
            weight = layer.weight.transpose(0, 1) if getattr(layer, "transposed", False) else layer.weight
            count += int((weight.flatten(1) == 0).all(1).sum())
    return count


def _zero_weights(layer: Convolution | nn.Linear, lost: Lost) -> None:
    outputs = 1 if getattr(layer, "transposed", False) else 0
    if lost.outputs:
        layer.weight.index_fill_(outputs, lost.own, 0)
        if layer.bias is not None:
            layer.bias.index_fill_(0, lost.own, 0)
    elif getattr(layer, "groups", 1) == 1:
        layer.weight.index_fill_(1 - outputs, lost.own, 0)


class _NormalisationOfOthers(nn.Module):
    def __init__(self, normalisation: nn.LayerNorm | nn.GroupNorm, unseen: Tensor) -> None:
        super().__init__()
        is_last = isinstance(normalisation, nn.LayerNorm) and not isinstance(normalisation, LayerNorm2d)
        width = (
            normalisation.num_channels if isinstance(normalisation, nn.GroupNorm) else normalisation.weight.shape[-1]
        )
        seen = torch.ones(width, dtype=torch.bool)
        seen[unseen] = False
        self._dim = -1 if is_last else 1
        self._seen = seen.nonzero().flatten()
        self._narrow = copy.deepcopy(normalisation)
        for name, parameter in normalisation.named_parameters():
            setattr(self._narrow, name, nn.Parameter(parameter[..., self._seen]))
        if isinstance(self._narrow, nn.GroupNorm):
            self._narrow.num_channels = len(self._seen)
        else:
            self._narrow.normalized_shape = (*self._narrow.normalized_shape[:-1], len(self._seen))

    def forward(self, frames: Tensor) -> Tensor:
        normalised = self._narrow(frames.index_select(self._dim, self._seen))
        return torch.zeros_like(frames).index_copy(self._dim, self._seen, normalised)
