"""Operators that TensorRT has, but not in every form that ONNX allows.

From the restrictions column of onnx-tensorrt's docs/operators.md and the static checkers of its 10.x importer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.readiness.findings import Finding, Severity
from pipeline.readiness.graph import Model, Node
from pipeline.readiness.rulebook import Rules

# Operator -> (input, its name, first and last version in which it must be an initializer).
_CONSTANT_INPUTS: dict[str, tuple[tuple[int, str, str, str], ...]] = {
    "CumSum": ((1, "axis", "8.2", "10.3"),),
    "Dropout": ((2, "training_mode", "8.2", "10.3"),),
    "InstanceNormalization": ((1, "scale", "8.2", "8.5"), (2, "B", "8.2", "8.5")),
    "NonMaxSuppression": (
        (2, "max_output_boxes_per_class", "8.2", "8.2"),
        (3, "iou_threshold", "8.2", "8.2"),
        (4, "score_threshold", "8.2", "8.2"),
    ),
    "OneHot": ((1, "depth", "10.3", "10.3"),),
    "Pad": ((3, "axes", "10.3", "10.3"),),
    "ReduceSum": ((1, "axes", "8.2", "10.3"),),
    **{f"Reduce{name}": ((1, "axes", "10.3", "10.3"),) for name in ("L1", "L2", "Max", "Mean", "Min", "Prod")},
    "Resize": ((2, "scales", "8.2", "8.6"),),
    "Slice": ((3, "axes", "8.2", "8.6"),),
    "Squeeze": ((1, "axes", "8.2", "10.3"),),
    "TopK": ((1, "K", "8.2", "8.5"),),
    "Unsqueeze": ((1, "axes", "8.2", "10.3"),),
}
_RESIZE_COORDINATES = ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners")
_MOST_TOPK = 3840


def check_layers(model: Model, rules: Rules) -> Iterator[Finding]:
    for node in model.nodes:
        if node.domain or node.op not in rules.operators:
            continue
        yield from _constant_inputs(node, rules)
        check = _CHECKS.get(node.op)
        if check:
            yield from check(node, rules)


def _constant_inputs(node: Node, rules: Rules) -> Iterator[Finding]:
    for i, name, first, last in _CONSTANT_INPUTS.get(node.op, ()):
        concerned = not rules.before(first) and (rules.version == last or rules.before(last))
        if concerned and node.input(i) is not None and not node.is_constant(i):
            yield _found(node, "constant-input", f"computes its {name}, which must be a constant",
                         "give it as a number in the network, or fold the constants of the file")  # fmt: skip


def _pool(node: Node, _rules: Rules) -> Iterator[Finding]:
    if len([name for name in node.proto.output if name]) > 1:
        yield _found(node, "pool-indices", "gives the indices of the largest too, which TensorRT has not",
                     "use a pool with return_indices=False")  # fmt: skip
    if any(one != 1 for one in node.attributes.get("dilations", ())):
        yield _found(node, "pool-form", "is dilated", "use a pool without dilation")
    if len(node.attributes.get("kernel_shape", (0, 0))) not in (2, 3):
        yield _found(node, "pool-form", "is documented for 2 and 3 dimensions only", "use a pool of 2 dimensions",
                     severity="warning")  # fmt: skip


def _convolution(node: Node, rules: Rules) -> Iterator[Finding]:
    # The importer of 8.2 takes weights that come from Q/DQ, but then only a bias that is stored.
    if rules.version == "8.2" and node.input(2) and not node.is_constant(1) and not node.is_constant(2):
        yield _found(node, "constant-input", "computes its bias, which must be a constant in TensorRT 8.2",
                     "leave the bias in float (QuantizeBias=False)")  # fmt: skip


def _resize(node: Node, rules: Rules) -> Iterator[Finding]:
    given = {key: value.decode() if isinstance(value, bytes) else value for key, value in node.attributes.items()}
    if given.get("mode", "nearest") == "cubic":
        # 8.2 asserts against it; the importers of 10 take what their page still leaves out.
        yield _found(node, "resize-form", "is cubic; documented are nearest and linear", "use mode='bilinear'",
                     severity="error" if rules.before("10.3") else "warning")  # fmt: skip
    coordinates = given.get("coordinate_transformation_mode", "half_pixel")
    if coordinates not in _RESIZE_COORDINATES:
        yield _found(node, "resize-form", f"has coordinates {coordinates}", f"use {', '.join(_RESIZE_COORDINATES)}")
    if given.get("antialias", 0):
        yield _found(node, "resize-form", "is antialiased", "use antialias=False")
    if given.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        yield _found(node, "resize-form", "keeps the aspect ratio", "give both sizes, with the policy stretch")


def _topk(node: Node, rules: Rules) -> Iterator[Finding]:
    k = node.constant(1)
    if k is not None and k.size and int(k.reshape(-1)[0]) > _MOST_TOPK:
        yield _found(node, "topk", f"asks for more than {_MOST_TOPK}", f"select at most {_MOST_TOPK}",
                     f"K = {int(k.reshape(-1)[0])}")  # fmt: skip
    if not node.attributes.get("sorted", 1) and not rules.before("10.3"):
        yield _found(node, "topk", "is not sorted", "use sorted=True")


def _non_max_suppression(node: Node, rules: Rules) -> Iterator[Finding]:
    if rules.version == "8.2":
        yield _found(node, "nms", "is experimental in 8.2, and its result is padded to a fixed length",
                     "end the network before it and select boxes on the CPU", severity="warning")  # fmt: skip


def _first_output_only(node: Node, _rules: Rules) -> Iterator[Finding]:
    if any(node.proto.output[1:]):
        yield _found(node, "outputs", "gives more than its first output", "export the network in eval mode")
    if node.attributes.get("training_mode", 0):
        yield _found(node, "training", "is in training mode", "export the network in eval mode")


def _dropout(node: Node, _rules: Rules) -> Iterator[Finding]:
    training = node.constant(2)
    if training is not None and training.any():
        yield _found(node, "training", "is in training mode", "export the network in eval mode")


def _grid_sample(node: Node, _rules: Rules) -> Iterator[Finding]:
    data = node.input_type(0)
    if data is not None and data.shape is not None and len(data.shape) != 4:
        yield _found(node, "grid-sample", "is not of 4 dimensions", "sample pictures [N, C, H, W]")


def _einsum(node: Node, rules: Rules) -> Iterator[Finding]:
    if rules.before("10.3") and b"." in node.attributes.get("equation", b""):
        yield _found(node, "einsum", "has an ellipsis in its equation", "name every axis")


def _recurrent(node: Node, _rules: Rules) -> Iterator[Finding]:
    for name in ("input_forget", "layout"):
        if node.attributes.get(name, 0):
            yield _found(node, "recurrent", f"has {name} = 1", f"export with {name} = 0")


def _scatter(node: Node, rules: Rules) -> Iterator[Finding]:
    knows = node.op == "ScatterElements" and not rules.before("10.3")
    if node.attributes.get("reduction", b"none") != b"none" and not knows:
        yield _found(node, "scatter", "reduces what it scatters, which TensorRT leaves out", "use reduction='none'")


_CHECKS: dict[str, Callable[[Node, Rules], Iterator[Finding]]] = {
    "AveragePool": _pool,
    "BatchNormalization": _first_output_only,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "GridSample": _grid_sample,
    "LSTM": _recurrent,
    "LayerNormalization": _first_output_only,
    "LpPool": _pool,
    "MaxPool": _pool,
    "NonMaxSuppression": _non_max_suppression,
    "Resize": _resize,
    "ScatterElements": _scatter,
    "ScatterND": _scatter,
    "TopK": _topk,
}


def _found(node: Node, rule: str, what: str, mend: str, detail: str = "", severity: Severity = "error") -> Finding:
    return Finding(severity, rule, node.label, node.op, what, mend, detail)
