"""Depthwise-separable convolutions in place of standard ones, and rebuilding a network that has them.

Method: Network Decoupling, Guo et al. 2018 (arXiv:1808.05517). A standard convolution treats each input channel i
with the matrix W[:, i] of `[out, k·k]`. Its best approximation of rank r, by singular value decomposition, is a
sum of r products of a pointwise column and a depthwise kernel: r depthwise convolutions and one pointwise convolution.
With r = k·k it is exact. No data is needed; the error that is left is trained away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.errors import EdgeboardError

# Narrower layers hold hardly any of a network's work, and the two layers instead of one cost an engine more time.
_LEAST_WIDTH = 16


@dataclass(frozen=True)
class Replaced:
    """A convolution that was replaced. relative_error: ‖W − approximation‖ / ‖W‖, 0..1, before any training."""

    name: str
    rank: int
    relative_error: float
    params_before: int
    params_after: int


class SummedBranches(nn.Module):
    """The sum of what its branches make of one input: `[N, C, H, W]` to `[N, out, H', W']`.

    Not one depthwise convolution with a channel multiplier, nor a stack of them before one pointwise convolution,
    though both compute the same: engines have fast kernels for one filter per channel only, and Torch-Pruning, which
    does not follow either, has sums in every ResNet.
    """

    def __init__(self, branches: list[nn.Sequential]) -> None:
        super().__init__()
        for place, branch in enumerate(branches):
            self.add_module(str(place), branch)

    def forward(self, frames: Tensor) -> Tensor:
        first, *others = self.children()
        total: Tensor = first(frames)
        for branch in others:
            total = total + branch(frames)
        return total


def make_separable(network: nn.Module, rank: int) -> list[Replaced]:
    """Replace, in place, every standard convolution that becomes smaller by it, and tell what became of each.

    The first convolution, narrow ones, 1x1 and grouped ones stay.
    Raises EdgeboardError where none is worth it, as in a MobileNet.
    """
    replaced = []
    for name, convolution in _worth_it(network, rank).items():
        separable, error = decompose(convolution, rank)
        _replace(network, name, separable)
        replaced.append(Replaced(name, rank, error, _n_parameters(convolution), _n_parameters(separable)))
    if not replaced:
        raise EdgeboardError(
            "No convolution of the network would become smaller by being made separable",
            value=f"rank {rank}, {type(network).__name__}",
            allowed=f"a network with ungrouped convolutions larger than 1x1 and at least {_LEAST_WIDTH} channels wide",
            mend="leave separable out of this recipe" + (", or lower the rank" if rank > 1 else ""),
        )
    return replaced


def rebuild_separable(network: nn.Module, ranks: Mapping[str, int]) -> None:
    """Replace the named convolutions, in place, by separable ones whose weights are still to be loaded."""
    for name, rank in ranks.items():
        convolution = network.get_submodule(name)
        assert isinstance(convolution, nn.Conv2d), f"{name} was a convolution when the artifact was written"
        _replace(network, name, _layout(convolution, rank))


def decompose(convolution: nn.Conv2d, rank: int) -> tuple[nn.Module, float]:
    """The separable convolution of that rank nearest to `convolution`, and the relative error of its weights.

    rank: 1..k·k depthwise kernels for each input channel. Stride, padding, dilation and bias are kept.
    """
    weight = convolution.weight.detach()
    n_out, n_in, height, width = weight.shape
    matrices_iok = weight.transpose(0, 1).reshape(n_in, n_out, height * width).double()
    left, values, right = torch.linalg.svd(matrices_iok, full_matrices=False)
    # The sign of a singular pair is the library's whim; the largest number of a kernel shall be positive.
    largest = right.gather(2, right.abs().argmax(2, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0)
    scale = values[:, :rank].sqrt()
    columns_ior = left[:, :, :rank] * signs[:, :rank].transpose(1, 2) * scale[:, None]
    kernels_irk = right[:, :rank] * signs[:, :rank] * scale[..., None]

    separable = _layout(convolution, rank)
    with torch.no_grad():
        for place, (depthwise, pointwise) in enumerate(_branches(separable)):
            depthwise.weight.copy_(kernels_irk[:, place].reshape(n_in, 1, height, width))
            pointwise.weight.copy_(columns_ior[..., place].t().reshape(n_out, n_in, 1, 1))
            if pointwise.bias is not None:
                assert convolution.bias is not None
                pointwise.bias.copy_(convolution.bias)
    left_over = values[:, rank:].square().sum().sqrt()
    error = float(left_over / values.square().sum().sqrt().clamp_min(torch.finfo(torch.float64).tiny))
    return separable, error


def _layout(convolution: nn.Conv2d, rank: int) -> nn.Sequential | SummedBranches:
    branches = [_branch(convolution, bias=convolution.bias is not None and place == 0) for place in range(rank)]
    return branches[0] if rank == 1 else SummedBranches(branches)


def _branch(convolution: nn.Conv2d, bias: bool) -> nn.Sequential:
    width = convolution.in_channels
    depthwise = nn.Conv2d(
        width,
        width,
        convolution.kernel_size,  # type: ignore[arg-type]
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        convolution.dilation,  # type: ignore[arg-type]
        groups=width,
        bias=False,
        padding_mode=convolution.padding_mode,
    )
    return nn.Sequential(depthwise, nn.Conv2d(width, convolution.out_channels, 1, bias=bias))


def _branches(separable: nn.Sequential | SummedBranches) -> list[tuple[nn.Conv2d, nn.Conv2d]]:
    branches = separable.children() if isinstance(separable, SummedBranches) else [separable]
    return [tuple(branch.children()) for branch in branches]  # type: ignore[misc]


def _worth_it(network: nn.Module, rank: int) -> dict[str, nn.Conv2d]:
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
        and module.groups == 1
        and min(module.in_channels, module.out_channels) >= _LEAST_WIDTH
        and _is_smaller(module, rank)
    }


def _is_smaller(convolution: nn.Conv2d, rank: int) -> bool:
    """1x1 convolutions never are, nor is a rank so high that the approximation is exact."""
    places = convolution.kernel_size[0] * convolution.kernel_size[1]
    n_in, n_out = convolution.in_channels, convolution.out_channels
    return places * n_in * rank + n_in * rank * n_out < places * n_in * n_out


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
