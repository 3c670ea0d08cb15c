"""The weights that a float, fp16 or int8 ONNX graph stores for its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_INTEGER = ("ConvInteger", "MatMulInteger")


@dataclass(frozen=True)
class StoredWeight:
    """stored: as in the file. Its real value is scale * (stored - zero_point), both of a shape that broadcasts."""

    stored: NDArray[Any]
    zero_point: NDArray[Any]
    scale: NDArray[Any]

    def real(self) -> NDArray[np.float32]:
        return ((self.stored.astype(np.float32) - self.zero_point.astype(np.float32)) * self.scale).astype(np.float32)

    def zeros(self) -> int:
        return int((self.stored == self.zero_point).sum())


def stored_weights(model: onnx.ModelProto) -> dict[str, StoredWeight]:
    """The constant second input of every layer, by the name of its node."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    producers = {output: node for node in model.graph.node for output in node.output}
    weights = {}
    for node in model.graph.node:
        if node.op_type not in (*WEIGHTED, *_INTEGER):
            continue
        name, scale, zero_point, axis = node.input[1], "", "", 1
        dequantize = producers.get(name)
        if node.op_type in _INTEGER:
            zero_point = node.input[3] if len(node.input) > 3 else ""
        elif dequantize is not None and dequantize.op_type == "DequantizeLinear":
            name, scale, zero_point = dequantize.input
            axis = next((attribute.i for attribute in dequantize.attribute if attribute.name == "axis"), 1)
        if name in tensors:
            stored = onnx.numpy_helper.to_array(tensors[name])
            weights[node.name] = StoredWeight(
                stored,
                _along(tensors, zero_point, axis, stored.ndim, np.zeros((), stored.dtype)),
                _along(tensors, scale, axis, stored.ndim, np.ones((), np.float32)),
            )
    return weights


def zero_weights(model: onnx.ModelProto, network: nn.Module) -> int:
    """How many of the weights that `model` stores for the layers of `network` are zero.

    Constants of another shape than any parameter, such as the averaging matrices of a pool, are not counted.
    """
    shapes = {tuple(parameter.shape) for parameter in network.parameters()}
    shapes |= {shape[::-1] for shape in shapes if len(shape) == 2}
    return sum(weight.zeros() for weight in stored_weights(model).values() if weight.stored.shape in shapes)


def _along(
    tensors: dict[str, onnx.TensorProto], name: str, axis: int, rank: int, default: NDArray[Any]
) -> NDArray[Any]:
    if name not in tensors:
        return default
    values = onnx.numpy_helper.to_array(tensors[name])
    if values.ndim == 0:
        return values
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)
