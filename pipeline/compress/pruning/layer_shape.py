"""The convolutions and linear layers of a network as they run on one frame, and each as an ONNX file of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipeline.networks import blank_frames

# What exported networks have by default; ONNX Runtime picks its kernels by shape, not by opset.
_OPSET, _IR_VERSION = 13, 7
_BLOCK = np.random.default_rng(0).uniform(-1, 1, 65_521).astype(np.float32)


@dataclass(frozen=True)
class LayerShape:
    """All of a layer that its latency depends on. kernel None: a linear layer.

    in_hw: height and width of the input of a convolution; (rows, 1) for a linear layer.
    pads: top, left, bottom, right, as in ONNX.
    """

    n_in: int
    n_out: int
    in_hw: tuple[int, int]
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.n_in == self.n_out and self.groups > 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one frame."""
        if self.kernel is None:
            return self.n_in * self.n_out * math.prod(self.in_hw)
        out_hw = [
            (self.in_hw[i] + self.pads[i] + self.pads[i + 2] - self.dilation[i] * (self.kernel[i] - 1) - 1)
            // self.stride[i]
            + 1
            for i in range(2)
        ]
        return self.n_in // self.groups * self.n_out * math.prod(self.kernel) * math.prod(out_hw)

    def at_widths(self, n_in: int, n_out: int) -> LayerShape:
        """The same layer with other numbers of input and output channels."""
        return replace(self, n_in=n_in, n_out=n_out, groups=n_out if self.is_depthwise else self.groups)


def layer_calls(network: nn.Module, frame_size: int) -> list[tuple[str, LayerShape]]:
    """Every run of a convolution or linear layer while `network` looks at one frame `[1, 3, S, S]`: name, shape."""
    calls: list[tuple[str, LayerShape]] = []
    layers = {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    names: dict[nn.Module, str] = {module: name for name, module in layers.items()}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> None:
        calls.append((names[module], _shape(module, inputs[0].shape)))

    hooks = [module.register_forward_hook(note) for module in layers.values()]
    modes = {module: module.training for module in network.modules()}
    device = next(network.parameters()).device
    try:
        with torch.inference_mode():
            network.eval()(blank_frames(network, frame_size, device))
    finally:
        for hook in hooks:
            hook.remove()
        for module, was_training in modes.items():
            module.training = was_training
    return calls


def _shape(module: nn.Module, input_shape: torch.Size) -> LayerShape:
    if isinstance(module, nn.Linear):
        return LayerShape(module.in_features, module.out_features, (math.prod(input_shape[:-1]), 1))
    assert isinstance(module, nn.Conv2d)
    kernel, dilation, stride = (_pair(of) for of in (module.kernel_size, module.dilation, module.stride))
    if isinstance(module.padding, str):
        total = [d * (k - 1) if module.padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        pads = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        top, left = _pair(module.padding)
        pads = (top, left, top, left)
    in_hw = (int(input_shape[-2]), int(input_shape[-1]))
    return LayerShape(
        module.in_channels, module.out_channels, in_hw, kernel, stride, dilation, pads, groups=module.groups
    )


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]


def one_layer_model(shape: LayerShape) -> onnx.ModelProto:
    """An ONNX model of that layer alone, with a bias: exported networks have one, for batch norm is folded into it."""
    kernel = shape.kernel
    if kernel is None:
        input_shape, weight_shape = [shape.in_hw[0], shape.n_in], [shape.n_out, shape.n_in]
        node = helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], transB=1)
    else:
        input_shape = [1, shape.n_in, *shape.in_hw]
        weight_shape = [shape.n_out, shape.n_in // shape.groups, *kernel]
        node = helper.make_node(
            "Conv",
            ["x", "weight", "bias"],
            ["y"],
            kernel_shape=list(kernel),
            strides=list(shape.stride),
            pads=list(shape.pads),
            dilations=list(shape.dilation),
            group=shape.groups,
        )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(some_values(weight_shape), "weight"),
            numpy_helper.from_array(some_values([shape.n_out]), "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def some_values(shape: list[int] | tuple[int, ...]) -> NDArray[np.float32]:
    """The same numbers in [-1, 1] at every call. Not zeros: those pages of memory would be one and the same page."""
    return np.resize(_BLOCK, shape)
