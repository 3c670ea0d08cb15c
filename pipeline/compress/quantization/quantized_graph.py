"""int8 graphs by ONNX Runtime's quantizer, from one calibration: whole, or with chosen layers left float.

The engines want different files: ONNX Runtime on x86 is fast with uint8 activations and slower than float with
symmetric int8 ones, and TensorRT takes symmetric int8 only. The weights are the same in both: symmetric int8 with a
scale for every output channel.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.shape_inference import quant_pre_process

from pipeline.compress.quantization.bias_correction import shift_biases
from pipeline.compress.quantization.calibration import QUANTIZABLE
from pipeline.compress.quantization.graph_layers import entrance_of, layers_of, tail_of
from pipeline.compress.quantization.graph_weights import WEIGHTED


@dataclass(frozen=True)
class _Engine:
    activations: QuantType
    operators: Collection[str]
    options: Mapping[str, Any]


_ENGINES = {
    "onnxruntime": _Engine(QuantType.QUInt8, QUANTIZABLE, {}),
    # TensorRT's importer: symmetric, no quantized bias, Q/DQ on both sides of a weight, and on the inputs of layers
    # only, for Relu and Clip are not folded into a symmetric output.
    "tensorrt": _Engine(
        QuantType.QInt8,
        (*WEIGHTED, "Add"),
        {
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "AddQDQPairToWeight": True,
            "DedicatedQDQPair": True,
            "OpTypesToExcludeOutputQuantization": list(WEIGHTED),
        },
    ),
}
ENGINES = tuple(_ENGINES)


@dataclass(frozen=True)
class CalibratedGraph:
    """A prepared float graph and all that is needed to write it in int8, as often as wished.

    bias_shifts: what is added to the bias of a node where that is quantized, see bias_correction.
    """

    model: onnx.ModelProto
    ranges: TensorsData
    bias_shifts: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def write(self, out: Path, engine: str, only: str | None = None, keep_float: Collection[str] = ()) -> None:
        """Write the int8 QDQ graph for `engine` (onnxruntime or tensorrt).

        only: the one layer that is quantized. keep_float: layers that are not. A float layer still reads 8-bit
        activations where a quantized one reads the same tensor. What comes behind the last layers is always float, and
        so is the difference of frames in front of the first.
        """
        settings, layers = _ENGINES[engine], layers_of(self.model)
        excluded = [*entrance_of(self.model), *tail_of(self.model)]
        excluded += [node for layer in keep_float for node in layers[layer].nodes]
        chosen = list(layers[only].nodes) if only else []
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        shifted = {
            name: shift
            for name, shift in self.bias_shifts.items()
            if name not in excluded and (not chosen or name in chosen)
        }
        shift_biases(model, shifted)
        with _quietly():
            quantizer = QDQQuantizer(
                model,
                True,  # weights per channel
                False,  # weights in all of 8 bits
                QuantType.QInt8,
                settings.activations,
                # The quantizer changes the ranges in front of a Relu.
                TensorsData(self.ranges.calibration_method, dict(self.ranges.items())),
                chosen,
                excluded,
                list(settings.operators),
                dict(settings.options),
            )
            quantizer.quantize_model()
        quantizer.model.save_model_to_file(str(out), False)
        _without_unused_domains(out)


def drop_unused_domains(model: onnx.ModelProto) -> None:
    """Leave out operator sets that no node is of, in place: older runtimes refuse a file for the mere name of one.

    ONNX Runtime's quantizer names all that it knows.
    """
    used = {node.domain or "ai.onnx" for node in model.graph.node} | {"ai.onnx"}
    kept = [one for one in model.opset_import if (one.domain or "ai.onnx") in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _without_unused_domains(path: Path) -> None:
    model = onnx.load(path)
    drop_unused_domains(model)
    onnx.save(model, path)


def prepare(exported: Path, out: Path) -> onnx.ModelProto:
    """Fold and simplify an exported float file as the quantizer wants it, write it to `out` and return it."""
    with _quietly():
        quant_pre_process(str(exported), str(out), skip_symbolic_shape=True)
    return load_model_with_shape_infer(out)


def write_dynamic(prepared: Path, out: Path) -> None:
    """Write the graph whose weights are uint8 and whose activations get their scale anew from every frame.

    For ONNX Runtime only: it holds ConvInteger and MatMulInteger, which TensorRT does not know. uint8 and one scale a
    tensor is what ConvInteger takes in every version of ONNX Runtime.
    """
    with _quietly():
        quantize_dynamic(str(prepared), str(out), op_types_to_quantize=["Conv", "MatMul"], weight_type=QuantType.QUInt8)
    _without_unused_domains(out)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice that ONNX Runtime's tools write into the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
