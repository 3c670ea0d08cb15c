"""The gates: a file that disagrees with PyTorch, or that TensorRT's parser refuses, does not ship."""

from __future__ import annotations

import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from pipeline.answers import ClassAnswers
from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.share_weights import make_permanent, share_weights
from pipeline.data.frames import load_frames
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.export import export_variant
from pipeline.export.onnx_file import export_onnx
from pipeline.export.packed import unpack
from pipeline.export.parity import compare, float_outputs, require_parity
from pipeline.files import read_json, sha256_file, write_json
from pipeline.networks import build_network
from pipeline.params import Export
from tests.picture_folder import CLASS_NAMES, write_data_folder

OPTIONS = Export(opset=13, parity_frames=4, parity_tolerance=1e-3, min_agreement=0.9, tensorrt_check="auto")
ARCHITECTURE = "shufflenet_v2_x0_5"  # one of the smallest
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
    network = build_network(ARCHITECTURE, 3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
    meta = Meta("fire", ARCHITECTURE, CLASS_NAMES, 32, recipe=[])
    save_artifact(folder, network, meta, {"params": 3, "nonzero": 2, "macs": 1})
    return folder


def test_a_float_variant_ships_with_its_proof(tmp_path: Path, baseline: Path, data: NDArray[np.uint8]) -> None:
    entry = export_variant(baseline, tmp_path, Path("exports/fire/baseline"), data, OPTIONS)
    assert entry["file"] == "exports/fire/baseline/model.onnx"
    assert entry["size_bytes"] == (tmp_path / "model.onnx").stat().st_size
    assert (entry["ships"], entry["ships_sha256"]) == (entry["file"], entry["sha256"])
    assert entry["size_compressed_bytes"] == len(zlib.compress((tmp_path / "model.onnx").read_bytes(), 9))
    assert entry["shared_bits"] is None
    assert entry["parity"]["onnxruntime"]["agreement"] == 1
    assert entry["parity"]["onnxruntime"]["n"] == 4
    assert entry["tensorrt"]["accepted"] is (True if tensorrt_check.is_available() else None)


def test_shared_weights_ship_packed_and_run_unpacked(tmp_path: Path, baseline: Path, data: NDArray[np.uint8]) -> None:
    network, meta = load_artifact(baseline)
    share_weights(network, 4, keep_zeros=False)
    make_permanent(network)
    artifact, out = tmp_path / "artifact", tmp_path / "out"
    artifact.mkdir()
    out.mkdir()
    shared = replace(meta, recipe=["share_weights"], parent="models/nowhere", shared_bits=4)
    save_artifact(artifact, network, shared, {"params": 3, "nonzero": 2, "macs": 1})
    entry = export_variant(artifact, out, Path("exports/fire/shared"), data, OPTIONS)
    assert entry["file"] == "exports/fire/shared/model.onnx"
    assert entry["ships"] == "exports/fire/shared/model.onnx.packed"
    packed = out / "model.onnx.packed"
    assert entry["size_bytes"] == entry["size_compressed_bytes"] == packed.stat().st_size
    assert entry["size_bytes"] < (out / "model.onnx").stat().st_size / 4
    tensors = {tensor.name: tensor for tensor in onnx.load(out / "model.onnx").graph.initializer}
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in tensors.values() if len(tensor.dims) > 1]
    assert max(len(np.unique(weight)) for weight in weights) == 16
    assert entry["ships_sha256"] == sha256_file(packed) != entry["sha256"] == sha256_file(out / "model.onnx")
    assert (entry["shared_bits"], entry["precision"]) == (4, "fp32")
    assert entry["float_artifact"] == artifact.as_posix(), "its own weights, not its parent's"
    assert entry["tensorrt"]["accepted"] is (True if tensorrt_check.is_available() else None)
    unpack(packed, tmp_path / "back.onnx")
    assert sha256_file(tmp_path / "back.onnx") == entry["sha256"]


def quantized(folder: Path, baseline: Path, made: dict[str, Any], engines: tuple[str, ...], precision: str) -> Path:
    """An artifact with a graph for each engine; the graph is the float one, which is as good here."""
    _, meta = load_artifact(baseline)
    (folder / "graphs").mkdir(parents=True)
    graphs = {engine: f"graphs/{engine}.onnx" for engine in engines}
    for name in graphs.values():
        export_onnx(load_artifact(baseline)[0], meta.frame_size, folder / name, 13)
    meta = replace(meta, recipe=["quantize"], parent=baseline.as_posix(), graphs=graphs, precision=precision)
    save_artifact(folder, None, meta, {"params": 3, "nonzero": 2, "macs": 1, **made})
    return folder


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"step": "quantize", "options": {"method": "dynamic"}}, "its scales are computed at run time"),
        ({"step": "something"}, "the step something made no graph for TensorRT"),
    ],
)
def test_a_graph_for_one_engine_only_says_why(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], made: dict[str, Any], words: str
) -> None:
    artifact = quantized(tmp_path / "artifact", baseline, made, ("onnxruntime",), "int8")
    (tmp_path / "out").mkdir()
    entry = export_variant(artifact, tmp_path / "out", Path("out"), data, OPTIONS)
    why = entry["tensorrt"].pop("words")
    assert words in why[0]
    assert entry["tensorrt"] == {"file": None, "sha256": None, "size_bytes": None, "accepted": None, "by_version": {}}
    assert list(entry["parity"]) == ["onnxruntime"]
    assert entry["float_artifact"] == baseline.as_posix()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]


def test_graphs_are_compared_with_the_weights_that_they_were_made_from(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8]
) -> None:
    """Training through quantization leaves weights of its own beside the graphs: those count, not the parent's."""
    engines = ("onnxruntime", "tensorrt")
    trained = quantized(tmp_path / "trained", baseline, {}, engines, "int8")
    shutil.copyfile(baseline / "weights.safetensors", trained / "weights.safetensors")
    torch.manual_seed(1)
    other = build_network(ARCHITECTURE, 3)
    torch.nn.init.normal_(other.fc.bias, 0, 100)
    (tmp_path / "parent").mkdir()
    save_artifact(tmp_path / "parent", other, replace(load_artifact(baseline)[1], recipe=["other"]), {})
    values = read_json(trained / "meta.json") | {"parent": (tmp_path / "parent").as_posix()}
    write_json(trained / "meta.json", values)
    (tmp_path / "out").mkdir()
    entry = export_variant(trained, tmp_path / "out", Path("out"), data, OPTIONS)
    assert entry["float_artifact"] == trained.as_posix()
    assert {engine: parity["largest_difference_relative"] < 1e-3 for engine, parity in entry["parity"].items()} == {
        "onnxruntime": True, "tensorrt": True,
    }  # fmt: skip
    assert entry["tensorrt"]["file"] == "out/model.tensorrt.onnx"
    (trained / "weights.safetensors").unlink()
    with pytest.raises(EdgeboardError, match="too often"):
        export_variant(trained, tmp_path / "out", Path("out"), data, OPTIONS)


def graph_with_gain(path: Path, gain: float, source: Path) -> None:
    """The file in `source` with its logits multiplied by `gain`, negative to turn decisions round."""
    model = onnx.load(source)
    model.graph.node[-1].output[0] = "before"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(gain, dtype=np.float32), "gain"))
    model.graph.node.append(helper.make_node("Mul", ["before", "gain"], ["logits"]))
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("gain", "precision", "refused"),
    [
        (1, "fp32", None),
        (1.01, "fp32", "does not give the outputs"),
        (1.01, "int8", None),
        (-1, "int8", "The int8 file .* too often"),
        (1.01, "fp16", None),
        (-1, "fp16", "The fp16 file .* too often"),
    ],
)
def test_the_parity_gate(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], gain: float, precision: str, refused: str | None
) -> None:
    export_variant(baseline, tmp_path, Path("out"), data, OPTIONS)
    graph_with_gain(tmp_path / "changed.onnx", gain, tmp_path / "model.onnx")
    parity = compare(float_outputs(load_artifact(baseline)[0], data), tmp_path / "changed.onnx", data, ClassAnswers())
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
    monkeypatch.setattr(tensorrt_check, "check", lambda _file: real_check(tmp_path / "odd.onnx"))
    with pytest.raises(EdgeboardError, match="refuses the exported file") as caught:
        export_variant(baseline, tmp_path, Path("exports/fire/baseline"), data, OPTIONS)
    assert "Mystery" in str(caught.value)
    assert "exports/fire/baseline/model.onnx" in str(caught.value)


@pytest.mark.parametrize(("mode", "raises"), [("auto", False), ("off", False), ("require", True)])
def test_where_the_parser_is_not_installed_the_report_says_so(
    tmp_path: Path, baseline: Path, data: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, mode: str, raises: bool
) -> None:
    monkeypatch.setattr(tensorrt_check, "is_available", lambda: False)
    options = OPTIONS.model_copy(update={"tensorrt_check": mode})
    if raises:
        with pytest.raises(EdgeboardError, match="not installed"):
            export_variant(baseline, tmp_path, Path("out"), data, options)
    else:
        verdict = export_variant(baseline, tmp_path, Path("out"), data, options)["tensorrt"]
        assert verdict["accepted"] is None
        assert "not checked" in verdict["words"][0]
