"""The widths that groups of coupled channels may have, what each loses in importance, and networks of such widths."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.compress.pruning.channel_check import check_same_as_zeroed
from pipeline.compress.pruning.channels import Importance, Ranked, channels_lost, rank
from pipeline.compress.pruning.dependencies import (
    Channels,
    dependency_graph,
    find_channels,
    is_depthwise,
    remove_channels,
)
from pipeline.networks import Convolution

MAX_PRUNING_RATIO = 0.95
# Finer widths than 1/64 of a group change its latency by less than a clock can tell.
_MOST_WIDTHS = 64


@dataclass(frozen=True)
class ChannelGroup:
    """One group of coupled channels and the widths that it may have, from all of its channels downwards.

    root: name of the layer that makes the channels. leaving: how many sets of channels leave at each width.
    share_kept: of the group's importance, in (0, 1], at each width. makers: how many layers make the channels;
    with residual connections several do, and all of them lose some.
    """

    ranked: Ranked
    root: str
    leaving: tuple[int, ...]
    share_kept: tuple[float, ...]
    makers: int

    @property
    def widths(self) -> tuple[int, ...]:
        channels = self.ranked.channels
        return tuple(channels.n - n * channels.together for n in self.leaving)

    @cached_property
    def lost(self) -> tuple[float, ...]:
        """Importance lost at each of the widths: minus the logarithm of the share kept, for each maker.

        Layers differ in the scale of their weights, gradients and widths, so that raw importances do not compare. What
        compares is which share of its own importance a layer keeps. The logarithm makes a channel the dearer the less
        there is left beside it, u / (what is left of u), which is the score of LAMP (Lee et al., Layer-adaptive
        Sparsity for the Magnitude-based Pruning, ICLR 2021, arXiv:2010.07611) for channels instead of weights;
        without it one cheap group would be emptied before the next is touched. To lose the least in sum is to keep
        the largest geometric mean of the shares over the layers.
        """
        return tuple(-self.makers * math.log(share) for share in self.share_kept)

    @cached_property
    def narrowed(self) -> Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Layer -> how many inputs and how many outputs it has lost at each of the widths."""
        nothing = torch.zeros(self.ranked.channels.n_sets + 1, dtype=torch.int64)
        leaving = list(self.leaving)
        return {
            name: (
                self.ranked.lost.get((name, False), nothing)[leaving].numpy(),
                self.ranked.lost.get((name, True), nothing)[leaving].numpy(),
            )
            for name, _of_outputs in self.ranked.lost
        }


def find_groups(
    network: nn.Module,
    frame_size: int,
    importance: Importance,
    ignored_layers: Sequence[nn.Module],
    round_to: int,
) -> list[ChannelGroup]:
    """The groups of `network`, which stays as it is, but the fixed ones and those that make outputs of ignored layers.

    importance: asked once per group, about the layers of `network` itself, so that their gradients count. Groups about
    which it has nothing to say (None) are left out and stay whole.
    """
    modes = {module: module.training for module in network.modules()}
    channels = find_channels(dependency_graph(network, frame_size))
    for module, was_training in modes.items():
        module.training = was_training
    ignored = {module for layer in ignored_layers for module in layer.modules()}
    free = [one for one in channels if not one.fixed and ignored.isdisjoint(_makers(one))]
    return [_group(ranked, round_to) for ranked in rank(free, importance)]


def without_channels(
    network: nn.Module, frame_size: int, groups: Sequence[ChannelGroup], steps: Sequence[int]
) -> nn.Module:
    """A copy of `network` in eval mode in which each group has the width `widths[step]`.

    Raises EdgeboardError where it does not compute what `network` does when these channels are zero.
    """
    smaller = copy.deepcopy(network)
    graph = dependency_graph(smaller, frame_size)
    leaving = [group.leaving[step] for group, step in zip(groups, steps, strict=True)]
    for group, n in zip(groups, leaving, strict=True):
        if n:
            gone = group.ranked.channels.members(group.ranked.order[:n])
            remove_channels(graph, smaller.get_submodule(group.root), gone.tolist())
    lost = channels_lost([group.ranked for group in groups], leaving)
    check_same_as_zeroed(network, smaller, lost, frame_size)
    return smaller.eval()


def _group(ranked: Ranked, round_to: int) -> ChannelGroup:
    channels = ranked.channels
    widths = _widths(channels.n, math.lcm(round_to, channels.together))
    leaving = tuple((channels.n - width) // channels.together for width in widths)
    share_left = _shares(ranked.scores)
    return ChannelGroup(
        ranked,
        next(one.name for one in channels.touched if one.layer is channels.root),
        leaving,
        tuple(float(share_left[n]) for n in leaving),
        max(1, len(_makers(channels))),
    )


def _makers(channels: Channels) -> list[nn.Module]:
    """The layers whose outputs the channels are; a depthwise convolution only passes them on."""
    return [
        one.layer
        for one in channels.touched
        if one.outputs and isinstance(one.layer, Convolution | nn.Linear) and not is_depthwise(one.layer)
    ]


def _shares(scores: Tensor) -> Tensor:
    """Scores `[sets]`, ascending, to the share of their sum that is left once so many sets have left, `[sets]`."""
    # A criterion with a sign, such as movement, has no zero to take shares from: the least channel becomes it.
    scores = scores - scores.min().clamp(max=0)
    if scores.sum() == 0:
        scores = torch.ones_like(scores)
    left = scores.flip(0).cumsum(0).flip(0)
    return left / left[0]


def _widths(n: int, multiple: int) -> tuple[int, ...]:
    step = multiple * math.ceil(n / (multiple * _MOST_WIDTHS))
    # The product of a decimal fraction and a whole number may miss a whole number by a hair.
    least = n - math.floor(MAX_PRUNING_RATIO * n + 1e-9)
    smallest = step * math.ceil(max(1, least) / step)
    return n, *range((n - 1) // step * step, smallest - 1, -step)
