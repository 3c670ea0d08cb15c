"""The checker beside the real parser and builder of the TensorRT family, and beside what the project exports."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from pipeline.export import tensorrt_check
from pipeline.readiness.check import check_model
from pipeline.readiness.tensorrt_module import check_with_tensorrt
from tests.readiness.small_models import (
    POINT_WEIGHTS,
    make_model,
    node,
    one_node,
    quantized,
    quantized_weights,
    write,
)

needs_rtx = pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx is not installed here")

CASES: dict[str, tuple[onnx.ModelProto, bool]] = {
    "a convolution": (one_node("Conv", "x w", tensors={"w": POINT_WEIGHTS}), True),
    "quantized weights": (quantized_weights(axis=0), True),
    "int8 weights": (quantized_weights(stored_as=np.int8, axis=0), True),
    "a scale of 0": (quantized(np.array(0, np.float32)), False),
    "a zero point of 3": (quantized(zero_point=np.array(3, np.int8)), False),
    "fewer scales than channels": (quantized_weights(3, axis=0), False),
    "an int32 bias": (
        make_model([node("DequantizeLinear", "b s", "d"), node("Conv", "x w d")],
                   {"w": POINT_WEIGHTS, "b": np.ones(4, np.int32), "s": np.array(0.1, np.float32)}), False),
    "indices of a pool": (one_node("MaxPool", "x", "y i", kernel_shape=[2, 2]), False),
    "a dilated pool": (one_node("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]), False),
    "a free dimension": (one_node("Relu", inputs=[("x", TensorProto.FLOAT, ["n", 4])]), False),
    "an unknown operator": (one_node("Det", inputs=[("x", TensorProto.FLOAT, [3, 3])]), False),
    "int16": (one_node("Add", "x x", inputs=[("x", TensorProto.INT16, [3])],
                       outputs=[("y", TensorProto.INT16, None)], opset=14), False),
}  # fmt: skip


@needs_rtx
@pytest.mark.parametrize("name", CASES)
def test_the_checker_says_what_the_real_parser_and_builder_say(tmp_path: Path, name: str) -> None:
    model, accepted = CASES[name]
    path = write(model, tmp_path)
    errors = [one for one in check_model(path, "10.3") if one.severity == "error"]
    assert (errors == []) == accepted
    assert tensorrt_check.check(path)["accepted"] == accepted


@needs_rtx
def test_the_module_tensorrt_is_asked_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tensorrt-rtx has the same classes, and so it stands in for a module that needs a GPU."""
    import tensorrt_rtx

    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt_rtx)
    good = check_with_tensorrt(write(one_node("Relu"), tmp_path))
    assert good is not None
    assert (good["accepted"], good["step"], good["words"]) == (True, "builder", [])
    bad = check_with_tensorrt(write(one_node("MaxPool", "x", "y i", kernel_shape=[2, 2]), tmp_path))
    assert bad is not None
    assert (bad["accepted"], bad["step"]) == (False, "parser")
    assert "outputs for MaxPool" in " ".join(bad["words"])


def test_without_the_module_tensorrt_there_is_no_opinion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert check_with_tensorrt(write(one_node("Relu"), tmp_path)) is None
