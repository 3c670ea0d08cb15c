"""Which channels of a network can only leave together.

Method: Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023 (arXiv:2301.12900), by the library
Torch-Pruning.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch_pruning.pruner import function

from pipeline.clip_networks.networks import ClipNetwork
from pipeline.clip_networks.temporal_shift import TemporalShift
from pipeline.detectors import Detector
from pipeline.networks import Convolution, blank_frames


@dataclass(frozen=True)
class Touched:
    """A layer, or a bare parameter, that a group of channels runs through.

    outputs, inputs: which side of it gets narrower; a normalisation or a depthwise convolution has both in one.
    own: its channels, int64 `[K]`; roots: the channel of the group's root that each of them leaves with, int64 `[K]`.
    dim: the dimension of a bare parameter.
    """

    name: str
    layer: nn.Module | nn.Parameter
    outputs: bool
    inputs: bool
    own: Tensor
    roots: Tensor
    dim: int


@dataclass(frozen=True)
class Channels:
    """A group of coupled channels. root: the first layer that makes them, `n` of them.

    together: so many leave at once, one of every group of a grouped convolution. coupled: a residual connection adds
    the outputs of several layers. fixed: they are the network's answer, or tied to the heads of attention, and stay.
    """

    root: nn.Module
    group: tp.Group
    n: int
    together: int
    coupled: bool
    fixed: bool
    touched: tuple[Touched, ...]

    @property
    def n_sets(self) -> int:
        return self.n // self.together

    def members(self, sets: Tensor) -> Tensor:
        """The root's channels in these sets, ascending."""
        return (sets[None] + torch.arange(self.together)[:, None] * self.n_sets).flatten().sort().values


def dependency_graph(network: nn.Module, frame_size: int) -> tp.DependencyGraph:
    """Torch-Pruning's graph of `network`, which is left in eval mode, for one frame, or clip, of frame_size pixels."""
    pruners: dict[type[nn.Module], function.BasePruningFunc] = {TemporalShift: _ShiftPruner()}
    pruners |= {type(m): _OrderedLayerNorm() for m in network.modules() if isinstance(m, nn.LayerNorm)}
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")  # about bare parameters; what becomes of them is checked afterwards
        return tp.DependencyGraph().build_dependency(
            network,
            blank_frames(network, frame_size),
            forward_fn=_traced,
            customized_pruners=pruners,
        )


def _traced(network: nn.Module, frames_nchw: Tensor) -> Any:
    """What is followed back from: a tensor, or the list of what the answer layers of a detector give."""
    if isinstance(network, Detector):
        return network.answer_maps(frames_nchw)
    return network.trace_answers(frames_nchw) if isinstance(network, ClipNetwork) else network(frames_nchw)


def find_channels(graph: tp.DependencyGraph) -> list[Channels]:
    """Every group of coupled channels of the network that `graph` was built for, from its input to its output.

    Torch-Pruning's own list is not used: it starts at the output, where a depthwise convolution behind a concatenation
    is met before the layer whose channels it passes on, and tells nothing of those that come twice.
    """
    names: dict[Any, str] = {module: name for name, module in graph.model.named_modules()}
    names |= {parameter: name for name, parameter in graph.model.named_parameters()}
    found: list[Channels] = []
    seen: set[nn.Module] = set()
    for module in graph.model.modules():
        if _makes_channels(module) and module in graph.module2node and module not in seen:
            make = graph.get_pruner_of_module(module).prune_out_channels
            group = graph.get_pruning_group(module, make, list(range(graph.get_out_channels(module))))
            found.append(_describe(graph, group, names))
            seen.update(_makers(graph, group))
    return found


def remove_channels(graph: tp.DependencyGraph, root: nn.Module, leaving: Sequence[int]) -> None:
    """Take these outputs of `root` out of the network, with all that is coupled to them. Gradients shrink along."""
    graph.get_pruning_group(root, graph.get_pruner_of_module(root).prune_out_channels, list(leaving)).prune()


def is_depthwise(layer: object) -> bool:
    return isinstance(layer, Convolution) and layer.groups == layer.out_channels > 1


class _OrderedLayerNorm(function.LayernormPruner):
    """Torch-Pruning puts the weights that stay into the order of a set, which is not that of the channels."""

    def prune_out_channels(self, layer: nn.LayerNorm, idxs: Sequence[int]) -> nn.LayerNorm:
        kept = sorted(set(range(layer.normalized_shape[-1])) - set(idxs))
        for name in ("weight", "bias"):
            parameter = getattr(layer, name)
            if parameter is not None:
                setattr(layer, name, self._prune_parameter_and_grad(parameter, kept, -1))
        layer.normalized_shape = (*layer.normalized_shape[:-1], len(kept))
        return layer

    prune_in_channels = prune_out_channels


class _ShiftPruner(function.BasePruningFunc):
    """A temporal shift passes its channels on, and has to know which of them are gone."""

    def prune_out_channels(self, layer: TemporalShift, idxs: Sequence[int]) -> TemporalShift:
        layer.lose_channels(idxs)
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, _layer: TemporalShift) -> None:
        """It has no width of its own."""

    get_in_channels = get_out_channels


def _makes_channels(layer: object) -> bool:
    """A depthwise convolution only passes them on."""
    return isinstance(layer, Convolution | nn.Linear) and not is_depthwise(layer)


def _makers(graph: tp.DependencyGraph, group: tp.Group) -> list[nn.Module]:
    return [
        item.dep.target.module
        for item in group
        if _makes_channels(item.dep.target.module) and graph.is_out_channel_pruning_fn(item.dep.handler)
    ]


def _describe(graph: tp.DependencyGraph, group: tp.Group, names: dict[Any, str]) -> Channels:
    touched, together, coupled = [], 1, False
    fixed = False
    for item in group:
        node, layer = item.dep.target, item.dep.target.module
        # What has nothing after it makes the answer: the last layer, or the normalisation of an embedding behind it.
        is_answer = not node.outputs and graph.is_out_channel_pruning_fn(item.dep.handler)
        fixed |= is_answer or isinstance(layer, tp.ops._OutputOp | nn.MultiheadAttention)
        coupled |= _is_sum(layer) and len(node.inputs) > 1
        if layer not in names or isinstance(layer, TemporalShift):  # which has no weight to lose
            continue
        if isinstance(layer, Convolution) and not is_depthwise(layer):
            together = math.lcm(together, layer.groups)
        elif isinstance(layer, nn.GroupNorm):
            together = math.lcm(together, layer.num_groups)
        touched.append(
            Touched(
                names[layer],
                layer,
                graph.is_out_channel_pruning_fn(item.dep.handler),
                graph.is_in_channel_pruning_fn(item.dep.handler),
                torch.tensor(item.idxs),
                torch.tensor(item.root_idxs),
                node.pruning_dim,
            )
        )
    root = group[0].dep.target.module
    return Channels(root, group, len(group[0].idxs), together, coupled, fixed, tuple(touched))


def _is_sum(operation: Any) -> bool:
    """A residual connection. The product of squeeze-and-excitation only lets more or less of a channel through."""
    kind = str(operation._grad_fn) if isinstance(operation, tp.ops._ElementWiseOp) else ""
    return kind.startswith(("AddBackward", "SubBackward"))
