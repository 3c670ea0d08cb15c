"""Every rule finds the node that breaks it, and is silent where its twin keeps it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipeline.errors import EdgeboardError
from pipeline.readiness.check import check_model
from pipeline.readiness.findings import Finding
from pipeline.readiness.rulebook import rules_for
from tests.readiness.small_models import (
    PICTURE,
    POINT_WEIGHTS,
    SCALE,
    ZERO,
    make_model,
    node,
    one_node,
    quantized,
    quantized_weights,
    write,
)

F, I64 = TensorProto.FLOAT, TensorProto.INT64
ALL = ("8.2", "8.5", "8.6", "10.3")
TRT8 = ALL[:3]
ONES = np.ones(8, np.float32)
TWICE = np.array([1, 1, 2, 2], np.float32)


def resized(**attributes: Any) -> onnx.ModelProto:
    return one_node("Resize", "x _ scales", tensors={"scales": TWICE}, **attributes)


def with_computed(op: str, takes: str, gives: str = "y", **attributes: Any) -> onnx.ModelProto:
    """`k` among the inputs is a length of x, computed in the graph."""
    tensors = {"from": np.array([0]), "to": np.array([1])}
    length = [node("Shape", "x", "shape"), node("Slice", "shape from to", "k")]
    return make_model([*length, node(op, takes, gives, **attributes)], tensors)


def with_computed_bias() -> onnx.ModelProto:
    tensors = {"w": POINT_WEIGHTS, "b": ONES[:4], "s": SCALE, "z": ZERO}
    quantize = [node("QuantizeLinear", "w s z", "q"), node("DequantizeLinear", "q s z", "d")]
    return make_model([*quantize, node("Relu", "b", "c"), node("Conv", "x d c")], tensors)


def sum_of(elem: int) -> onnx.ModelProto:
    return one_node("Add", "x x", inputs=[("x", elem, [3])], outputs=[("y", elem, None)], opset=14)


def with_int32_bias(bias: Any) -> onnx.ModelProto:
    return make_model([node("DequantizeLinear", "b s", "d"), node("Conv", "x w d")],
                      {"w": POINT_WEIGHTS, "b": bias, "s": np.array(0.1, np.float32)})  # fmt: skip


def in_branches(op: str) -> onnx.ModelProto:
    """The operator stands in a branch of an If within a branch of an If."""

    def branch(nodes: list[onnx.NodeProto], out: str) -> onnx.GraphProto:
        return helper.make_graph(nodes, out, [], [helper.make_tensor_value_info(out, F, None)])

    inner = node("If", "c", "a", name="inner", then_branch=branch([node(op, "x", "t")], "t"),
                 else_branch=branch([node("Relu", "x", "e")], "e"))  # fmt: skip
    outer = node("If", "c", name="outer", then_branch=branch([inner], "a"),
                 else_branch=branch([node("Relu", "x", "b")], "b"))  # fmt: skip
    return make_model([outer], inputs=[PICTURE, ("c", TensorProto.BOOL, [])])


def with_integers(last: int, op: str = "Add") -> onnx.ModelProto:
    value = [("x", I64, [4])]
    if op == "Slice":
        return one_node("Slice", "x from to", inputs=value, outputs=[("y", I64, None)],
                        tensors={"from": np.array([1]), "to": np.array([last])})  # fmt: skip
    return one_node("Add", "x k", inputs=value, outputs=[("y", I64, None)], tensors={"k": np.array([last])})


NMS_INPUTS = [("x", F, [1, 9, 4]), ("c", F, [1, 2, 9])]
NMS = {"k": np.array([3]), "u": np.array([0.5], np.float32), "v": np.array([0.1], np.float32)}
CLIP_OF_GRIDS = [("x", F, [1, 1, 4, 4, 4]), ("g", F, [1, 2, 2, 2, 3])]
GRID = [PICTURE, ("g", F, [1, 2, 2, 2])]

# rule, severity, operator of the node, versions, a model that breaks it, its twin
CASES: dict[str, tuple[str, str, str, tuple[str, ...], onnx.ModelProto, onnx.ModelProto]] = {
    "an operator that no version has": ("operator", "error", "Det", ALL, one_node("Det"), one_node("Relu")),
    "an operator in a nested branch": ("operator", "error", "Det", ALL, in_branches("Det"), in_branches("Abs")),
    "Mod before 8.5": (
        "operator", "error", "Mod", ("8.2",),
        one_node("Mod", "x k", tensors={"k": ONES}, fmod=1), one_node("Sub", "x k", tensors={"k": ONES}),
    ),
    "HardSwish before 8.5": ("operator", "error", "HardSwish", ("8.2",), one_node("HardSwish", opset=14),
                             one_node("HardSigmoid")),
    "LayerNormalization before 8.6": (
        "operator", "error", "LayerNormalization", ("8.2", "8.5"),
        one_node("LayerNormalization", "x w", tensors={"w": ONES}, opset=17), one_node("Softmax"),
    ),
    "GridSample before 8.5": ("operator", "error", "GridSample", ("8.2",),
                              one_node("GridSample", "x g", inputs=GRID, opset=16), resized(mode="linear")),
    "GridSample of clips": (
        "grid-sample", "error", "GridSample", ("8.5", "8.6", "10.3"),
        one_node("GridSample", "x g", inputs=CLIP_OF_GRIDS, opset=20),
        one_node("GridSample", "x g", inputs=GRID, opset=20),
    ),
    "an operator of ONNX Runtime": (
        "domain", "error", "Gelu", ALL,
        one_node("Gelu", domain="com.microsoft", domains={"com.microsoft": 1}),
        one_node("Erf", domains={"com.microsoft": 1}),
    ),
    "a plugin": ("domain", "warning", "BatchedNMS_TRT", ALL,
                 one_node("BatchedNMS_TRT", domain="trt.plugins", domains={"trt.plugins": 1}), one_node("Relu")),
    "a type that no version has": (
        "types", "error", "Add", ALL,
        sum_of(TensorProto.INT16), sum_of(TensorProto.INT32),
    ),
    "ArgMax of int32 before 8.6": (
        "types", "error", "ArgMax", ("8.2", "8.5"),
        one_node("ArgMax", inputs=[("x", TensorProto.INT32, [3])], outputs=[("y", I64, None)]),
        one_node("ArgMax", outputs=[("y", I64, None)]),
    ),
    "Where by what it chooses from": (
        "types", "error", "Where", ALL,
        one_node("Where", "c x x", inputs=[("x", TensorProto.UINT8, [3]), ("c", TensorProto.BOOL, [3])],
                 outputs=[("y", TensorProto.UINT8, None)]),
        one_node("Where", "c x x", inputs=[("x", F, [3]), ("c", TensorProto.BOOL, [3])]),
    ),
    "Cast by what it makes": (
        "types", "error", "Cast", ALL,
        one_node("Cast", to=TensorProto.INT16, outputs=[("y", TensorProto.INT16, None)]),
        one_node("Cast", to=TensorProto.INT32, outputs=[("y", TensorProto.INT32, None)]),
    ),
    "float64": (
        "double", "warning", "", ALL,
        one_node("Sqrt", inputs=[("x", TensorProto.DOUBLE, [3])], outputs=[("y", TensorProto.DOUBLE, None)]),
        one_node("Sqrt"),
    ),
    "an opset beyond 13": ("opset", "error", "", ("8.2",), one_node("Relu", opset=14), one_node("Relu", opset=13)),
    "an opset beyond 17": ("opset", "error", "", TRT8, one_node("Relu", opset=18), one_node("Relu", opset=13)),
    "an opset beyond 20": ("opset", "error", "", ALL, one_node("Relu", opset=21), one_node("Relu", opset=13)),
    "an opset below 9": ("opset", "warning", "", ("10.3",), one_node("Relu", opset=8), one_node("Relu", opset=9)),
    "a free batch": ("static-shapes", "error", "input", ALL, one_node("Relu", inputs=[("x", F, ["n", 3])]),
                     one_node("Relu", inputs=[("x", F, [1, 3])])),
    "an input without a shape": ("static-shapes", "error", "input", ALL, one_node("Relu", inputs=[("x", F, None)]),
                                 one_node("Relu")),
    "an output of any length": (
        "static-shapes", "warning", "output", ALL,
        one_node("NonZero", outputs=[("y", I64, [4, None])]), one_node("Shape", outputs=[("y", I64, [4])]),
    ),
    "a number beyond int32": ("int64", "error", "Add", TRT8, with_integers(2**31), with_integers(2**31 - 1)),
    "an end beyond int32": ("int64", "error", "Add", TRT8, with_integers(2**63 - 1), with_integers(2**63 - 1, "Slice")),
    "an int64 input": (
        "int64", "warning", "input", TRT8, with_integers(1),
        one_node("Add", "x x", inputs=[("x", TensorProto.INT32, [4])], outputs=[("y", TensorProto.INT32, None)]),
    ),
    "a tensor of more than 2 GB": (
        "size", "error", "Expand", ALL,
        one_node("Expand", "x to", tensors={"to": np.array([2_200_000, 4, 8, 8])}),
        one_node("Expand", "x to", tensors={"to": np.array([2, 4, 8, 8])}),
    ),
    "uint8 activations": ("qdq-uint8", "error", "QuantizeLinear", ALL, quantized(zero_point=np.array(0, np.uint8)),
                          quantized()),
    "uint8 to float": ("qdq-uint8", "error", "DequantizeLinear", ALL, quantized(zero_point=np.array(0, np.uint8)),
                       quantized()),
    "a zero point of 3": ("qdq-zero-point", "error", "QuantizeLinear", ALL, quantized(zero_point=np.array(3, np.int8)),
                          quantized()),
    "no zero point": ("qdq-zero-point", "error", "QuantizeLinear", TRT8, quantized(zero_point=None), quantized()),
    "no zero point, from 10": ("qdq-zero-point", "warning", "QuantizeLinear", ("10.3",), quantized(zero_point=None),
                               quantized()),
    "a scale of 0": ("qdq-scale", "error", "QuantizeLinear", ALL, quantized(np.array(0, np.float32)), quantized()),
    "a negative scale": ("qdq-scale", "error", "QuantizeLinear", ALL, quantized(np.array(-1, np.float32)), quantized()),
    "a scale that is no number": ("qdq-scale", "error", "QuantizeLinear", ALL, quantized(np.array(np.nan, np.float32)),
                                  quantized()),
    "a scale from the frame": (
        "qdq-scale", "error", "QuantizeLinear", ALL,
        make_model([node("ReduceMax", "x", "s", keepdims=0), node("QuantizeLinear", "x s z", "q"),
                    node("DequantizeLinear", "q s z")], {"z": ZERO}),
        quantized(),
    ),
    "a scale for every channel of a frame": (
        "qdq-per-axis", "error", "QuantizeLinear", ALL,
        quantized(np.full(4, 0.1, np.float32), np.zeros(4, np.int8), axis=1), quantized_weights(axis=0),
    ),
    "fewer scales than channels": ("qdq-per-axis", "error", "QuantizeLinear", ALL, quantized_weights(3, axis=0),
                                   quantized_weights(4, axis=0)),
    "more scales than the named axis": ("qdq-per-axis", "error", "DequantizeLinear", ALL, quantized_weights(4, axis=2),
                                        quantized_weights(4, axis=-4)),
    "no axis named": ("qdq-per-axis", "error", "QuantizeLinear", TRT8, quantized_weights(4),
                      quantized_weights(4, axis=1)),
    "a quantized bias": (
        "qdq-int32", "error", "DequantizeLinear", ALL, with_int32_bias(np.ones(4, np.int32)),
        make_model([node("Conv", "x w b")], {"w": POINT_WEIGHTS, "b": ONES[:4]}),
    ),
    "weights stored as int8": ("qdq-weights", "error", "DequantizeLinear", TRT8,
                               quantized_weights(stored_as=np.int8, axis=0), quantized_weights(axis=0)),
    "a computed bias beside quantized weights": (
        "constant-input", "error", "Conv", ("8.2",), with_computed_bias(), quantized_weights(axis=0),
    ),
    "indices of a pool": (
        "pool-indices", "error", "MaxPool", ALL,
        one_node("MaxPool", "x", "y i", kernel_shape=[2, 2]), one_node("MaxPool", kernel_shape=[2, 2]),
    ),
    "a dilated pool": ("pool-form", "error", "MaxPool", ALL, one_node("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
                       one_node("MaxPool", kernel_shape=[2, 2], dilations=[1, 1])),
    "a pool of one dimension": (
        "pool-form", "warning", "MaxPool", ALL, one_node("MaxPool", inputs=[("x", F, [1, 4, 8])], kernel_shape=[2]),
        one_node("MaxPool", kernel_shape=[1, 2]),
    ),
    "cubic Resize": ("resize-form", "error", "Resize", TRT8, resized(mode="cubic"), resized(mode="linear")),
    "cubic Resize, from 10": ("resize-form", "warning", "Resize", ("10.3",), resized(mode="cubic"),
                              resized(mode="linear")),
    "Resize of a crop": (
        "resize-form", "error", "Resize", ALL,
        one_node("Resize", "x roi scales", tensors={"scales": TWICE, "roi": np.array([0] * 4 + [1] * 4, np.float32)},
                 coordinate_transformation_mode="tf_crop_and_resize", mode="linear"),
        resized(mode="linear", coordinate_transformation_mode="align_corners"),
    ),
    "an antialiased Resize": ("resize-form", "error", "Resize", ALL,
                              resized(mode="linear", opset=18, antialias=1), resized(mode="linear", opset=18)),
    "a Resize that keeps the aspect ratio": (
        "resize-form", "error", "Resize", ALL,
        one_node("Resize", "x _ _ sizes", tensors={"sizes": np.array([1, 4, 16, 16])}, opset=18,
                 keep_aspect_ratio_policy="not_larger"),
        one_node("Resize", "x _ _ sizes", tensors={"sizes": np.array([1, 4, 16, 16])}, opset=18),
    ),
    "Resize by computed scales": (
        "constant-input", "error", "Resize", TRT8,
        make_model([node("Relu", "s", "t"), node("Resize", "x _ t")], {"s": TWICE}), resized(),
    ),
    "TopK of a computed K": (
        "constant-input", "error", "TopK", ("8.2", "8.5"), with_computed("TopK", "x k", "y i", axis=1),
        one_node("TopK", "x k", "y i", tensors={"k": np.array([2])}),
    ),
    "TopK of 3841": (
        "topk", "error", "TopK", ALL,
        one_node("TopK", "x k", "y i", inputs=[("x", F, [1, 4000])], tensors={"k": np.array([3841])}),
        one_node("TopK", "x k", "y i", inputs=[("x", F, [1, 4000])], tensors={"k": np.array([3840])}),
    ),
    "TopK in any order": (
        "topk", "error", "TopK", ("10.3",), one_node("TopK", "x k", "y i", tensors={"k": np.array([2])}, sorted=0),
        one_node("TopK", "x k", "y i", tensors={"k": np.array([2])}, sorted=1),
    ),
    "CumSum along a computed axis": ("constant-input", "error", "CumSum", ALL, with_computed("CumSum", "x k"),
                                     one_node("CumSum", "x k", tensors={"k": np.array([1])})),
    "NonMaxSuppression of 8.2": (
        "nms", "warning", "NonMaxSuppression", ("8.2",),
        one_node("NonMaxSuppression", "x c k u v", inputs=NMS_INPUTS, tensors=NMS, outputs=[("y", I64, None)]),
        one_node("Sigmoid"),
    ),
    "NonMaxSuppression with a computed limit": (
        "constant-input", "error", "NonMaxSuppression", ("8.2",),
        make_model([node("Abs", "n", "k"), node("NonMaxSuppression", "x c k")], {"n": np.array([3])}, NMS_INPUTS,
                   [("y", I64, None)]),
        one_node("NonMaxSuppression", "x c k u v", inputs=NMS_INPUTS, tensors=NMS, outputs=[("y", I64, None)]),
    ),
    "LayerNormalization with its mean": (
        "outputs", "error", "LayerNormalization", ("8.6", "10.3"),
        one_node("LayerNormalization", "x w", "y m", tensors={"w": ONES}, opset=17),
        one_node("LayerNormalization", "x w", tensors={"w": ONES}, opset=17),
    ),
    "Dropout in training": (
        "training", "error", "Dropout", ALL, one_node("Dropout", "x r t", tensors={"r": SCALE, "t": np.array(True)}),
        one_node("Dropout", "x r t", tensors={"r": SCALE, "t": np.array(False)}),
    ),
    "Einsum with an ellipsis": ("einsum", "error", "Einsum", TRT8,
                                one_node("Einsum", "x x", equation="...ij,...jk->...ik"),
                                one_node("Einsum", "x x", equation="abij,abjk->abik")),
    "LSTM in another layout": (
        "recurrent", "error", "LSTM", ALL, one_node("LSTM", "x w r", opset=14, inputs=[("x", F, [2, 1, 3])],
        tensors={"w": np.zeros((1, 8, 3), np.float32), "r": np.zeros((1, 8, 2), np.float32)}, hidden_size=2, layout=1),
        one_node("LSTM", "x w r", opset=14, inputs=[("x", F, [2, 1, 3])], hidden_size=2,
                 tensors={"w": np.zeros((1, 8, 3), np.float32), "r": np.zeros((1, 8, 2), np.float32)}),
    ),
    "ScatterND that adds": (
        "scatter", "error", "ScatterND", ALL,
        one_node("ScatterND", "x i u", opset=16, inputs=[("x", F, [4])], tensors={"i": np.array([[1]]), "u": ONES[:1]},
                 reduction="add"),
        one_node("ScatterND", "x i u", opset=16, inputs=[("x", F, [4])], tensors={"i": np.array([[1]]), "u": ONES[:1]}),
    ),
    "ScatterElements that adds": (
        "scatter", "error", "ScatterElements", TRT8,
        one_node("ScatterElements", "x i u", opset=16, inputs=[("x", F, [4])], reduction="add",
                 tensors={"i": np.array([1]), "u": ONES[:1]}),
        one_node("ScatterElements", "x i u", opset=16, inputs=[("x", F, [4])],
                 tensors={"i": np.array([1]), "u": ONES[:1]}),
    ),
    "BatchNormalization in training": (
        "training", "error", "BatchNormalization", ALL,
        one_node("BatchNormalization", "x c c c c", "y m v", tensors={"c": ONES[:4]}, opset=14, training_mode=1),
        one_node("BatchNormalization", "x c c c c", tensors={"c": ONES[:4]}, opset=14),
    ),
    "a dilated AveragePool": (
        "pool-form", "error", "AveragePool", ALL,
        one_node("AveragePool", kernel_shape=[2, 2], dilations=[1, 2], opset=19),
        one_node("AveragePool", kernel_shape=[2, 2], opset=19),
    ),
    "no valid ONNX": ("onnx", "error", "", ALL, one_node("Relu", "nothing", outputs=[("y", F, [1])]), one_node("Relu")),
}  # fmt: skip


def found(model: onnx.ModelProto, folder: Path, version: str) -> list[Finding]:
    return check_model(write(model, folder), version)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_the_node_that_breaks_it_and_no_other(tmp_path: Path, name: str) -> None:
    rule, severity, op, concerned, bad, good = CASES[name]
    for version in ALL:
        broken = [
            one for one in found(bad, tmp_path, version) if (one.rule, one.severity, one.op) == (rule, severity, op)
        ]
        kept = [
            one for one in found(good, tmp_path, version) if (one.rule, one.severity, one.op) == (rule, severity, op)
        ]
        assert bool(broken) == (version in concerned), f"TensorRT {version}"
        assert kept == [], f"TensorRT {version}"
        assert all(one.what and one.mend for one in broken)
        if op not in ("", "input", "output"):
            assert {one.node for one in broken} <= {op.lower()}, "by its name"


@pytest.mark.parametrize(
    ("op", "takes", "versions", "value", "rest"),
    [
        ("InstanceNormalization", "x k c", ("8.2", "8.5"), ONES[:4], {}),
        ("OneHot", "i k v", ("10.3",), np.array([3]), {}),
        ("Pad", "x p _ k", ("10.3",), np.array([2, 3]), {"opset": 18}),
        ("ReduceSum", "x k", ALL, np.array([1]), {}),
        ("ReduceMean", "x k", ("10.3",), np.array([1]), {"opset": 18}),
        ("ReduceMax", "x k", ("10.3",), np.array([1]), {"opset": 18}),
        ("Slice", "x i i k", TRT8, np.array([1]), {}),
        ("Squeeze", "x k", ALL, np.array([0]), {}),
        ("Unsqueeze", "x k", ALL, np.array([0]), {}),
        ("Dropout", "x r k", ALL, np.array(False), {}),
    ],
)
def test_what_must_be_a_constant_may_not_be_computed(
    tmp_path: Path, op: str, takes: str, versions: tuple[str, ...], value: Any, rest: dict[str, Any]
) -> None:
    others = {"c": ONES[:4], "i": np.array([1]), "v": ONES[:2], "p": np.array([1, 1, 1, 1]), "r": SCALE}
    computed = make_model([node("Identity", "k", "computed"), node(op, takes.replace("k", "computed"))],
                          {**others, "k": value}, **rest)  # fmt: skip
    given = make_model([node(op, takes)], {**others, "k": value}, **rest)
    for version in ALL:
        rules = [(one.rule, one.op) for one in found(computed, tmp_path, version) if one.severity == "error"]
        expected = op in rules_for(version).operators and version in versions
        assert (("constant-input", op) in rules) == expected, f"TensorRT {version}"
        assert "constant-input" not in {one.rule for one in found(given, tmp_path, version)}


@pytest.mark.parametrize(
    ("model", "versions"),
    [
        (one_node("Conv", "x w", tensors={"w": POINT_WEIGHTS}), ALL),
        (quantized(), ALL),
        (quantized_weights(axis=0), ALL),
        (quantized_weights(stored_as=np.int8, axis=0), ("10.3",)),
        (in_branches("Abs"), ALL),
        (one_node("MaxPool", kernel_shape=[2, 2]), ALL),
        (one_node("ConstantOfShape", "k", inputs=[], tensors={"k": np.array([3])}, outputs=[("y", I64, [3])],
                  value=helper.make_tensor("v", I64, [1], [7])), ("10.3",)),
    ],
)  # fmt: skip
def test_a_model_that_keeps_all_rules_has_no_finding(
    tmp_path: Path, model: onnx.ModelProto, versions: tuple[str, ...]
) -> None:
    for version in versions:
        assert found(model, tmp_path, version) == [], f"TensorRT {version}"


def test_int64_is_one_note_however_many_there_are(tmp_path: Path) -> None:
    shapes = make_model([node("Shape", "x", "a"), node("Reshape", "x a", "b"), node("Reshape", "b a")],
                        outputs=[("y", F, [1, 4, 8, 8])])  # fmt: skip
    notes = found(shapes, tmp_path, "8.2")
    assert [(one.severity, one.rule) for one in notes] == [("note", "int64")]
    assert found(shapes, tmp_path, "10.3") == []


def test_a_type_that_is_not_known_is_a_note_and_no_error(tmp_path: Path) -> None:
    after = make_model([node("Thing_TRT", "x", "a"), node("Relu", "a")])
    findings = found(after, tmp_path, "8.5")
    assert [(one.severity, one.rule, one.op) for one in findings if one.rule == "types"] == [("note", "types", "Relu")]


def test_a_name_hides_the_weight_of_the_same_name_outside(tmp_path: Path) -> None:
    """K of a TopK in a loop's body is computed there, though the graph outside has a constant of that name."""
    computed = [node("Shape", "x", "s"), node("Slice", "s from to", "k")]
    body = helper.make_graph(
        [*computed, node("TopK", "x k", "t i"), node("Identity", "go", "on")],
        "body",
        [helper.make_tensor_value_info("n", I64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("t", F, None)],
    )  # fmt: skip
    tensors = {"from": np.array([0]), "to": np.array([1]), "count": np.array(2), "start": np.array(True)}
    loop = make_model([node("Loop", "count start", body=body)], tensors)
    constant = [one for one in found(loop, tmp_path, "8.2") if one.rule == "constant-input"]
    assert [one.node for one in constant] == ["topk"]
    del body.node[0:2]
    loop = make_model([node("Loop", "count start", body=body)], {**tensors, "k": np.array([2])})
    assert [one for one in found(loop, tmp_path, "8.2") if one.rule == "constant-input"] == []


def test_a_node_without_a_name_is_called_after_what_it_makes(tmp_path: Path) -> None:
    model = one_node("Det", name="")
    assert [one.node for one in found(model, tmp_path, "8.2")] == ["→ y"]


@pytest.mark.parametrize(
    ("version", "judged_as"), [("8.2.1", "8.2"), ("8.4.1", "8.2"), ("10.3.0.30", "10.3"), ("11.0", "10.3")]
)
def test_a_version_without_rules_has_those_of_the_one_before(tmp_path: Path, version: str, judged_as: str) -> None:
    assert found(one_node("Relu", opset=21), tmp_path, version) == found(
        one_node("Relu", opset=21), tmp_path, judged_as
    )


@pytest.mark.parametrize("version", ["8.0.1", "7", "", "latest"])
def test_a_version_before_all_rules_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(EdgeboardError, match="No rules are known"):
        found(one_node("Relu"), tmp_path, version)


@pytest.mark.parametrize(("dla", "rules"), [(False, []), (True, ["dla"])])
def test_what_a_dla_leaves_to_the_gpu_is_told_when_asked(tmp_path: Path, dla: bool, rules: list[str]) -> None:
    wide = one_node(
        "Conv", "x w", tensors={"w": np.zeros((4, 4, 33, 1), np.float32)}, kernel_shape=[33, 1], pads=[16, 0, 16, 0]
    )
    findings = check_model(write(wide, tmp_path), "8.5", dla=dla)
    assert [one.rule for one in findings] == rules
    assert all(one.severity == "note" for one in findings)
    narrow = one_node("Conv", "x w", tensors={"w": POINT_WEIGHTS})
    assert check_model(write(narrow, tmp_path), "8.5", dla=dla) == []


def test_a_deep_network_is_no_trouble(tmp_path: Path) -> None:
    """Where a weight comes from is followed through any number of nodes."""
    scales = {"s": np.full(4, 0.1, np.float32), "z": np.zeros(4, np.int8)}
    names = ["x", *(f"a{i}" for i in range(1500))]
    deep = [node("Add", f"{one} {one}", two) for one, two in itertools.pairwise(names)]
    quantize = [node("QuantizeLinear", f"{names[-1]} s z", "q", axis=1), node("DequantizeLinear", "q s z", axis=1)]
    of_input = found(make_model([*deep, *quantize], scales), tmp_path, "8.5")
    assert {one.rule for one in of_input} == {"qdq-per-axis"}
    of_weight = make_model([*deep, *quantize], {**scales, "x": np.ones((1, 4, 8, 8), np.float32)}, inputs=[])
    assert found(of_weight, tmp_path, "8.5") == []
