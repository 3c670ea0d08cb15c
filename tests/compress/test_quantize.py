from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import CalibrationMethod
from onnxruntime.quantization.shape_inference import quant_pre_process

from pipeline.compress.quantize import calibration_frames, quantize_graph, zero_weights
from pipeline.data.frames import Frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import build_network
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

SIZE = 32


def random_frames(n: int, n_classes: int = 3) -> Frames:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
    labels = np.sort(generator.integers(0, n_classes, n)) if n else np.zeros(0, dtype=np.int64)
    return Frames(pixels, labels, [Path(f"{i}.jpg") for i in range(n)], [str(c) for c in range(n_classes)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    torch.manual_seed(0)
    export_onnx(build_network("resnet18", 3), SIZE, folder / "float.onnx", opset=13)
    quant_pre_process(str(folder / "float.onnx"), str(folder / "prepared.onnx"), skip_symbolic_shape=True)
    return folder / "prepared.onnx"


@pytest.mark.parametrize("count", [1, 4, 7, 100])
def test_calibration_frames_are_spread_over_the_classes(count: int) -> None:
    frames = random_frames(40)
    chosen = calibration_frames(frames, count, seed=1)
    assert len(chosen) == min(count, 40)
    kept = [int(np.flatnonzero((frames.frames_nhwc == frame).all((1, 2, 3)))[0]) for frame in chosen]
    per_class = np.bincount(frames.labels[kept], minlength=3)
    assert len(set(kept)) == len(kept)
    assert count >= 40 or per_class.max() - per_class.min() <= 1
    np.testing.assert_array_equal(chosen, calibration_frames(frames, count, seed=1))


def test_no_training_frame_is_refused() -> None:
    with pytest.raises(EdgeboardError, match="calibrate"):
        calibration_frames(random_frames(0), 4, seed=1)


@pytest.mark.parametrize("method", ["MinMax", "Entropy", "Percentile"])
@pytest.mark.parametrize("engine", ["onnxruntime", "tensorrt"])
def test_the_int8_graph_says_nearly_what_the_float_one_says(
    tmp_path: Path, prepared: Path, engine: str, method: str
) -> None:
    frames = random_frames(24).frames_nhwc
    out = tmp_path / "int8.onnx"
    quantize_graph(prepared, out, engine, frames, getattr(CalibrationMethod, method))
    logits = [
        np.concatenate([OnnxRuntimeEngine(path, 1).run(normalise(f[None])) for f in frames]) for path in (prepared, out)
    ]
    assert np.corrcoef(logits[0].ravel(), logits[1].ravel())[0, 1] > 0.95
    again = tmp_path / "again.onnx"
    quantize_graph(prepared, again, engine, frames, getattr(CalibrationMethod, method))
    assert again.read_bytes() == out.read_bytes()


def test_each_engine_gets_the_activations_it_wants(tmp_path: Path, prepared: Path) -> None:
    frames = random_frames(4).frames_nhwc
    for engine, activation in (("onnxruntime", onnx.TensorProto.UINT8), ("tensorrt", onnx.TensorProto.INT8)):
        out = tmp_path / f"{engine}.onnx"
        quantize_graph(prepared, out, engine, frames, CalibrationMethod.MinMax)
        model = onnx.load(out)
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
        assert tensors[first.input[2]].data_type == activation
        dequantized = [tensors.get(n.input[0]) for n in model.graph.node if n.op_type == "DequantizeLinear"]
        int32_biases = [tensor for tensor in dequantized if tensor and tensor.data_type == onnx.TensorProto.INT32]
        assert bool(int32_biases) == (engine == "onnxruntime")
        assert zero_weights(out) >= 0


@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform")
def test_the_real_parser_takes_the_file_made_for_it_and_refuses_the_other(tmp_path: Path, prepared: Path) -> None:
    frames = random_frames(4).frames_nhwc
    verdicts = {}
    for engine in ("onnxruntime", "tensorrt"):
        out = tmp_path / f"{engine}.onnx"
        quantize_graph(prepared, out, engine, frames, CalibrationMethod.MinMax)
        verdicts[engine] = tensorrt_check.check(out)
    assert verdicts["tensorrt"]["accepted"], verdicts["tensorrt"]["words"]
    assert not verdicts["onnxruntime"]["accepted"]
    assert verdicts["onnxruntime"]["words"]
