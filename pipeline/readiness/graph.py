"""An ONNX file as the checks see it: its nodes, those of subgraphs too, with constants, producers and types at hand.

Weights stay on the disk until a check asks for the values of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from pipeline.readiness.loading import load_model

DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class TensorType:
    """elem: a value of onnx.TensorProto.DataType; shape: a dimension is a number, a name or None; None is unknown."""

    elem: int
    shape: tuple[int | str | None, ...] | None

    @property
    def is_static(self) -> bool:
        return self.shape is not None and all(isinstance(size, int) for size in self.shape)


@dataclass(frozen=True)
class Scope:
    """The names that the nodes of one graph can use: its own and those of the graphs around it."""

    folder: Path
    outer: Scope | None = None
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)
    producers: dict[str, Node] = field(default_factory=dict)
    types: dict[str, TensorType] = field(default_factory=dict)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """The initializer of that name, or what a Constant node holds."""
        if name in self.tensors:
            return self.tensors[name]
        if name in self.types and name not in self.producers:
            return None  # an input of this graph hides what is outside
        if name in self.producers or self.outer is None:
            return None
        return self.outer.tensor(name)

    def producer(self, name: str) -> Node | None:
        if name in self.producers or self.outer is None:
            return self.producers.get(name)
        return self.outer.producer(name)

    def type(self, name: str) -> TensorType | None:
        if name in self.types or self.outer is None:
            return self.types.get(name)
        return self.outer.type(name)


@dataclass(frozen=True, eq=False)
class Node:
    proto: onnx.NodeProto
    scope: Scope
    attributes: dict[str, Any]

    @property
    def op(self) -> str:
        return str(self.proto.op_type)

    @property
    def domain(self) -> str:
        return "" if self.proto.domain in DEFAULT_DOMAINS else str(self.proto.domain)

    @property
    def label(self) -> str:
        """The name, or what it makes where it has none."""
        return self.proto.name or f"→ {next(iter(self.proto.output), '')}"

    def input(self, i: int) -> str | None:
        """The name of input i; None where it is left out."""
        return (self.proto.input[i] or None) if i < len(self.proto.input) else None

    def input_type(self, i: int) -> TensorType | None:
        name = self.input(i)
        return self.scope.type(name) if name else None

    def output_type(self, i: int = 0) -> TensorType | None:
        return self.scope.type(self.proto.output[i]) if i < len(self.proto.output) else None

    def producer(self, i: int) -> Node | None:
        """The node that makes input i."""
        name = self.input(i)
        return self.scope.producer(name) if name else None

    def is_constant(self, i: int) -> bool:
        name = self.input(i)
        return bool(name) and self.scope.tensor(name or "") is not None

    def constant(self, i: int) -> NDArray[Any] | None:
        """The values of input i; None where it is computed. Reads them from the disk where they lie apart."""
        name = self.input(i)
        tensor = self.scope.tensor(name) if name else None
        return None if tensor is None else numpy_helper.to_array(tensor, str(self.scope.folder))

    def is_made_of_weights(self, i: int) -> bool:
        """Whether input i follows from initializers alone, as a quantized weight does."""
        waiting = [(self, self.input(i))]
        seen = set()
        while waiting:
            node, name = waiting.pop()
            if not name or name in seen or node.scope.tensor(name) is not None:
                continue
            seen.add(name)
            maker = node.scope.producer(name)
            if maker is None:
                return False
            waiting += [(maker, one) for one in maker.proto.input]
        return True


@dataclass(frozen=True)
class Model:
    """proto: without the values that lie in other files. opsets: domain -> version, "" for ONNX's own.

    scopes: that of the main graph first. untyped: why no types are known, or None.
    """

    path: Path
    proto: onnx.ModelProto
    opsets: dict[str, int]
    nodes: list[Node]
    scopes: list[Scope]
    untyped: str | None

    @property
    def inputs(self) -> list[onnx.ValueInfoProto]:
        """Those of the network: without the weights that old exporters list beside them."""
        weights = {tensor.name for tensor in self.proto.graph.initializer}
        return [value for value in self.proto.graph.input if value.name not in weights]

    @property
    def local_functions(self) -> set[tuple[str, str]]:
        return {(function.domain, function.name) for function in self.proto.functions}

    @property
    def is_quantized(self) -> bool:
        return any(node.op in ("QuantizeLinear", "DequantizeLinear") for node in self.nodes)

    @property
    def is_half(self) -> bool:
        """Whether any weight is float16."""
        return any(t.data_type == onnx.TensorProto.FLOAT16 for scope in self.scopes for t in scope.tensors.values())


def read_model(path: Path) -> Model:
    """Raises EdgeboardError where the file is missing, damaged, no ONNX, or its weights in other files are gone."""
    proto = load_model(path)
    typed, untyped = proto, None
    try:
        typed = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except Exception as error:  # of several kinds, and what is wrong with the graph is for other checks to say
        untyped = str(error).strip().splitlines()[0]
    opsets = {("" if one.domain in DEFAULT_DOMAINS else one.domain): one.version for one in proto.opset_import}
    nodes: list[Node] = []
    scopes: list[Scope] = []
    _walk(typed.graph, Scope(path.parent), nodes, scopes)
    for function in typed.functions:
        _walk(function, Scope(path.parent), nodes, scopes)
    return Model(path, proto, opsets, nodes, scopes, untyped)


def described_type(value: onnx.ValueInfoProto) -> TensorType | None:
    if not value.type.HasField("tensor_type"):
        return None
    tensor = value.type.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(
            one.dim_value if one.HasField("dim_value") else (one.dim_param or None) for one in tensor.shape.dim
        )
    return TensorType(tensor.elem_type, shape)


def _walk(graph: onnx.GraphProto | onnx.FunctionProto, scope: Scope, nodes: list[Node], scopes: list[Scope]) -> None:
    scopes.append(scope)
    if isinstance(graph, onnx.GraphProto):
        for value in (*graph.input, *graph.output, *graph.value_info):
            described = described_type(value)
            if described:
                scope.types[value.name] = described
        for tensor in graph.initializer:
            scope.tensors[tensor.name] = tensor
            scope.types[tensor.name] = TensorType(tensor.data_type, tuple(tensor.dims))
    for proto in graph.node:
        node = Node(proto, scope, {one.name: onnx.helper.get_attribute_value(one) for one in proto.attribute})
        nodes.append(node)
        held = _held(node) if node.op == "Constant" else None
        if held is not None:
            scope.tensors[proto.output[0]] = held
            scope.types[proto.output[0]] = TensorType(held.data_type, tuple(held.dims))
        for name in proto.output:
            scope.producers[name] = node
        for value in node.attributes.values():
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, onnx.GraphProto):
                    _walk(inner, Scope(scope.folder, scope), nodes, scopes)


def _held(constant: Node) -> onnx.TensorProto | None:
    """What a Constant node gives, in whichever of its attributes it stands; None for texts and sparse tensors."""
    given = constant.attributes
    if "value" in given:
        return given["value"]
    for name, dtype in (("value_float", "f4"), ("value_floats", "f4"), ("value_int", "i8"), ("value_ints", "i8")):
        if name in given:
            return numpy_helper.from_array(np.array(given[name], dtype))
    return None
