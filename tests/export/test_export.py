"""The gates: a file that disagrees with PyTorch, or that TensorRT's parser refuses, does not ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.data.frames import load_frames
from pipeline.errors import EdgeboardError
from pipeline.export import export as export_module
from pipeline.export import tensorrt_check
from pipeline.export.export import export_variant
from pipeline.export.parity import compare, float_logits, require_parity
from pipeline.networks import build_network
from pipeline.params import Export
from tests.picture_folder import CLASS_NAMES, write_data_folder

OPTIONS = Export(opset=13, parity_frames=4, parity_tolerance=1e-3, min_agreement=0.9, tensorrt_check="auto")
needs_parser = pytest.mark.skipif(
    not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    folder = write_data_folder(tmp_path_factory.mktemp("data"), {"train": 2, "val": 2, "test": 1})
    return load_frames(folder, "val", 32, CLASS_NAMES).frames_nhwc[:4]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("baseline")
    meta = Meta("fire", "resnet18", CLASS_NAMES, 32, recipe=[])
    save_artifact(folder, build_network("resnet18", 3), meta, {"params": 3, "nonzero": 2, "macs": 1})
    return folder


def test_a_float_variant_ships_with_its_proof(tmp_path: Path, baseline: Path, data: NDArray[np.uint8]) -> None:
    entry = export_variant(baseline, tmp_path, Path("exports/fire/baseline"), data, OPTIONS)
    assert entry["file"] == "exports/fire/baseline/model.onnx"
    assert entry["size_bytes"] == (tmp_path / "model.onnx").stat().st_size
    assert entry["parity"]["onnxruntime"]["agreement"] == 1
    assert entry["parity"]["onnxruntime"]["n"] == 4
    assert entry["tensorrt"]["accepted"] is (True if tensorrt_check.is_available() else None)


def graph_with_gain(path: Path, gain: float, source: Path) -> None:
    """The file in `source` with its logits multiplied by `gain`, negative to turn decisions round."""
    model = onnx.load(source)
    model.graph.node[-1].output[0] = "before"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(gain, dtype=np.float32), "gain"))
    model.graph.node.append(helper.make_node("Mul", ["before", "gain"], ["logits"]))
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("gain", "precision", "refused"),
    [(1, "fp32", None), (1.01, "fp32", "does not give the outputs"), (1.01, "int8", None), (-1, "int8", "too often")],
)
def test_the_parity_gate(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], gain: float, precision: str, refused: str | None
) -> None:
    export_variant(baseline, tmp_path, Path("out"), data, OPTIONS)
    graph_with_gain(tmp_path / "changed.onnx", gain, tmp_path / "model.onnx")
    parity = compare(float_logits(load_artifact(baseline)[0], data), tmp_path / "changed.onnx", data)
    if refused is None:
        require_parity(parity, Path("out/model.onnx"), precision, 1e-3, 0.9)
        assert parity["agreement"] == 1
    else:
        with pytest.raises(EdgeboardError, match=refused) as caught:
            require_parity(parity, Path("out/model.onnx"), precision, 1e-3, 0.9)
        assert "out/model.onnx" in str(caught.value)


def unsupported_model(path: Path) -> None:
    """Valid ONNX that TensorRT has no operator for."""
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])
    node = helper.make_node("Mystery", ["frames"], ["logits"], name="the_odd_one", domain="nowhere")
    graph = helper.make_graph([node], "g", [frames], [logits])
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("nowhere", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=7), path)


@needs_parser
def test_a_refusal_fails_the_export_with_the_parsers_words(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsupported_model(tmp_path / "odd.onnx")
    verdict = tensorrt_check.check(tmp_path / "odd.onnx")
    assert not verdict["accepted"]
    assert "Mystery" in " ".join(verdict["words"])
    real_check = tensorrt_check.check
    monkeypatch.setattr(export_module.tensorrt_check, "check", lambda _file: real_check(tmp_path / "odd.onnx"))
    with pytest.raises(EdgeboardError, match="refuses the exported file") as caught:
        export_variant(baseline, tmp_path, Path("exports/fire/baseline"), data, OPTIONS)
    assert "Mystery" in str(caught.value)
    assert "exports/fire/baseline/model.onnx" in str(caught.value)


@pytest.mark.parametrize(("mode", "raises"), [("auto", False), ("off", False), ("require", True)])
def test_where_the_parser_is_not_installed_the_report_says_so(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, mode: str, raises: bool
) -> None:
    monkeypatch.setattr(export_module.tensorrt_check, "is_available", lambda: False)
    options = OPTIONS.model_copy(update={"tensorrt_check": mode})
    if raises:
        with pytest.raises(EdgeboardError, match="not installed"):
            export_variant(baseline, tmp_path, Path("out"), data, options)
    else:
        verdict = export_variant(baseline, tmp_path, Path("out"), data, options)["tensorrt"]
        assert verdict["accepted"] is None
        assert "not checked" in verdict["words"][0]
