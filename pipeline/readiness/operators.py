"""Does this version of TensorRT know the operator, and in the type that it is used with?"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from pipeline.readiness.findings import Finding
from pipeline.readiness.graph import Model, Node, TensorType
from pipeline.readiness.rulebook import Rules, first_version_with

_NAMES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "FP32",
    # Both importers compute doubles as float32; check_doubles says so.
    onnx.TensorProto.DOUBLE: "FP32",
    onnx.TensorProto.FLOAT16: "FP16",
    onnx.TensorProto.BFLOAT16: "BF16",
    onnx.TensorProto.INT8: "INT8",
    onnx.TensorProto.UINT8: "UINT8",
    onnx.TensorProto.INT32: "INT32",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.BOOL: "BOOL",
    onnx.TensorProto.FLOAT8E4M3FN: "FP8",
    onnx.TensorProto.INT4: "INT4",
}
# The type that a row of the table means is that of the first input, but for these.
_BY_INPUT = {"Where": 1, "OneHot": 2}
_BY_OUTPUT = ("Cast", "Constant", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform")
# Of control flow the table tells what is carried through; quantization.py knows more of Q/DQ than their types.
_UNTYPED = ("If", "Loop", "Scan", "QuantizeLinear", "DequantizeLinear", "Dropout")
_MENDS = {
    "Mod": "fold the constants of the file, as quant_pre_process of ONNX Runtime does: static shapes need none",
    "HardSwish": "export with opset 13, where it is written as HardSigmoid and Mul",
    "LayerNormalization": "export with opset 16 or below, where it is written out",
    "GroupNormalization": "export with opset 17 or below, where it is written out",
    "NonMaxSuppression": "end the network before it and select boxes on the CPU",
}


def check_operators(model: Model, rules: Rules) -> Iterator[Finding]:
    for node in model.nodes:
        if (node.proto.domain, node.op) in model.local_functions:
            if rules.before("10.3"):  # the first with them is 9.0, which no JetPack has
                yield _error(node, "operator", "a function of the model itself; TensorRT reads them from 9.0 on",
                             "inline the functions: onnx.inliner.inline_local_functions")  # fmt: skip
        elif node.domain:
            yield _foreign(node)
        elif node.op not in rules.operators:
            yield _unknown(node, rules)
        elif node.op not in _UNTYPED:
            yield from _typed(node, rules)
    if model.untyped:
        yield Finding("note", "types", "", "", "types are not known, so they were not checked", "", model.untyped)


def _foreign(node: Node) -> Finding:
    if node.domain.startswith(("trt.", "TRT", "nvinfer")) or node.op.endswith("_TRT"):
        return Finding("warning", "domain", node.label, node.op, "is a plugin, which the board must have",
                       "give its library to trtexec with --plugins")  # fmt: skip
    what = f"is an operator of the domain {node.domain}"
    runtime = node.domain.startswith("com.microsoft")
    if runtime:
        what += ", which only ONNX Runtime knows"
    mend = "give TensorRT the file from before ONNX Runtime's optimiser or quantizer" if runtime else "write it in ONNX"
    return _error(node, "domain", what, mend)


def _unknown(node: Node, rules: Rules) -> Finding:
    first = first_version_with(node.op)
    since = f"; known from {first} on" if first and rules.before(first) else ""
    mend = _MENDS.get(node.op, "replace it in the network by operators that the version has")
    return _error(node, "operator", f"TensorRT {rules.version} has no such operator{since}", mend)


def _typed(node: Node, rules: Rules) -> Iterator[Finding]:
    found = node.output_type() if node.op in _BY_OUTPUT else node.input_type(_BY_INPUT.get(node.op, 0))
    if found is None or found.elem == onnx.TensorProto.UNDEFINED:
        if node.proto.input:
            yield Finding("note", "types", node.label, node.op, "its type is not known, so it was not checked", "")
        return
    name = _name(found, rules)
    allowed = rules.operators[node.op]
    if name in allowed:
        return
    what = f"is documented for {', '.join(sorted(allowed))} only and used with {name}"
    if name == "INT8" and not rules.before("10.3"):
        # From 10 on the page lists no INT8 because int8 is what lies between Q and DQ; it moves data as before.
        yield Finding("warning", "types", node.label, node.op, what, "put it before QuantizeLinear")
        return
    yield _error(node, "types", what, f"cast to {_nearest(name, allowed)} before it")


def _name(found: TensorType, rules: Rules) -> str:
    name = _NAMES.get(found.elem, onnx.TensorProto.DataType.Name(found.elem))
    return "INT32" if name == "INT64" and rules.before("10.3") else name


def _nearest(name: str, allowed: frozenset[str]) -> str:
    wanted = ("INT32", "INT64", "FP32") if "INT" in name else ("FP32", "FP16", "INT32")
    return next((one for one in wanted if one in allowed), sorted(allowed)[0])


def _error(node: Node, rule: str, what: str, mend: str) -> Finding:
    return Finding("error", rule, node.label, node.op, what, mend)
