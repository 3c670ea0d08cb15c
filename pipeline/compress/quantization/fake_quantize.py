"""Fake quantization while a network trains, so that its weights get used to the rounding of int8.

Method: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR 2018 (arXiv:1712.05877). Values are rounded to 8 bits and stay float; the gradient goes straight
through, but for values beyond the range. The same grids as in the exported file: weights symmetric with a scale for
every output channel, activations uint8 with one scale a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

# How far a batch moves the range of an activation, as in PyTorch's own moving-average observer.
_AVERAGING = 0.01
_BUFFERS = "input_quantizer"


@contextmanager
def fake_quantized(network: nn.Module) -> Iterator[None]:
    """Inside, every convolution and linear layer of `network` computes with rounded weights and inputs, in place.

    The network is left with the names of its weights as they were. Batch normalisation keeps its running statistics
    throughout: the exported file multiplies them into the weights, so that statistics of a batch would train for
    another scaling than that which is rounded.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d | nn.Linear)]
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    network.train()
    hooks = [norm.register_forward_pre_hook(_with_running_statistics) for norm in norms]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", WeightQuantizer())
        layer.add_module(_BUFFERS, ActivationQuantizer())
        hooks.append(layer.register_forward_pre_hook(_quantize_input))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            delattr(layer, _BUFFERS)
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        network.eval()


class WeightQuantizer(nn.Module):
    """`[C_out, ...]` weights rounded to -127..127 steps of their channel's largest absolute value / 127.

    It commutes with folding batch normalisation, which the export does: that multiplies each channel by a factor, the
    channel's scale follows the factor, and being symmetric the grid has no zero point that could move.
    """

    def forward(self, weight: Tensor) -> Tensor:
        # Automatic mixed precision may hand over bfloat16, whose 8 bits of mantissa cannot hold the scales.
        weight = weight.float()
        largest = torch.linalg.vector_norm(weight.detach(), float("inf"), dim=tuple(range(1, weight.ndim)))
        scale = torch.where(largest > 0, largest / 127, torch.ones_like(largest))
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero_point, 0, -127, 127)


class ActivationQuantizer(nn.Module):
    """A tensor rounded to 256 steps of a range that follows the batches while training.

    The range is kept in buffers, so that a checkpoint holds it. It contains 0, as padding needs.
    """

    low: Tensor
    high: Tensor
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.bool))

    def forward(self, values: Tensor) -> Tensor:
        values = values.float()
        if self.training:
            self._follow(values.detach())
        elif not self.seen:
            return values
        scale = ((self.high - self.low) / 255).clamp(min=torch.finfo(torch.float32).tiny)
        zero_point = torch.round(-self.low / scale).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)

    def _follow(self, values: Tensor) -> None:
        low, high = torch.aminmax(values)
        low, high = low.clamp(max=0), high.clamp(min=0)
        self.low.copy_(torch.where(self.seen, torch.lerp(self.low, low, _AVERAGING), low))
        self.high.copy_(torch.where(self.seen, torch.lerp(self.high, high, _AVERAGING), high))
        self.seen.fill_(True)


def _quantize_input(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    quantizer: Any = getattr(layer, _BUFFERS)
    return (quantizer(inputs[0]), *inputs[1:])


def _with_running_statistics(norm: nn.Module, _inputs: tuple[Any, ...]) -> None:
    norm.eval()
