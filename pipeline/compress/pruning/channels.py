"""Structured pruning: which channels leave, so that the wished number of parameters stays.

Torch-Pruning's own BasePruner is not used for the choice. It leaves a layer whole that would lose every channel, so
that removing more can remove less; it rounds the widths of grouped convolutions wrongly; and it traces the network
anew for every fraction that is tried, where counting is enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipeline.compress.pruning.dependencies import Channels, is_depthwise
from pipeline.compress.pruning.zeroing import Lost
from pipeline.networks import Convolution

# Torch-Pruning's signature: one score for each channel of the group, or None where it has nothing to say of it.
Importance = Callable[[tp.Group], Tensor | None]
_HALVINGS = 40


@dataclass(frozen=True)
class Ranked:
    """A group of channels, its sets in the order in which they leave, and their scores, float64 ascending `[sets]`.

    lost: (name of a layer, of its outputs?) -> how many it has lost once so many sets have left, int64 `[sets + 1]`.
    """

    channels: Channels
    order: Tensor
    scores: Tensor
    lost: dict[tuple[str, bool], Tensor]


def rank(channels: Sequence[Channels], importance: Importance) -> list[Ranked]:
    """The groups that `importance` says something of and that have a set to lose. A set's score is its mean."""
    ranked = []
    for one in channels:
        scores = importance(one.group)
        if scores is not None and one.n_sets > 1:
            per_set = scores.detach().double().view(one.together, -1).mean(0)
            order = torch.argsort(per_set, stable=True)
            ranked.append(Ranked(one, order, per_set[order], _losses(one, order)))
    return ranked


def choose(
    ranked: Sequence[Ranked],
    n_wished: float,
    n_now: int,
    scope: str,
    round_to: int,
    *,
    tolerance: float,
    may_pass: bool = True,
) -> tuple[list[int], int]:
    """How many sets each group shall lose so that nearly `n_wished` of `n_now` parameters stay, and how many do.

    scope: `local`, every group loses the same fraction of its sets, or `global`, the lowest scores of all leave.
    Widths become multiples of round_to where they change at all, and every group keeps something. tolerance: in
    parameters; where rounding misses by more, some groups lose one step more than their share. may_pass: whether fewer
    than n_wished may stay.
    """
    everyone = torch.cat([one.scores for one in ranked]).sort().values

    def leaving(fraction: float) -> list[int]:
        if scope == "local":
            return [_rounded(one.channels, fraction * one.channels.n_sets, round_to) for one in ranked]
        n = round(fraction * len(everyone))
        limit = everyone[n - 1] if n else -math.inf
        return [_rounded(one.channels, float((one.scores <= limit).sum()), round_to) for one in ranked]

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _n_left(ranked, leaving(middle), n_now) > n_wished else (low, middle)
    less, more = leaving(low), leaving(high)
    # From the output on, for early layers are narrow and matter most.
    between = [less[:place] + more[place:] for place in range(len(ranked), -1, -1)]
    tried = [(one, _n_left(ranked, one, n_now)) for one in between]
    if not may_pass:
        tried = [one for one in tried if one[1] >= n_wished] or tried[:1]

    def miss(one: tuple[list[int], int]) -> float:
        return abs(one[1] - n_wished)

    alike = min(tried[0], tried[-1], key=miss)
    return alike if miss(alike) <= tolerance else min(tried, key=miss)


def channels_lost(ranked: Sequence[Ranked], leaving: Sequence[int]) -> list[Lost]:
    """What every layer loses when each group loses its first `leaving` sets."""
    lost = []
    for one, n in zip(ranked, leaving, strict=True):
        gone = one.channels.members(one.order[:n])
        for layer in one.channels.touched:
            own = layer.own[torch.isin(layer.roots, gone)]
            lost.append(Lost(layer.name, layer.outputs, layer.inputs, own, layer.dim))
    return lost


def _losses(channels: Channels, order: Tensor) -> dict[tuple[str, bool], Tensor]:
    lost: dict[tuple[str, bool], Tensor] = {}
    for layer in channels.touched:
        per_set = torch.bincount(layer.roots, minlength=channels.n).view(channels.together, -1).sum(0)[order]
        after = torch.cat([torch.zeros(1, dtype=torch.long), per_set.cumsum(0)])
        lost |= {(layer.name, side): after for side in (True, False) if (layer.outputs if side else layer.inputs)}
    return lost


def _rounded(channels: Channels, n_leaving: float, round_to: int) -> int:
    """So many sets leave that the width is the multiple of `round_to` nearest to the wished one, and above zero."""
    step = math.lcm(round_to, channels.together) // channels.together
    most = channels.n_sets // step * step
    if n_leaving <= 0 or not most:
        return 0
    kept = round((channels.n_sets - n_leaving) / step) * step
    return channels.n_sets - min(max(kept, step), most)


def _n_left(ranked: Sequence[Ranked], leaving: Sequence[int], n_now: int) -> int:
    layers: dict[str, nn.Module | nn.Parameter] = {}
    lost: dict[str, list[int]] = {}
    for one, n in zip(ranked, leaving, strict=True):
        layers |= {touched.name: touched.layer for touched in one.channels.touched}
        for (name, of_outputs), after in one.lost.items():
            lost.setdefault(name, [0, 0])[of_outputs] += int(after[n])
    return n_now - sum(_size(layers[name], 0, 0) - _size(layers[name], *both) for name, both in lost.items())


def _size(layer: nn.Module | nn.Parameter, inputs_lost: int, outputs_lost: int) -> int:
    """Parameters of the layer without so many of its inputs and outputs."""
    if isinstance(layer, Convolution):
        per_output = 1 if is_depthwise(layer) else (layer.in_channels - inputs_lost) // layer.groups
        size = per_output * math.prod(layer.kernel_size) + (layer.bias is not None)
        return int(size * (layer.out_channels - outputs_lost))
    if isinstance(layer, nn.Linear):
        return (layer.in_features - inputs_lost + (layer.bias is not None)) * (layer.out_features - outputs_lost)
    own = [layer] if isinstance(layer, nn.Parameter) else list(layer.parameters(recurse=False))
    # What is left are normalisations, and bare parameters with one dimension of channels.
    return sum(p.numel() // max(p.shape) * (max(p.shape) - outputs_lost) for p in own if p.numel() > 1)
