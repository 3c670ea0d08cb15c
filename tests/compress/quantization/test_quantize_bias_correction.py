"""Proven against what the quantized layers really do: PyTorch computes both sides, here and nowhere in the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from pipeline.compress.quantization.bias_correction import bias_shifts, shift_biases
from pipeline.compress.quantization.graph_layers import layers_of
from pipeline.compress.quantization.graph_weights import stored_weights
from pipeline.compress.quantization.quantized_graph import CalibratedGraph
from pipeline.data.frames import normalise
from tests.compress.small_graphs import SIZE, calibrated, logits, random_frames

FRAMES = random_frames(6).frames_nhwc


def with_outliers(layer: nn.Module) -> nn.Module:
    """One large weight a channel: the scale follows it, and the small ones, all on one side, are rounded away."""
    torch.manual_seed(1)
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    nn.init.uniform_(layer.weight, 0.05, 0.3)
    out_axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    for channel in range(layer.weight.shape[out_axis]):
        layer.weight.data.select(out_axis, channel)[(0,) * (layer.weight.ndim - 1)] = 100.0
    return layer


CASES: dict[str, Callable[[], nn.Module]] = {
    "padded": lambda: nn.Conv2d(4, 5, 3, padding=1),
    "strided": lambda: nn.Conv2d(4, 5, 3, stride=2, padding=2),
    "dilated": lambda: nn.Conv2d(4, 5, 3, dilation=2),
    "grouped": lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4),
    "depthwise, two each": lambda: nn.Conv2d(4, 8, 3, padding=1, groups=4),
    "no bias": lambda: nn.Conv2d(4, 5, 3, bias=False),
    "transposed": lambda: nn.ConvTranspose2d(4, 5, 2, stride=2),
    "linear": lambda: nn.Linear(4 * SIZE * SIZE, 5),
}


def network_with(case: str) -> nn.Module:
    """A layer behind another, so that its input is not that of the network, and a head of one number a channel."""
    torch.manual_seed(0)
    layer = with_outliers(CASES[case]())
    first: list[nn.Module] = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()]
    if isinstance(layer, nn.Linear):
        return nn.Sequential(*first, nn.Flatten(), layer)
    return nn.Sequential(*first, layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def mean_output(network: nn.Module) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(normalise(FRAMES))).mean(0).numpy()


def rounded(network: nn.Module, int8_model: onnx.ModelProto) -> nn.Module:
    """The network with the weights of the last layer as int8 has them."""
    place = max(place for place, module in enumerate(network) if hasattr(module, "weight"))  # type: ignore[arg-type]
    weight = list(stored_weights(int8_model).values())[-1].real()
    network[place].weight = nn.Parameter(torch.from_numpy(weight))  # type: ignore[index]
    return network


@pytest.mark.parametrize("case", CASES)
def test_the_shift_is_what_rounding_took_from_the_mean(tmp_path: Path, case: str) -> None:
    network = network_with(case)
    graph = calibrated(network, tmp_path, FRAMES)
    graph.write(tmp_path / "int8.onnx", "onnxruntime")
    int8 = onnx.load(tmp_path / "int8.onnx")
    exact = mean_output(network)
    shifts = bias_shifts(graph.model, int8, FRAMES)
    name = list(layers_of(graph.model))[-1]
    expected = exact - mean_output(rounded(network, int8))
    assert np.abs(expected).min() > 0.01, "there is something to correct"
    np.testing.assert_allclose(shifts[name], expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("engine", ["onnxruntime", "tensorrt"])
@pytest.mark.parametrize("case", ["padded", "depthwise", "no bias", "linear"])
def test_the_quantized_layer_misses_the_mean_by_less(tmp_path: Path, case: str, engine: str) -> None:
    graph = calibrated(network_with(case), tmp_path, FRAMES)
    graph.write(tmp_path / "int8.onnx", "onnxruntime")
    shifts = bias_shifts(graph.model, onnx.load(tmp_path / "int8.onnx"), FRAMES)
    name = list(layers_of(graph.model))[-1]
    exact = logits(tmp_path / "prepared.onnx", FRAMES).mean(0)
    errors = []
    for made in (graph, CalibratedGraph(graph.model, graph.ranges, shifts)):
        made.write(tmp_path / "one.onnx", engine, only=name)
        errors.append(np.abs(logits(tmp_path / "one.onnx", FRAMES).mean(0) - exact).mean())
    assert errors[1] < 0.7 * errors[0], errors  # what is left are the activations, which are rounded too


def test_layers_that_share_a_bias_get_one_each_and_float_ones_keep_theirs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.Flatten())
    for layer in list(network)[:3]:
        nn.init.zeros_(layer.bias)
    graph = calibrated(network, tmp_path, FRAMES)
    first, second, third = layers_of(graph.model)
    biases = {node.name: node.input[2] for node in graph.model.graph.node if node.op_type == "Conv"}
    assert len(set(biases.values())) == 1, "the exporter stores equal tensors once"
    shift_biases(graph.model, {first: np.full(4, 1, np.float32), second: np.full(4, 2, np.float32)})
    onnx.checker.check_model(graph.model, full_check=True)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.model.graph.initializer}
    values = {node.name: tensors[node.input[2]][0] for node in graph.model.graph.node if node.op_type == "Conv"}
    assert values == {first: 1, second: 2, third: 0}


def test_only_what_is_quantized_is_shifted(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten())
    plain = calibrated(network, tmp_path, FRAMES)
    first, second = layers_of(plain.model)
    before = plain.model.SerializeToString()
    shifted = CalibratedGraph(plain.model, plain.ranges, {first: np.ones(4, np.float32)})

    def is_shifted(**options: Any) -> bool:
        files = []
        for graph in (plain, shifted):
            graph.write(tmp_path / "int8.onnx", "onnxruntime", **options)
            files.append((tmp_path / "int8.onnx").read_bytes())
        return files[0] != files[1]

    assert is_shifted()
    assert is_shifted(only=first)
    assert is_shifted(keep_float=[second])
    assert not is_shifted(only=second)
    assert not is_shifted(keep_float=[first])
    assert plain.model.SerializeToString() == before


def test_a_product_without_a_bias_is_left_as_it_is(tmp_path: Path) -> None:
    graph = calibrated(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4 * SIZE * SIZE, 5, bias=False)),
                       tmp_path, FRAMES)  # fmt: skip
    assert [layer.op for layer in layers_of(graph.model).values()] == ["Conv", "MatMul"]
    graph.write(tmp_path / "int8.onnx", "onnxruntime")
    assert list(bias_shifts(graph.model, onnx.load(tmp_path / "int8.onnx"), FRAMES)) == ["/0/Conv"]
