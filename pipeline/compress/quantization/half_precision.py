"""Weights and activations in float16: half the bytes, for engines that compute in it (TensorRT does, ONNX Runtime's
CPU kernels mostly convert back to float32 and so gain size only).

Method: Micikevicius et al., Mixed Precision Training, ICLR 2018 (arXiv:1710.03740) for the format and its limits; by
ONNX Runtime's converter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from pipeline.compress.quantization.calibration import largest_activation
from pipeline.errors import EdgeboardError

LARGEST = float(np.finfo(np.float16).max)


def write_half(exported: Path, ranges: TensorsData, out: Path) -> dict[str, float]:
    """Write the float16 form of an exported float file; its input and output stay float32.

    Returns the largest absolute weight and activation. Raises EdgeboardError where one is beyond float16, naming it.
    """
    model = onnx.load(exported)
    weights = {
        tensor.name: float(np.abs(numpy_helper.to_array(tensor)).max(initial=0))
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    weight = max(sorted(weights), key=weights.__getitem__, default="")
    largest_weight = weights.get(weight, 0.0)
    _require_within("weight", weight, largest_weight)
    activation, largest = largest_activation(ranges)
    _require_within("activation", activation, largest)
    converted = OnnxModel(convert_float_to_float16(model, keep_io_types=True))
    converted.topological_sort()  # the converter appends its casts at the end
    onnx.checker.check_model(converted.model, full_check=True)
    onnx.save(converted.model, out)
    return {"largest_weight": largest_weight, "largest_activation": largest}


def _require_within(kind: str, name: str, value: float) -> None:
    if value > LARGEST:
        raise EdgeboardError(
            f"A{'n' if kind == 'activation' else ''} {kind} is too large for float16",
            where=f"{kind} {name} of the exported graph",
            value=f"{value:g}",
            allowed=f"at most {LARGEST:g}",
            mend="train with more train.<task>.weight_decay, or use method: static",
        )
