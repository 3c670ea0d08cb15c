"""Rounding weights moves the mean of every output channel; the bias takes that back.

Method: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019
(arXiv:1906.04721), in its empirical form: where y = W x + b, the rounded weights W' give (W' - W) E[x] too much on
average, and E[x] is measured on the calibration frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from pipeline.compress.quantization.graph_weights import stored_weights
from pipeline.data.frames import normalise
from pipeline.export.onnx_file import INPUT_NAME

# Those that have a bias of their own.
_WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")


def bias_shifts(
    float_model: onnx.ModelProto, int8_model: onnx.ModelProto, frames_nhwc: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """What to add to the bias `[C_out]` of each layer, by the name of its node.

    int8_model: the same graph quantized, for its weights. E[x] keeps its place in the picture, so that what lies
    outside the border counts as the zeros that it is.
    """
    exact, rounded = stored_weights(float_model), stored_weights(int8_model)
    nodes = {
        node.name: node
        for node in float_model.graph.node
        if node.op_type in _WITH_BIAS and node.name in exact and node.name in rounded
    }
    means = _mean_tensors(float_model, {node.input[0] for node in nodes.values()}, frames_nhwc)
    errors = {name: exact[name].real() - rounded[name].real() for name in nodes}
    # A layer is linear: the mean of its outputs is its output for the mean input.
    outputs = _run_alone(float_model, nodes, means, errors)
    return {name: output.mean(axis=(0, *range(2, output.ndim))) for name, output in outputs.items()}


def shift_biases(model: onnx.ModelProto, shifts: Mapping[str, NDArray[np.float32]]) -> None:
    """Add `shifts` to the biases of the named nodes, in place. Nodes that share a bias get one each."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.name not in shifts:
            continue
        # Gemm multiplies its bias by beta.
        shift = shifts[node.name] / next((attribute.f for attribute in node.attribute if attribute.name == "beta"), 1)
        if len(node.input) == 3 and node.input[2]:
            shift = shift + numpy_helper.to_array(tensors[node.input[2]])
        name = f"{node.name}_corrected_bias"
        model.graph.initializer.append(numpy_helper.from_array(shift.astype(np.float32), name))
        node.input[:] = [*node.input[:2], name]
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    if len(kept) < len(model.graph.initializer):
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)


def _mean_tensors(
    model: onnx.ModelProto, names: set[str], frames_nhwc: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """The mean over the frames of each named tensor of the graph, `[1, C, H, W]` or `[1, C]`."""
    inner = sorted(names - {INPUT_NAME})
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in inner)
    sums: dict[str, NDArray[np.float64]] = {}
    session = _session(shown) if inner else None
    for frame in frames_nhwc:
        inputs = {INPUT_NAME: normalise(frame[None])}
        values = dict(zip(inner, session.run(inner, inputs), strict=True)) if session else {}
        for name, value in (values | inputs).items():
            sums[name] = sums.get(name, 0) + value.astype(np.float64)
    return {name: (sums[name] / len(frames_nhwc)).astype(np.float32) for name in names}


def _run_alone(
    model: onnx.ModelProto,
    nodes: Mapping[str, onnx.NodeProto],
    means: Mapping[str, NDArray[np.float32]],
    weights: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """The output of every node by itself for other weights and no bias, all in one graph."""
    alone = []
    for name, node in nodes.items():
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [node.input[0], f"{name}_weight"]
        copy.output[:] = [f"{name}_output"]
        alone.append(copy)
    inputs = {node.input[0]: means[node.input[0]] for node in nodes.values()}
    graph = helper.make_graph(
        alone,
        "layers",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, value.shape) for n, value in inputs.items()],
        [helper.make_empty_tensor_value_info(f"{name}_output") for name in nodes],
        [numpy_helper.from_array(weights[name], f"{name}_weight") for name in nodes],
    )
    session = _session(helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version))
    return dict(zip(nodes, session.run(None, inputs), strict=True)) if nodes else {}


def _session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
