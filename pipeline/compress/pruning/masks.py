"""Unstructured pruning: single weights become zero, the tensors keep their shape.

Method: Han et al., Learning both Weights and Connections for Efficient Neural Networks, 2015 (arXiv:1506.02626), by
torch.nn.utils.prune.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from pipeline.compress.pruning.importance import Scores

_HALVINGS = 60


def prunable_weights(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of convolutions, linear layers and attention, by name; biases and normalisations are never pruned."""
    return {name: p for name, p in network.named_parameters() if p.ndim > 1 and name.endswith("weight")}


def count_zero_weights(network: nn.Module) -> int:
    return sum(int((weight == 0).sum()) for weight in prunable_weights(network).values())


def most_zeros(network: nn.Module) -> int:
    """How many weights can be zero while every layer keeps one."""
    return sum(weight.numel() - 1 for weight in prunable_weights(network).values())


def with_zeros(network: nn.Module, n_zeros: int, scope: str, scores: Scores) -> nn.Module:
    """A copy of `network` of whose prunable weights `n_zeros` are zero: those that were, and the lowest of `scores`.

    scope: `local`, the same fraction of every layer is zero, or `global`, all weights compete. The best weight of
    every layer stays in any case; n_zeros must not be above most_zeros.
    """
    sparse = copy.deepcopy(network)
    weights = prunable_weights(sparse)
    alive = {name: weight.detach() != 0 for name, weight in weights.items()}
    competing = {name: scores[name][mask] for name, mask in alive.items() if bool(mask.any())}
    if scope == "local":
        n_leaving = _same_fraction(weights, alive, n_zeros)
        leaving = {name: _lowest(values, n_leaving[name]) for name, values in competing.items()}
    else:
        for values in competing.values():
            values[values.argmax()] = torch.inf
        everyone = torch.cat(list(competing.values()))
        n_alive_allowed = sum(weight.numel() for weight in weights.values()) - n_zeros
        mask = _lowest(everyone, max(0, len(everyone) - n_alive_allowed))
        leaving = dict(zip(competing, mask.split([len(values) for values in competing.values()]), strict=True))
    with torch.no_grad():
        for name, gone in leaving.items():
            mask = torch.zeros_like(alive[name])
            mask[alive[name]] = gone
            weights[name].masked_fill_(mask, 0)
    return sparse


def _same_fraction(weights: dict[str, nn.Parameter], alive: dict[str, Tensor], n_zeros: int) -> dict[str, int]:
    """How many more weights of each layer become zero. Layers that have more zeros already keep those."""
    sizes = {name: weight.numel() for name, weight in weights.items()}
    zeros = {name: sizes[name] - int(mask.sum()) for name, mask in alive.items()}

    def wanted(fraction: float) -> dict[str, int]:
        return {name: max(zeros[name], min(round(fraction * size), size - 1)) for name, size in sizes.items()}

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(wanted(middle).values()) < n_zeros else (low, middle)
    return {name: n - zeros[name] for name, n in wanted(high).items()}


def _lowest(scores: Tensor, n: int) -> Tensor:
    """Where the n lowest of `scores` `[K]` are, as booleans."""
    if scores.min() < 0:
        # L1Unstructured compares absolute values, and movement has a sign. float64: small scores must not become equal.
        scores = scores.double() - scores.min()
    return prune.L1Unstructured(amount=n).compute_mask(scores, torch.ones_like(scores)) == 0
