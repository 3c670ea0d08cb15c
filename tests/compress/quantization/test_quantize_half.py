from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipeline.compress.quantization.calibration import calibrate
from pipeline.compress.quantization.half_precision import LARGEST, write_half
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.networks import build_network
from tests.compress.small_graphs import logits, prepared, random_frames, tiny_resnet

FRAMES = random_frames(4, size=32).frames_nhwc


def half(network: nn.Module, folder: Path) -> dict[str, float]:
    _, path = prepared(network, folder, size=32)
    return write_half(folder / "float.onnx", calibrate(path, FRAMES, "minmax"), folder / "half.onnx")


def mobilenet() -> nn.Module:
    torch.manual_seed(0)
    return build_network("mobilenet_v3_small", 3)


@pytest.mark.parametrize("network", [tiny_resnet, mobilenet])
def test_it_says_what_the_float_one_says_in_half_the_bytes(tmp_path: Path, network: object) -> None:
    half(network(), tmp_path)  # type: ignore[operator]
    exact, rounded = (logits(tmp_path / f"{name}.onnx", FRAMES) for name in ("float", "half"))
    np.testing.assert_allclose(rounded, exact, atol=0.01 * np.abs(exact).max())
    sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in ("float", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    model = onnx.load(tmp_path / "half.onnx")
    onnx.checker.check_model(model, full_check=True)
    io = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    assert set(io) == {onnx.TensorProto.FLOAT}
    assert not any(t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1 for t in model.graph.initializer)
    if tensorrt_check.is_available():
        verdict = tensorrt_check.check(tmp_path / "half.onnx")
        assert verdict["accepted"], verdict["words"]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    _, path = prepared(mobilenet(), tmp_path, size=32)
    ranges = calibrate(path, FRAMES, "minmax")
    for name in ("a", "b"):
        write_half(tmp_path / "float.onnx", ranges, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def two_layers(weight: float, bias: float) -> nn.Module:
    """One value of the graph is `bias`, one weight is `weight`, and their product is an output."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.Flatten())
    network[0].weight.data[0] = 0
    network[0].bias.data[:] = torch.tensor([bias, 0.0])
    network[2].weight.data[1, 0, 0, 0] = weight
    return network


@pytest.mark.parametrize(("weight", "bias"), [(LARGEST, 0.0), (-LARGEST, 0.0), (1.0, 60000.0)])
def test_what_float16_just_holds_is_taken(tmp_path: Path, weight: float, bias: float) -> None:
    largest = half(two_layers(weight, bias), tmp_path)
    assert max(largest.values()) >= max(abs(weight), bias)
    assert np.isfinite(logits(tmp_path / "half.onnx", FRAMES)).all()


@pytest.mark.parametrize(
    ("weight", "bias", "what", "where", "value"),
    [
        (65536.0, 0.0, "A weight is too large", "2.weight", "65536"),
        (-1e9, 0.0, "A weight is too large", "2.weight", "1e+09"),
        (2.0, 60000.0, "An activation is too large", "/2/Conv_output_0", "120000"),
    ],
)
def test_what_float16_cannot_hold_is_refused_by_name(
    tmp_path: Path, weight: float, bias: float, what: str, where: str, value: str
) -> None:
    with pytest.raises(EdgeboardError, match=what) as caught:
        half(two_layers(weight, bias), tmp_path)
    assert where in str(caught.value.where)
    assert float(str(caught.value.value)) == pytest.approx(float(value), rel=1e-3)
    assert caught.value.allowed == "at most 65504"
    assert not (tmp_path / "half.onnx").exists()
