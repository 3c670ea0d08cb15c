from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from torch import nn

from pipeline.compress.quantization.calibration import _Reader, calibrate
from pipeline.compress.quantization.graph_layers import layers_of, named_layers
from pipeline.compress.quantization.graph_weights import stored_weights, zero_weights
from pipeline.compress.quantization.half_precision import write_half
from pipeline.compress.quantization.quantized_graph import ENGINES, CalibratedGraph, drop_unused_domains, write_dynamic
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from tests.compress.small_graphs import calibrated, logits, prepared, random_frames, small_network, tiny_resnet

FRAMES = random_frames(12, size=32).frames_nhwc


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    return tiny_resnet()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def graph(resnet: nn.Module, folder: Path) -> CalibratedGraph:
    return calibrated(resnet, folder, FRAMES)


def quantized_layers(path: Path) -> set[str]:
    """The layers whose weights go through a grid."""
    model = onnx.load(path)
    dequantized = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return {node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm") and node.input[1] in dequantized}


@pytest.mark.parametrize("engine", ENGINES)
def test_one_calibration_for_all_gives_the_bytes_of_quantize_static(
    tmp_path: Path, graph: CalibratedGraph, folder: Path, engine: str
) -> None:
    weighted = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
    settings = {
        "onnxruntime": {"activation_type": QuantType.QUInt8},
        "tensorrt": {
            "activation_type": QuantType.QInt8,
            "op_types_to_quantize": [*weighted, "Add"],
            "extra_options": {
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "AddQDQPairToWeight": True,
                "DedicatedQDQPair": True,
                "OpTypesToExcludeOutputQuantization": weighted,
            },
        },
    }
    quantize_static(
        folder / "prepared.onnx", tmp_path / "theirs.onnx", _Reader(FRAMES), quant_format=QuantFormat.QDQ,
        per_channel=True, weight_type=QuantType.QInt8, **settings[engine],
    )  # fmt: skip
    theirs = onnx.load(tmp_path / "theirs.onnx")
    named = {one.domain for one in theirs.opset_import}
    drop_unused_domains(theirs)
    # Not the first graph from these ranges, which the quantizer changes.
    graph.write(tmp_path / "other.onnx", "onnxruntime")
    graph.write(tmp_path / "ours.onnx", engine)
    ours = onnx.load(tmp_path / "ours.onnx")
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    # Older runtimes refuse a file for the mere name of an operator set that they do not know.
    assert "ai.onnx.ml" in named
    assert {one.domain for one in ours.opset_import} <= {"", "ai.onnx"}


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_the_int8_graphs_say_nearly_what_the_float_one_says(tmp_path: Path, method: str) -> None:
    frames = random_frames(12).frames_nhwc
    model, path = prepared(small_network(), tmp_path)
    exact = logits(path, frames)
    made = CalibratedGraph(model, calibrate(path, frames, method))
    for engine in ENGINES:
        made.write(tmp_path / "int8.onnx", engine)
        assert np.corrcoef(exact.ravel(), logits(tmp_path / "int8.onnx", frames).ravel())[0, 1] > 0.95, engine


def test_each_engine_gets_the_activations_it_wants(tmp_path: Path, graph: CalibratedGraph) -> None:
    for engine, activation in (("onnxruntime", onnx.TensorProto.UINT8), ("tensorrt", onnx.TensorProto.INT8)):
        graph.write(tmp_path / "int8.onnx", engine)
        model = onnx.load(tmp_path / "int8.onnx")
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
        assert tensors[first.input[2]].data_type == activation
        dequantized = [tensors.get(n.input[0]) for n in model.graph.node if n.op_type == "DequantizeLinear"]
        int32_biases = [tensor for tensor in dequantized if tensor and tensor.data_type == onnx.TensorProto.INT32]
        assert bool(int32_biases) == (engine == "onnxruntime")


@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform")
def test_the_real_parser_takes_the_files_made_for_it_and_refuses_the_other(
    tmp_path: Path, graph: CalibratedGraph
) -> None:
    names = list(layers_of(graph.model))
    shifted = CalibratedGraph(graph.model, graph.ranges, {names[1]: np.ones(8, np.float32)})
    verdicts = {}
    for case, made, engine, kept in (
        ("whole", graph, "tensorrt", []),
        ("some float", graph, "tensorrt", [names[0], names[4], names[-1]]),
        ("shifted", shifted, "tensorrt", []),
        ("for the other engine", graph, "onnxruntime", []),
    ):
        made.write(tmp_path / "int8.onnx", engine, keep_float=kept)
        verdicts[case] = tensorrt_check.check(tmp_path / "int8.onnx")
    assert {case: verdict["accepted"] for case, verdict in verdicts.items()} == {
        "whole": True, "some float": True, "shifted": True, "for the other engine": False,
    }, verdicts  # fmt: skip
    assert verdicts["for the other engine"]["words"]


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_are_quantized_alone_or_left_float(tmp_path: Path, graph: CalibratedGraph, engine: str) -> None:
    names = list(layers_of(graph.model))
    graph.write(tmp_path / "all.onnx", engine)
    assert quantized_layers(tmp_path / "all.onnx") == set(names)
    for layer in (names[0], names[3], names[-1]):
        graph.write(tmp_path / "one.onnx", engine, only=layer)
        assert quantized_layers(tmp_path / "one.onnx") == {layer}
        graph.write(tmp_path / "others.onnx", engine, keep_float=[layer])
        assert quantized_layers(tmp_path / "others.onnx") == set(names) - {layer}


def test_a_graph_with_every_layer_but_one_float_is_the_float_one_but_for_it(
    tmp_path: Path, graph: CalibratedGraph, folder: Path
) -> None:
    names = list(layers_of(graph.model))
    exact = logits(folder / "prepared.onnx", FRAMES)
    graph.write(tmp_path / "one.onnx", "onnxruntime", only=names[5])
    graph.write(tmp_path / "same.onnx", "onnxruntime", keep_float=[name for name in names if name != names[5]])
    graph.write(tmp_path / "all.onnx", "onnxruntime")
    one, same, all_of_them = (logits(tmp_path / f"{name}.onnx", FRAMES) for name in ("one", "same", "all"))
    np.testing.assert_array_equal(one, same)
    assert 0 < np.abs(one - exact).max() < np.abs(all_of_them - exact).max()


def test_layers_hold_every_node_behind_them_up_to_the_next(tmp_path: Path) -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.gate, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Linear(4, 2)

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            maps = nn.functional.hardswish(self.body(frames.abs()))
            maps = maps * torch.sigmoid(self.gate(maps.mean((2, 3), keepdim=True))) + maps
            return self.head(maps.mean((2, 3)))

    model, _ = prepared(Gated(), tmp_path)
    layers = layers_of(model)
    assert {name: layer.op for name, layer in layers.items()} == {
        "/body/Conv": "Conv",
        "/gate/Conv": "Conv",
        "/head/Gemm": "Gemm",
    }
    ops = {node.name: node.op_type for node in model.graph.node}
    in_layers = [node for layer in layers.values() for node in layer.nodes]
    assert len(set(in_layers)) == len(in_layers)
    assert [name for name, op in ops.items() if name not in in_layers] == ["/Abs"]
    assert [ops[node] for node in layers["/gate/Conv"].nodes] == ["Conv", "Sigmoid", "Mul", "Add", "ReduceMean"]


@pytest.mark.parametrize(
    ("names", "near"),
    [
        (["/conv/Conv"], "/conv1/Conv"),
        (["/fc/Gemm", "fc"], "/fc/Gemm"),
        (["???"], "/conv1/Conv"),
        ([""], "/conv1/Conv"),
    ],
)
def test_an_unknown_layer_is_told_with_the_nearest(graph: CalibratedGraph, names: list[str], near: str) -> None:
    with pytest.raises(EdgeboardError, match="no such layer") as caught:
        named_layers(layers_of(graph.model), names)
    assert caught.value.where == "compress.quantize.keep_float"
    assert near in str(caught.value.allowed)


def test_named_layers_come_in_the_order_of_the_graph(graph: CalibratedGraph) -> None:
    layers = layers_of(graph.model)
    assert named_layers(layers, []) == []
    assert named_layers(layers, ["/fc/Gemm", "/conv1/Conv", "/fc/Gemm"]) == ["/conv1/Conv", "/fc/Gemm"]
    with pytest.raises(EdgeboardError, match="nothing is quantized"):
        named_layers(layers, list(layers))


def test_a_network_without_layers_is_refused(tmp_path: Path) -> None:
    model, _ = prepared(nn.Sequential(nn.MaxPool2d(4), nn.Flatten()), tmp_path)
    with pytest.raises(EdgeboardError, match="no convolution and no linear layer") as caught:
        layers_of(model)
    assert "MaxPool" in str(caught.value)


@pytest.mark.usefixtures("graph")
def test_a_dynamic_graph_computes_in_integers(tmp_path: Path, folder: Path) -> None:
    write_dynamic(folder / "prepared.onnx", tmp_path / "int8.onnx")
    ops = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert ops.count("ConvInteger") == 20
    assert ops.count("MatMulInteger") == 1
    assert not {"Conv", "Gemm", "MatMul"} & set(ops)
    exact = logits(folder / "prepared.onnx", FRAMES)
    assert np.corrcoef(exact.ravel(), logits(tmp_path / "int8.onnx", FRAMES).ravel())[0, 1] > 0.95
    write_dynamic(folder / "prepared.onnx", tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "int8.onnx").read_bytes()


def test_stored_weights_are_the_float_ones_but_for_rounding(
    tmp_path: Path, folder: Path, graph: CalibratedGraph
) -> None:
    exact = {name: weight.real() for name, weight in stored_weights(graph.model).items()}
    graph.write(tmp_path / "static.onnx", "onnxruntime", keep_float=["/conv1/Conv"])
    static = stored_weights(onnx.load(tmp_path / "static.onnx"))
    assert set(static) == set(exact)
    np.testing.assert_array_equal(static.pop("/conv1/Conv").real(), exact["/conv1/Conv"])
    for name, weight in static.items():
        assert weight.stored.dtype == np.int8
        assert (np.abs(weight.real() - exact[name]) <= weight.scale * 0.501).all(), name
    write_dynamic(folder / "prepared.onnx", tmp_path / "dynamic.onnx")
    dynamic = stored_weights(onnx.load(tmp_path / "dynamic.onnx"))
    assert {weight.stored.dtype for weight in dynamic.values()} == {np.dtype(np.uint8)}
    assert len(dynamic) == len(exact)


# A linear layer [2, 4]. In int8 the scale of the first row is 1, of the second 0.01.
WEIGHTS = [[127.0, 0.4, 0.0, -0.6], [1.27, 0.004, 0.0, -0.006]]


@pytest.mark.parametrize(
    ("how", "zeros"),
    [
        ("float", 2),
        ("static", 4),
        ("static, kept float", 2),
        # One scale for all: 127.6 / 255 = 0.5, so that what is below 0.25 goes: 0, 0.4 -> 0.5, 1.27 -> 1.5.
        ("dynamic", 4),
        ("fp16", 2),
    ],
)
def test_zeros_are_those_of_the_stored_numbers(tmp_path: Path, how: str, zeros: int) -> None:
    # A layer before it, for at least one must be quantized; and a pool that is written out as matrices with zeros.
    network = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    nn.init.ones_(network[1].weight)
    network[4].weight = nn.Parameter(torch.tensor(WEIGHTS))
    frames = random_frames(4).frames_nhwc
    graph = calibrated(network, tmp_path, frames)
    assert any(node.op_type == "MatMul" for node in graph.model.graph.node)
    out = tmp_path / "out.onnx"
    match how:
        case "float":
            onnx.save(graph.model, out)
        case "static" | "static, kept float":
            kept = [name for name in layers_of(graph.model) if "Gemm" in name]
            graph.write(out, "onnxruntime", keep_float=kept if "float" in how else [])
        case "dynamic":
            write_dynamic(tmp_path / "prepared.onnx", out)
        case "fp16":
            write_half(tmp_path / "float.onnx", graph.ranges, out)
    assert zero_weights(onnx.load(out), network) == zeros
