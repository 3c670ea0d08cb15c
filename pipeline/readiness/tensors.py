"""Shapes and types that TensorRT takes otherwise than ONNX means them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from pipeline.readiness.findings import Finding
from pipeline.readiness.graph import Model, described_type
from pipeline.readiness.rulebook import Rules

_INT32 = np.iinfo(np.int32)
_MOST_BYTES = 2**31 - 1
# Exporters write the end of a whole axis as the largest int64, which is cut to the largest int32 and means the same.
_CUT_HARMLESSLY = {"Slice": (1, 2)}


def check_shapes(model: Model, _rules: Rules) -> Iterator[Finding]:
    """Static shapes of what goes in and comes out; trtexec makes 1 of a free dimension without a word."""
    for value in model.inputs:
        described = described_type(value)
        if described is None:
            yield Finding("error", "static-shapes", value.name, "input", "is no tensor", "give the network tensors")
        elif described.shape is None:
            yield Finding("error", "static-shapes", value.name, "input", "has no shape", "export it with its shape")
        elif not described.is_static:
            free = [str(size or f"axis {i}") for i, size in enumerate(described.shape) if not isinstance(size, int)]
            yield Finding("error", "static-shapes", value.name, "input",
                          f"has a free dimension: {', '.join(free)}",
                          "export with fixed sizes, without dynamic_axes")  # fmt: skip
        elif 0 in described.shape:
            yield Finding("error", "static-shapes", value.name, "input", "has a dimension of 0", "export it again")
    for value in model.proto.graph.output:
        found = model.scopes[0].type(value.name)
        if found is not None and not found.is_static:
            yield Finding("warning", "static-shapes", value.name, "output",
                          "its size is only known while it runs",
                          "end the network before the operator whose result has any length")  # fmt: skip


def check_opset(model: Model, rules: Rules) -> Iterator[Finding]:
    opset = model.opsets.get("")
    if opset is None:
        yield Finding("error", "opset", "", "", "names no opset of ONNX itself", "export it again")
    elif opset > rules.max_opset:
        yield Finding("error", "opset", "", "", f"has opset {opset}; TensorRT {rules.version} reads up to "
                      f"{rules.max_opset}", f"export with opset {rules.max_opset} or below")  # fmt: skip
    elif opset < rules.min_opset:
        yield Finding("warning", "opset", "", "", f"has opset {opset}; TensorRT {rules.version} is written for "
                      f"{rules.min_opset} and above", "export with opset 13")  # fmt: skip


def check_integers(model: Model, rules: Rules) -> Iterator[Finding]:
    """Before version 9 the importer makes int32 of every int64, and cuts what does not fit."""
    if not rules.before("10.3"):
        return
    seen = False
    for node in model.nodes:
        for i in range(len(node.proto.input)):
            kind = node.input_type(i)
            if kind is None or kind.elem != onnx.TensorProto.INT64:
                continue
            seen = True
            if not node.is_constant(i) or i in _CUT_HARMLESSLY.get(node.op, ()):
                continue
            values = node.constant(i)
            if values is not None and values.size and not _INT32.min <= values.min() <= values.max() <= _INT32.max:
                yield Finding("error", "int64", node.label, node.op, "holds a number that int32 does not hold",
                              "keep integers within ±2 147 483 647", f"input {i}: {node.input(i)}")  # fmt: skip
    for name, kind_of in [*((v.name, "input") for v in model.inputs),
                          *((v.name, "output") for v in model.proto.graph.output)]:  # fmt: skip
        found = model.scopes[0].type(name)
        if found is not None and found.elem == onnx.TensorProto.INT64:
            yield Finding("warning", "int64", name, kind_of, "is int64 and becomes int32 in the engine",
                          "cast it to int32 in the network")  # fmt: skip
    if seen:
        yield Finding("note", "int64", "", "", "has int64 tensors, which are computed as int32", "")


def check_doubles(model: Model, _rules: Rules) -> Iterator[Finding]:
    doubles = sorted(
        {name for scope in model.scopes for name, kind in scope.types.items() if kind.elem == onnx.TensorProto.DOUBLE}
    )
    if doubles:
        yield Finding("warning", "double", doubles[0], "", "is float64 and is computed as float32",
                      "export the network in float32", f"{len(doubles)} tensors")  # fmt: skip


def check_sizes(model: Model, _rules: Rules) -> Iterator[Finding]:
    for scope in model.scopes:
        for name, kind in scope.types.items():
            n_bytes = _bytes(kind.elem, kind.shape) if kind.is_static else 0
            if n_bytes > _MOST_BYTES:
                maker = scope.producers.get(name)
                yield Finding("error", "size", maker.label if maker else name, maker.op if maker else "",
                              "makes a tensor of more than 2 GB", "use smaller frames or batches",
                              f"{name}: {n_bytes / 2**30:.1f} GiB")  # fmt: skip


def _bytes(elem: int, shape: tuple[int | str | None, ...] | None) -> int:
    count = 1
    for size in shape or ():
        count *= int(size or 0)
    try:
        return count * int(onnx.helper.tensor_dtype_to_np_dtype(elem).itemsize)
    except (KeyError, TypeError):
        return 0
