"""Static int8 quantization after training, with real calibration frames, made once per engine.

Method: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR 2018 (arXiv:1712.05877), by ONNX Runtime's quantizer. The engines want different files:
ONNX Runtime on x86 is fast with uint8 activations and slower than float with symmetric int8 ones, and
TensorRT takes symmetric int8 only.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import PlannedStep, Quantize
from pipeline.data.frames import Frames, load_frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.export.onnx_file import INPUT_NAME, export_onnx
from pipeline.files import read_json

ENGINES = ("onnxruntime", "tensorrt")
_CALIBRATION = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Quantize the float network in `source` into one graph per engine."""
    options: Quantize = step.options
    network, meta = load_artifact(source)
    train_frames = load_frames(context.data_folder, "train", meta.frame_size, meta.class_names)
    calibration = calibration_frames(train_frames, options.calibration_frames, context.params.seed)
    graphs = {engine: f"graphs/{engine}.onnx" for engine in ENGINES}
    (destination / "graphs").mkdir()
    with tempfile.TemporaryDirectory(prefix="edgeboard-") as folder:
        float_file, prepared = Path(folder, "float.onnx"), Path(folder, "prepared.onnx")
        export_onnx(network, meta.frame_size, float_file, context.params.export.opset)
        quant_pre_process(str(float_file), str(prepared), skip_symbolic_shape=True)
        for engine, name in graphs.items():
            quantize_graph(prepared, destination / name, engine, calibration, _CALIBRATION[options.calibration])
    parent = read_json(source / "report.json")
    report = {
        "step": "quantize",
        "options": options.model_dump(),
        "calibration_frames_used": len(calibration),
        "params": parent["params"],
        "macs": parent["macs"],
        "nonzero": parent["params"] - zero_weights(destination / graphs["onnxruntime"]),
    }
    new_meta = meta_after(meta, step, graphs=graphs, precision="int8")
    save_artifact(destination, None, new_meta, report)


def calibration_frames(frames: Frames, count: int, seed: int) -> NDArray[np.uint8]:
    """At most `count` training frames `[n, S, S, 3]`, drawn evenly over the classes."""
    if len(frames) == 0:
        raise EdgeboardError("There is no training frame to calibrate with", where="data/<task>/index.csv")
    generator = np.random.default_rng([seed, 1])
    per_class = [generator.permutation(np.flatnonzero(frames.labels == c)) for c in range(len(frames.class_names))]
    longest = max(len(indices) for indices in per_class)
    in_turn = [int(indices[i]) for i in range(longest) for indices in per_class if i < len(indices)]
    return frames.frames_nhwc[in_turn[:count]]


def quantize_graph(
    prepared: Path, out: Path, engine: str, frames_nhwc: NDArray[np.uint8], method: CalibrationMethod
) -> None:
    """Write the int8 QDQ graph of a pre-processed float file for `engine` (onnxruntime or tensorrt)."""
    settings: dict[str, Any]
    if engine == "onnxruntime":
        settings = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "extra_options": {}}
    else:
        # TensorRT's importer: symmetric, no quantized bias, Q/DQ on both sides of a weight, and on the inputs
        # of layers only, for Relu and Clip are not folded into a symmetric output.
        weighted = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
        settings = {
            "activation_type": QuantType.QInt8,
            "weight_type": QuantType.QInt8,
            "op_types_to_quantize": [*weighted, "Add"],
            "extra_options": {
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "AddQDQPairToWeight": True,
                "DedicatedQDQPair": True,
                "OpTypesToExcludeOutputQuantization": weighted,
            },
        }
    root_logger = logging.getLogger()
    level = root_logger.level
    root_logger.setLevel(logging.ERROR)  # it advises the pre-processing that was just done
    try:
        quantize_static(
            str(prepared),
            str(out),
            _Reader(frames_nhwc),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            calibrate_method=method,
            **settings,
        )
    finally:
        root_logger.setLevel(level)


def zero_weights(path: Path) -> int:
    """How many of the stored weights of a quantized graph are zero."""
    model = onnx.load(path)
    weights = (onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer if len(tensor.dims) > 1)
    return sum(int(array.size - np.count_nonzero(array)) for array in weights)


class _Reader(CalibrationDataReader):
    """One frame at a time, so that calibration memory does not grow with their number."""

    def __init__(self, frames_nhwc: NDArray[np.uint8]) -> None:
        self._frames: Iterator[NDArray[np.uint8]] = iter(frames_nhwc)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        frame = next(self._frames, None)
        return None if frame is None else {INPUT_NAME: normalise(frame[None])}
