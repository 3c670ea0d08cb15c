"""ONNX models of a few nodes, the smallest in which a rule can be kept or broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Value = tuple[str, int, Sequence[int | str | None] | None]
PICTURE: Value = ("x", TensorProto.FLOAT, [1, 4, 8, 8])
RESULT: Value = ("y", TensorProto.FLOAT, None)
POINT_WEIGHTS = np.full((4, 4, 1, 1), 0.5, np.float32)
SCALE, ZERO = np.array(0.1, np.float32), np.array(0, np.int8)


def node(op: str, takes: str, gives: str = "y", **attributes: Any) -> NodeProto:
    """Names are separated by spaces, and `_` leaves one out. The node is called after its operator."""
    names = [["" if one == "_" else one for one in text.split()] for text in (takes, gives)]
    return helper.make_node(op, *names, name=attributes.pop("name", op.lower()), **attributes)


def make_model(
    nodes: Sequence[NodeProto],
    tensors: Mapping[str, NDArray[Any]] | None = None,
    inputs: Sequence[Value] = (PICTURE,),
    outputs: Sequence[Value] = (RESULT,),
    opset: int = 13,
    ir_version: int = 7,
    domains: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(tensor, name) for name, tensor in (tensors or {}).items()],
    )
    opsets = [helper.make_opsetid(name, version) for name, version in {"": opset, **(domains or {})}.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    del graph.output[:]
    graph.output.extend(onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output)
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def write(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    onnx.save(model, folder / name)
    return folder / name


def one_node(op: str, takes: str = "x", gives: str = "y", **rest: Any) -> onnx.ModelProto:
    """rest: what make_model takes, anything else is an attribute of the node."""
    known = {key: rest.pop(key) for key in ("tensors", "inputs", "outputs", "opset", "domains") if key in rest}
    return make_model([node(op, takes, gives, **rest)], **known)


def quantized(
    scale: NDArray[Any] = SCALE,
    zero_point: NDArray[Any] | None = ZERO,
    **axis: int,
) -> onnx.ModelProto:
    """x → Q → DQ → y."""
    names = "s" if zero_point is None else "s z"
    tensors = {"s": scale} | ({} if zero_point is None else {"z": zero_point})
    return make_model(
        [node("QuantizeLinear", f"x {names}", "q", **axis), node("DequantizeLinear", f"q {names}", "y", **axis)],
        tensors,
    )


def quantized_weights(n_scales: int = 4, stored_as: Any = np.float32, **axis: int) -> onnx.ModelProto:
    """A convolution whose weights come through Q/DQ, or DQ alone where they are stored as int8."""
    is_float = stored_as is np.float32
    nodes = [node("QuantizeLinear", "w s z", "q", **axis)] if is_float else []
    nodes += [node("DequantizeLinear", "q s z" if is_float else "w s z", "d", **axis), node("Conv", "x d")]
    tensors = {
        "w": POINT_WEIGHTS.astype(stored_as),
        "s": np.full(n_scales, 0.1, np.float32),
        "z": np.zeros(n_scales, np.int8),
    }
    return make_model(nodes, tensors)
