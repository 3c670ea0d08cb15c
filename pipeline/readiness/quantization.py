"""What TensorRT's importer asks of QuantizeLinear and DequantizeLinear.

Taken from what QuantDequantLinearHelper of onnx-tensorrt asserts in 8.2, 8.5 and 10.x. Quantization there is
symmetric int8 (Jacob et al. 2018, arXiv:1712.05877, with a zero point of 0).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from pipeline.readiness.findings import Finding, Severity
from pipeline.readiness.graph import Model, Node
from pipeline.readiness.rulebook import Rules

_PER_TARGET = "quantize for TensorRT: symmetric int8 activations and weights (export writes model.tensorrt.onnx so)"
_FLOAT_BIAS = "leave the bias in float (QuantizeBias=False)"


def check_quantization(model: Model, rules: Rules) -> Iterator[Finding]:
    for node in model.nodes:
        if node.domain or node.op not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        yield from _data(node, rules)
        yield from _zero_point(node, rules)
        yield from _scale(node, rules)


def _data(node: Node, rules: Rules) -> Iterator[Finding]:
    if node.op != "DequantizeLinear":
        return
    data, maker = node.input_type(0), node.producer(0)
    elem = data.elem if data else None
    # What a QuantizeLinear without a zero point makes is uint8 for ONNX alone, and told there.
    is_unsaid = maker is not None and maker.op == "QuantizeLinear" and maker.input(2) is None
    if elem == onnx.TensorProto.UINT8 and not is_unsaid:
        yield _finding(node, "qdq-uint8", "takes uint8, and TensorRT's int8 has a sign", _PER_TARGET)
    elif elem == onnx.TensorProto.INT32:
        yield _finding(node, "qdq-int32", "takes int32: a quantized bias, which TensorRT refuses", _FLOAT_BIAS)
    elif rules.before("10.3") and node.is_constant(0):
        yield _finding(node, "qdq-weights", "takes weights that are stored as int8, which TensorRT 8 does not read",
                       "store them as float32 → Q → DQ (AddQDQPairToWeight=True)")  # fmt: skip


def _zero_point(node: Node, rules: Rules) -> Iterator[Finding]:
    if node.input(2) is None:
        if rules.before("10.3"):
            yield _finding(node, "qdq-zero-point", "has no zero point, and TensorRT 8 wants all three inputs",
                           "give an int8 zero point of 0")  # fmt: skip
        elif node.op == "QuantizeLinear" and not node.attributes.get("output_dtype"):
            yield _finding(node, "qdq-zero-point", "has no zero point: uint8 by ONNX, int8 by TensorRT",
                           "give an int8 zero point of 0", severity="warning")  # fmt: skip
        return
    given = node.input_type(2)
    if node.op == "QuantizeLinear" and given is not None and given.elem == onnx.TensorProto.UINT8:
        yield _finding(node, "qdq-uint8", "makes uint8, and TensorRT's int8 has a sign", _PER_TARGET)
    zero_point = node.constant(2)
    if zero_point is None:
        yield _finding(node, "qdq-zero-point", "has a zero point that is computed",
                       "quantize with scales from calibration, not dynamically")  # fmt: skip
    elif np.any(zero_point != 0):
        yield _finding(node, "qdq-zero-point", "has a zero point that is not 0, and TensorRT is symmetric",
                       _PER_TARGET)  # fmt: skip


def _scale(node: Node, rules: Rules) -> Iterator[Finding]:
    scale = node.constant(1)
    if scale is None:
        yield _finding(node, "qdq-scale", "has a scale that is computed",
                       "quantize with scales from calibration, not dynamically")  # fmt: skip
        return
    if not np.all(np.asarray(scale, np.float64) > 0):  # NaN is not above 0 either
        yield _finding(node, "qdq-scale", "has a scale that is not above 0",
                       "a layer that is always 0 has no scale: leave it float, or calibrate with more frames",
                       f"smallest scale {np.min(scale):g}")  # fmt: skip
    zero_point = node.constant(2)
    if zero_point is not None and zero_point.size != scale.size:
        yield _finding(node, "qdq-scale", "has not as many zero points as scales", "give one of each a channel",
                       f"{scale.size} scales, {zero_point.size} zero points")  # fmt: skip
    if scale.size > 1:
        yield from _per_axis(node, rules, scale.size)


def _per_axis(node: Node, rules: Rules, n_scales: int) -> Iterator[Finding]:
    if not node.is_made_of_weights(0):
        yield _finding(node, "qdq-per-axis", "has a scale for every channel of an activation",
                       "only weights may have: one scale for an activation")  # fmt: skip
        return
    data = node.input_type(0)
    if data is None or data.shape is None:
        return
    if "axis" not in node.attributes and rules.before("10.3"):
        yield _finding(node, "qdq-per-axis", "names no axis: 1 by ONNX, 0 by TensorRT 8", "write the axis out")
    axis = int(node.attributes.get("axis", 1))
    size = data.shape[axis] if -len(data.shape) <= axis < len(data.shape) else None
    if size != n_scales:
        yield _finding(node, "qdq-per-axis", "has not as many scales as channels on its axis",
                       "one scale for every channel of the named axis",
                       f"{n_scales} scales, shape {list(data.shape)}, axis {axis}")  # fmt: skip


def _finding(node: Node, rule: str, what: str, mend: str, detail: str = "", severity: Severity = "error") -> Finding:
    return Finding(severity, rule, node.label, node.op, what, mend, detail)
