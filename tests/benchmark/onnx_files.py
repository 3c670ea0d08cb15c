"""Small ONNX files made for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_linear_model(path: Path, frame_size: int = 8, hidden: int = 4, classes: int = 3, seed: int = 0) -> Path:
    """A flatten and two matrix products: `3 * frame_size**2 * hidden` weights, so that a file's size can be chosen."""
    rng = np.random.default_rng(seed)
    pixels = 3 * frame_size**2
    first = (rng.standard_normal((pixels, hidden)) / pixels**0.5).astype(np.float32)
    second = rng.standard_normal((hidden, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("MatMul", ["flat", "first"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "second"], ["logits"]),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, frame_size, frame_size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path
