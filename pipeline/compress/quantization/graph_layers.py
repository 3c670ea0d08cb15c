"""The layers of an ONNX graph, as units that are quantized or left float."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from pipeline.compress.quantization.graph_weights import WEIGHTED
from pipeline.errors import EdgeboardError

# Of a network of clips that sees what changed from frame to frame: see pipeline.clip_networks.difference.
ENTRANCE = "/entrance/"


@dataclass(frozen=True)
class Layer:
    """A node with weights (op is its operator), and the nodes behind it up to the next ones with weights."""

    op: str
    nodes: tuple[str, ...]


def layers_of(model: onnx.ModelProto) -> dict[str, Layer]:
    """Every layer by the name of its node with weights, in the order of the graph.

    Raises EdgeboardError where there is none.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    ops: dict[str, str] = {}
    nodes: dict[str, list[str]] = {}
    layer_of: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type in WEIGHTED and node.input[1] in constants:
            layer = node.name
            ops[layer], nodes[layer] = node.op_type, []
        else:
            before = {layer_of[name] for name in node.input if name in layer_of}
            if not before:
                continue
            layer = next(name for name in reversed(nodes) if name in before)
        nodes[layer].append(node.name)
        layer_of |= dict.fromkeys(node.output, layer)
    if not nodes:
        raise EdgeboardError(
            "The network has no convolution and no linear layer, so that int8 has nothing to work on",
            where="compress.quantize.method",
            value=f"a graph of {', '.join(sorted({node.op_type for node in model.graph.node})) or 'no operator'}",
            allowed=f"a graph with {', '.join(WEIGHTED)}",
            mend="use method: fp16, or leave quantize out of the recipe",
        )
    return {layer: Layer(ops[layer], tuple(names)) for layer, names in nodes.items()}


def entrance_of(model: onnx.ModelProto) -> list[str]:
    """The nodes in which a network of clips takes one frame from the next: none in other networks.

    A difference of two rounded frames is off by a whole step of each, which is much where little moves.
    """
    return [node.name for node in model.graph.node if node.name.startswith(ENTRANCE)]


def tail_of(model: onnx.ModelProto) -> list[str]:
    """The nodes behind the last layers with weights, which bring the answer into its form, and those of a choice.

    A detector's rows of class logits and box numbers are joined there: quantized, they would have to share one scale.
    A detector of two stages chooses boxes in between (TopK), and 256 values are few for their corners: what a choice
    is made of, and what is made of it, up to the next layers with weights, is of the tail too.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    leads_to_layer: set[str] = set()
    tail = []
    for node in reversed(model.graph.node):
        is_layer = node.op_type in WEIGHTED and node.input[1] in constants
        if is_layer or any(name in leads_to_layer for name in node.output):
            leads_to_layer.update(node.input)
        else:
            tail.append(node.name)
    chosen = _around_choices(model, constants)
    return [node.name for node in model.graph.node if node.name in chosen or node.name in tail]


def _around_choices(model: onnx.ModelProto, constants: set[str]) -> set[str]:
    """The nodes between a TopK and the layers with weights before and behind it."""
    around: set[str] = set()
    for nodes, of, to in (
        (model.graph.node, "input", "output"),
        (model.graph.node[::-1], "output", "input"),
    ):
        reached: set[str] = set()
        for node in nodes:
            is_layer = node.op_type in WEIGHTED and node.input[1] in constants
            if not is_layer and (node.op_type == "TopK" or reached.intersection(getattr(node, of))):
                around.add(node.name)
                reached.update(name for name in getattr(node, to) if name not in constants)
    return around


def named_layers(layers: dict[str, Layer], names: Sequence[str]) -> list[str]:
    """The layers that compress.quantize.keep_float names, in the order of the graph.

    Raises EdgeboardError for a name that is none, and where every layer is named.
    """
    for name in names:
        if name not in layers:
            near = difflib.get_close_matches(name, layers, n=3, cutoff=0.4) or list(layers)[:3]
            raise EdgeboardError(
                "There is no such layer to keep float",
                where="compress.quantize.keep_float",
                value=name,
                allowed=f"the nearest of the {len(layers)} layers: {', '.join(near)}",
                mend="take the names from the sensitivity report: compress.quantize.sensitivity=true",
            )
    chosen = [layer for layer in layers if layer in names]
    if len(chosen) == len(layers):
        raise EdgeboardError(
            "Every layer is to stay float, so that nothing is quantized",
            where="compress.quantize.keep_float",
            value=f"all {len(layers)} layers",
            mend="leave some layers out, or quantize out of the recipe",
        )
    return chosen
