"""Layer-wise relevance propagation (Bach et al. 2015) as gradient × input of a network with changed derivatives.

Each layer gets a derivative that makes gradient × input pass on relevance by its rule, while its value stays
(Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10, section 10.3). So sums, joins, poolings and scales need no
rule, and ResNet, Inception and MobileNet are explained as they are, where captum's LRP takes neither a hard-swish nor a
gate; on what both take they agree. The composite is that of Kohlbrenner et al. 2020 (arXiv:1910.09840): epsilon where
layers are dense, z-plus in convolutions; the first one, whose input has both signs, has epsilon too.
"""

from __future__ import annotations

import copy
import operator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from pipeline.explain.methods.architecture import require_fit
from pipeline.explain.methods.unfolded import unfolded

_LEAST_SHARE = 1e-7  # of the largest contribution, in single precision nothing
_NORMALISATIONS = (nn.BatchNorm2d, nn.BatchNorm3d)


def lrp(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> NDArray[np.float32]:
    """Relevance `[N, S, S]` (`[N, T, S, S]`) of each pixel for the class's logit, summed over channels.

    It adds up to the logit, but for what biases take.
    """
    require_fit("lrp", network)
    own = _with_rules(unfolded(network))
    frames = torch.tensor(frames_nchw, requires_grad=True)
    outputs = own(frames)
    chosen = outputs[torch.arange(len(frames)), torch.tensor(classes)].sum()
    (gradients,) = torch.autograd.grad(chosen, frames)
    return (gradients * frames).detach().sum(-3).numpy()


def _with_rules(traced: fx.GraphModule) -> fx.GraphModule:
    _fold_normalisations(traced)
    is_first = True
    for node in list(traced.graph.nodes):
        if node.op == "call_module":
            module = traced.get_submodule(str(node.target))
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                if not is_first:
                    _set(traced, str(node.target), ZPlus(module))
                is_first = False
            elif type(module) in _SECANTS:
                _set(traced, str(node.target), Secant(module))
        elif node.target is nn.functional.normalize:
            node.target = _normalize_with_fixed_length
            node.kwargs = {key: value for key, value in node.kwargs.items() if key != "out"}
        elif node.op == "call_function" and len(_signals(node)) == 2 and node.target in _MULTIPLICATIONS:
            node.target = _gated
    traced.recompile()
    return traced


class ZPlus(nn.Module):
    """A convolution that passes on relevance in proportion to the positive contributions of its inputs."""

    def __init__(self, convolution: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.convolution = convolution
        self.positive, self.negative = copy.deepcopy(convolution), copy.deepcopy(convolution)
        for part, weight in (
            (self.positive, convolution.weight.clamp_min(0)),
            (self.negative, convolution.weight.clamp_max(0)),
        ):
            part.weight, part.bias = nn.Parameter(weight.detach(), requires_grad=False), None

    def forward(self, x: Tensor) -> Tensor:
        # Inputs below 0 (a hard-swish, the linear bottleneck of a MobileNet) contribute through negative weights.
        contributions = self.positive(x.clamp_min(0)) + self.negative(x.clamp_max(0))
        # What nothing contributes to, but a bias, has nobody to pass relevance on to.
        places = tuple(range(1, x.ndim))
        speaks = contributions > _LEAST_SHARE * contributions.amax(places, keepdim=True)
        ratio = torch.where(speaks, self.convolution(x) / torch.where(speaks, contributions, 1), 0)
        passed: Tensor = contributions * ratio.detach()
        return passed


class Secant(nn.Module):
    """An activation with the derivative f(x) / x, by which relevance passes unchanged (for a ReLU its own)."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        is_zero = x == 0
        ratio = torch.where(is_zero, 0, self.activation(x) / torch.where(is_zero, 1, x))
        passed: Tensor = x * ratio.detach()
        return passed


_SECANTS = (nn.Hardswish, nn.SiLU, nn.GELU, nn.ReLU6, nn.Mish)
_MULTIPLICATIONS = (torch.mul, operator.mul)


def _gated(first: Tensor, second: Tensor) -> Tensor:
    """A product with a gate: the gate, which is constant over places, takes no relevance (Arras et al. 2017)."""
    gate_first = first.numel() < second.numel()
    return first.detach() * second if gate_first else first * second.detach()


def _normalize_with_fixed_length(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """A direction as a linear function of the vector: with its length free, gradient × input would add up to 0."""
    return x / x.norm(p, dim, keepdim=True).clamp_min(eps).detach()


def _signals(node: fx.Node) -> list[fx.Node]:
    return [one for one in node.args if isinstance(one, fx.Node)]


def _fold_normalisations(traced: fx.GraphModule) -> None:
    """BatchNorm into the convolution before it: apart, each would share out relevance for itself."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for node in list(traced.graph.nodes):
        if node.op != "call_module" or not isinstance(traced.get_submodule(str(node.target)), _NORMALISATIONS):
            continue
        before = node.args[0]
        if before.op != "call_module" or len(before.users) > 1:
            continue
        convolution = traced.get_submodule(str(before.target))
        if isinstance(convolution, nn.Conv2d | nn.Conv3d):
            normalisation = traced.get_submodule(str(node.target))
            fused = fuse_conv_bn_eval(convolution, normalisation)  # type: ignore[arg-type]
            _set(traced, str(before.target), fused)
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)


def _set(traced: fx.GraphModule, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(traced.get_submodule(parent), child, module)
