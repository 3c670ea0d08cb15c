"""How heads are read, as it lies beside the model: what is written is read again, to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline.data.frames import load_frames, normalise
from pipeline.detectors import Detector, build_detector
from pipeline.errors import EdgeboardError
from pipeline.export.export import export_variant
from pipeline.export.head_file import read_head, write_head
from pipeline.export.parity import float_outputs
from pipeline.params import Export
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.boxes import decode_detections
from tests.detection_folder import CLASS_NAMES, SIZE, SSDLITE, new_detector, save_detector, write_detection_folder


@pytest.mark.parametrize("name", [SSDLITE, "retinanet_resnet50_fpn", "fcos_resnet50_fpn"])
def test_a_head_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    head = build_detector(name, 3, 96).head(0.02, 0.5, 100) | {"operating_threshold": 0.375}
    path = write_head(tmp_path, head)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["anchors.npy", "head.json"]
    found = read_head(path)
    np.testing.assert_array_equal(found.pop("anchors_xyxy"), head["anchors_xyxy"])
    assert found == {key: value for key, value in head.items() if key != "anchors_xyxy"}

    heads = np.random.default_rng(0).normal(0, 2, (len(head["anchors_xyxy"]), 9)).astype(np.float32)
    for mine, read in zip(decode_detections(heads, head), decode_detections(heads, read_head(path)), strict=True):
        np.testing.assert_array_equal(mine, read)


def test_the_files_are_for_everyone(tmp_path: Path) -> None:
    """A board reads them without our code: plain JSON, and an array of float32 that needs no pickle."""
    head = build_detector(SSDLITE, 3, 96).head(0.02, 0.5, 100)
    path = write_head(tmp_path, head)
    assert json.loads(path.read_text())["n_classes"] == 3
    anchors = np.load(tmp_path / "anchors.npy", allow_pickle=False)
    assert (anchors.dtype, anchors.shape) == (np.float32, (len(head["anchors_xyxy"]), 4))
    first = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    write_head(tmp_path, head)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == first


def test_a_missing_file_tells_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="dvc repro export") as caught:
        read_head(tmp_path / "head.json")
    assert "head.json" in str(caught.value)


def test_an_exported_detector_is_read_by_its_head(tmp_path: Path) -> None:
    """One output, the raw heads; the boxes of the file are those of the PyTorch network, to a fraction of a pixel."""
    network = new_detector()
    data = write_detection_folder(tmp_path / "data", {"val": 4})
    frames = load_frames(data, "val", SIZE, CLASS_NAMES).frames_nhwc
    artifact, out = save_detector(tmp_path / "artifact", network), tmp_path / "out"
    out.mkdir()
    options = Export(opset=13, parity_frames=4, parity_tolerance=1e-3, min_agreement=0.9, tensorrt_check="off")

    def head_of(loaded: object) -> dict[str, object]:
        assert isinstance(loaded, Detector)
        return loaded.head(0.05, 0.5, 50)

    entry = export_variant(artifact, out, Path("exports/suspect/baseline"), frames, options, head_of)
    assert entry["head"] == "exports/suspect/baseline/head.json"
    assert entry["parity"]["onnxruntime"]["agreement"] == 1
    assert sorted(path.name for path in out.iterdir()) == ["anchors.npy", "head.json", "model.onnx"]
    (model_output,) = onnx.load(out / "model.onnx").graph.output
    assert model_output.name == "heads"
    assert [size.dim_value for size in model_output.type.tensor_type.shape.dim] == [1, len(network.anchors_xyxy), 8]

    head, engine = read_head(out / "head.json"), OnnxRuntimeEngine(out / "model.onnx", threads=1)
    exact = float_outputs(network, frames)
    n_boxes = 0
    for frame, heads_ak in zip(frames, exact, strict=True):
        found = decode_detections(engine.run(normalise(frame[None]))[0], head)
        expected = decode_detections(heads_ak, head)
        np.testing.assert_allclose(found.scores[:5], expected.scores[:5], atol=1e-4)
        np.testing.assert_allclose(found.boxes_xyxy[:5], expected.boxes_xyxy[:5], atol=0.05)
        n_boxes += len(found.labels)
    assert n_boxes > 10
