"""Criteria of pruning: how important each weight, and each group of coupled channels, is.

l1, l2     magnitude: Han et al. 2015 (arXiv:1506.02626) of weights, Li et al. 2017 (arXiv:1608.08710) of filters
taylor     |sum of gradient * weight|, what the loss would change by: Molchanov et al. 2019 (arXiv:1906.10771)
movement   the sum of -gradient * weight while the network is fine-tuned: Sanh et al. 2020 (arXiv:2005.07683)
bn_scale   the scale of a channel's batch normalisation: Liu et al. 2017, Network Slimming (arXiv:1708.06519)
random     the control
"""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch_pruning.pruner import function

from pipeline.compress.pruning.channels import Importance
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import Convolution

# Parameter name -> a score for each of its weights, of the same shape.
Scores = dict[str, Tensor]
_OUTPUTS = (
    function.prune_conv_out_channels,
    function.prune_depthwise_conv_out_channels,
    function.prune_linear_out_channels,
)


class MovementScores(nn.Module):
    """Adds up -gradient * weight of every weight, while `accumulate` is called at each step of a training.

    A module, so that the sums are kept in the checkpoints of the training that it helps.
    """

    def __init__(self, network: nn.Module, so_far: Scores) -> None:
        super().__init__()
        self._names = [name for name, parameter in network.named_parameters() if parameter.ndim > 1]
        parameters = dict(network.named_parameters())
        for place, name in enumerate(self._names):
            # A clone, for the sums of an earlier training stay as they are.
            start = so_far[name].clone() if name in so_far else torch.zeros_like(parameters[name].detach())
            self.register_buffer(str(place), start)

    @torch.no_grad()
    def accumulate(self, network: nn.Module) -> None:
        """Called when the gradients of a batch are there and before the weights move."""
        parameters = dict(network.named_parameters())
        for place, name in enumerate(self._names):
            parameter = parameters[name]
            if parameter.grad is not None:
                # Where the gradients of float16 overflow, that step is skipped by the optimizer too.
                change = (parameter.grad * parameter).nan_to_num(0.0, 0.0, 0.0)
                self.get_buffer(str(place)).sub_(change)

    def scores(self) -> Scores:
        return {name: self.get_buffer(str(place)).cpu() for place, name in enumerate(self._names)}


def weight_scores(network: nn.Module, options: Prune, scores: Scores, seed: int) -> Scores:
    """The score of every single weight by options.criterion. L1 and L2 rank single weights alike: by magnitude.

    scores: what taylor or movement summed up. No scale is applied between layers: weights compare as they are.
    """
    if options.criterion in ("taylor", "movement"):
        return scores
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(parameter.shape, generator=generator) if options.criterion == "random" else parameter.abs()
        for name, parameter in ((name, p.detach()) for name, p in network.named_parameters() if p.ndim > 1)
    }


def channel_importance(network: nn.Module, options: Prune, scores: Scores, seed: int) -> Importance:
    """The importance of groups of channels of exactly this `network`, by options.criterion.

    prune.structure `filter` judges a group by its first layer alone, `block` by all of its layers. Where all groups
    compete, prune.scope `global`, magnitudes are divided by their group's mean, for the scale of weights differs from
    layer to layer. Taylor and movement are changes of the one loss, and scales of batch normalisations act on channels
    of equal variance, so that these compare as they are.

    Raises EdgeboardError for bn_scale and a network without batch normalisation.
    """
    alone = options.structure == "filter"
    if options.criterion in ("taylor", "movement"):
        by_weight = {parameter: scores[name] for name, parameter in network.named_parameters() if name in scores}
        return _LossChange(by_weight, absolute=options.criterion == "taylor", alone=alone)
    if options.criterion == "random":
        generator = torch.Generator().manual_seed(seed)
        return lambda group: torch.rand(len(group[0].idxs), generator=generator)
    reduction = "first" if alone else "mean"
    if options.criterion == "bn_scale":
        if not any(
            isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine for module in network.modules()
        ):
            raise EdgeboardError(
                "bn_scale ranks channels by the scale of their batch normalisation, and the network has none",
                where="compress.prune.criterion",
                value=f"bn_scale, {type(network).__name__}",
                mend="choose another criterion, or an architecture with batch normalisation, such as vgg16_bn",
            )
        scale: Importance = _Magnitude(1, reduction, normalizer=None, target_types=[nn.modules.batchnorm._BatchNorm])
        return scale
    magnitude: Importance = _Magnitude(1 if options.criterion == "l1" else 2, reduction, normalizer=_of_mean)
    return magnitude


class _Magnitude(tp.importance.GroupMagnitudeImportance):
    """Torch-Pruning's own takes the first layer that it looks at for the root, which a layer behind a concatenation
    is not: it has other channels, and more of them."""

    def __call__(self, group: tp.Group) -> Tensor | None:
        self._n = len(group[0].idxs)
        scores: Tensor | None = super().__call__(group)
        return scores

    def _reduce(self, layers: list[Tensor], roots: list[list[int]]) -> Tensor:
        used = list(zip(layers, roots, strict=True))[: 1 if self.group_reduction == "first" else None]
        total = torch.zeros(self._n)
        for scores, places in used:
            total.index_add_(0, torch.tensor(places), scores)
        return total / len(used)


class _LossChange:
    """Sums the scores of all weights that would leave with a channel.

    Torch-Pruning's GroupTaylorImportance is not used: it sorts a group's channels without their roots, in place, and
    copies the inputs of a grouped convolution's first group to the others.
    """

    def __init__(self, scores: dict[nn.Parameter, Tensor], *, absolute: bool, alone: bool) -> None:
        self._scores = scores
        self._absolute = absolute
        self._alone = alone

    def __call__(self, group: tp.Group) -> Tensor | None:
        total = torch.zeros(len(group[0].idxs))
        layers = [item for item in group if isinstance(item.dep.target.module, Convolution | nn.Linear)]
        for item in layers[:1] if self._alone else layers:
            per_channel = self._of_channels(item.dep.target.module, item.dep.handler in _OUTPUTS)[item.idxs]
            total.index_add_(0, torch.tensor(item.root_idxs), per_channel.abs() if self._absolute else per_channel)
        return total if layers else None

    def _of_channels(self, layer: Convolution | nn.Linear, outputs: bool) -> Tensor:
        weight: Any = layer.weight
        scores = self._scores[weight]
        scores = scores.flatten(2).sum(2) if scores.ndim > 2 else scores
        if getattr(layer, "transposed", False):
            scores = scores.T
        if outputs:
            return scores.sum(1)
        # Each group of a convolution reads inputs of its own: [groups, outputs, inputs] of a group.
        return scores.view(getattr(layer, "groups", 1), -1, scores.shape[1]).sum(1).flatten()


def _of_mean(scores: Tensor) -> Tensor:
    return scores / scores.mean().clamp_min(torch.finfo(scores.dtype).tiny)
