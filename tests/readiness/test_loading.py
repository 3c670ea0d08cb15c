"""What is no whole ONNX file is refused with a clear message, and weights in other files are found where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline.errors import EdgeboardError
from pipeline.readiness.check import check_model
from tests.readiness.small_models import make_model, node, one_node, quantized_weights, write

LARGE = np.full((64, 4, 1, 1), 0.5, np.float32)


def whole() -> bytes:
    return one_node("Conv", "x w", tensors={"w": LARGE}).SerializeToString()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, this is a text",
        bytes(range(256)) * 8,
        b"\x00" * 64,
        whole()[:-1],
        whole()[: len(whole()) // 2],
        whole()[:20],
        one_node("Relu").graph.SerializeToString(),
        onnx.ModelProto(ir_version=7).SerializeToString(),
    ],
)
def test_what_is_no_whole_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(EdgeboardError, match="not an ONNX model, or only a part of one") as caught:
        check_model(path, "8.2")
    assert caught.value.where == path
    assert f"{len(content)} bytes" in str(caught.value.value)


def test_a_cut_anywhere_is_refused_or_at_least_found(tmp_path: Path) -> None:
    content = quantized_weights(axis=0).SerializeToString()
    path = tmp_path / "model.onnx"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(EdgeboardError, match="not an ONNX model"):
            check_model(path, "8.2")
    path.write_bytes(content)
    assert check_model(path, "8.2") == []


@pytest.mark.parametrize("name", ["missing.onnx", "."])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(EdgeboardError, match="There is no such file"):
        check_model(tmp_path / name, "8.2")


def write_apart(folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(quantized_weights(axis=0), path, save_as_external_data=True, location="model.data", size_threshold=0)
    return path


def test_values_in_another_file_are_read(tmp_path: Path) -> None:
    path = write_apart(tmp_path)
    assert check_model(path, "8.2") == []
    values = np.fromfile(tmp_path / "model.data", np.uint8)
    (tmp_path / "model.data").write_bytes(np.zeros_like(values).tobytes())
    assert {one.rule for one in check_model(path, "8.2")} == {"qdq-scale"}, "its scales are 0 now"


def test_a_missing_file_of_values_is_named(tmp_path: Path) -> None:
    path = write_apart(tmp_path)
    (tmp_path / "model.data").unlink()
    with pytest.raises(EdgeboardError, match="file with the model's weights is missing") as caught:
        check_model(path, "8.2")
    assert caught.value.where == tmp_path / "model.data"


def test_a_file_of_values_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = write_apart(tmp_path)
    (tmp_path / "model.data").write_bytes((tmp_path / "model.data").read_bytes()[:10])
    with pytest.raises(EdgeboardError, match="too short") as caught:
        check_model(path, "8.2")
    assert "the file at 10" in str(caught.value.value)


def test_values_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = write_apart(tmp_path / "inner")
    model = onnx.load(path, load_external_data=False)
    (tmp_path / "inner" / "model.data").rename(tmp_path / "model.data")
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = "../model.data"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EdgeboardError, match="outside of the model's folder"):
        check_model(path, "8.2")


def test_a_weight_in_a_constant_node_is_a_weight(tmp_path: Path) -> None:
    tensor = onnx.numpy_helper.from_array(np.array([2]), "k")
    held = make_model([node("Constant", "", "k", value=tensor), node("TopK", "x k", "y i")])
    assert [one.rule for one in check_model(write(held, tmp_path), "8.2") if one.severity == "error"] == []
    counted = make_model([node("Constant", "", "k", value_ints=[5000]), node("TopK", "x k", "y i")])
    assert "topk" in {one.rule for one in check_model(write(counted, tmp_path), "8.2")}
