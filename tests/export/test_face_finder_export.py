"""MTCNN without PyTorch: the exported files through ONNX Runtime and numpy against facenet-pytorch's own call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.face_finder_export import export_face_finder
from pipeline.export.face_finder_file import FINDER_FILE, read_face_finder
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.face_finder import Face, Run, find_faces, in_batches
from tests.data.face_crops.cases import Frame, agreement, drawn_frames, plain_faces


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "finder"
    export_face_finder(folder)
    return folder


def runs(folder: Path) -> tuple[dict[str, Any], list[Run]]:
    described = read_face_finder(folder / FINDER_FILE)
    engines = []
    for name in ("pnet", "rnet", "onet"):
        network = described["networks"][name]
        engines.append(in_batches(OnnxRuntimeEngine(folder / network["file"], 1).run, network["input_shape"][0]))
    return described["finder"], engines


def on_board(folder: Path, frames: tuple[Frame, ...]) -> list[list[Face]]:
    """One frame after another, as a camera gives them."""
    finder, engines = runs(folder)
    return [find_faces([frame], finder, *engines)[0] for frame in frames]


def test_the_files_have_static_shapes_and_the_old_opset(exported: Path) -> None:
    described = read_face_finder(exported / FINDER_FILE)
    for name, network in described["networks"].items():
        model = onnx.load(exported / network["file"])
        assert model.ir_version <= 7
        assert {entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")} == {13}
        for values, shape in ((model.graph.input, "input_shape"), (model.graph.output, "output_shape")):
            (value,) = values
            assert [d.dim_value for d in value.type.tensor_type.shape.dim] == network[shape], name
    assert sum((exported / n["file"]).stat().st_size for n in described["networks"].values()) < 2.2e6


def test_the_same_export_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    export_face_finder(tmp_path / "again")
    names = sorted(path.name for path in exported.iterdir())
    assert names == ["face_finder.json", "face_onet.onnx", "face_pnet.onnx", "face_rnet.onnx"]
    for name in names:
        assert (exported / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_how_faces_are_sought_chosen_and_cut_goes_with_it(exported: Path, tmp_path: Path) -> None:
    crop = CropOptions(size=112, margin=0.4, rule="central", min_probability=0.8, min_side=24, similar=0.3)
    export_face_finder(tmp_path / "small", 13, 0.05, crop, 640)
    described, usual = (read_face_finder(folder / FINDER_FILE) for folder in (tmp_path / "small", exported))
    assert described["crop"] == {
        "size": 112, "margin": 0.4, "rule": "central", "min_probability": 0.8, "min_side": 24, "similar": 0.3
    }  # fmt: skip
    assert (described["min_face"], described["max_side"]) == (0.05, 640)
    assert described["finder"]["tiles"][0][0] == 2 * usual["finder"]["tiles"][0][0], "a face half as large is seen"
    assert (usual["min_face"], usual["crop"]["margin"]) == (0.1, 0.2)


def test_a_description_of_an_older_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / FINDER_FILE).write_text('{"finder": {}, "networks": {}}')
    with pytest.raises(EdgeboardError, match="older form"):
        read_face_finder(tmp_path / FINDER_FILE)


def test_the_board_finds_what_the_host_finds(exported: Path) -> None:
    frames = drawn_frames(5)
    for here, there in zip(FaceFinder().find(frames), on_board(exported, frames), strict=True):
        assert len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            np.testing.assert_allclose(one.box_xyxy, other.box_xyxy, atol=0.01)
            np.testing.assert_allclose(one.landmarks_xy, other.landmarks_xy, atol=0.01)


@pytest.mark.slow
@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this machine")
def test_tensorrt_accepts_all_three(exported: Path) -> None:
    for network in read_face_finder(exported / FINDER_FILE)["networks"].values():
        verdict = tensorrt_check.check(exported / network["file"])
        assert verdict["accepted"], verdict


@pytest.mark.slow
def test_the_board_finds_the_faces_of_the_plain_call(exported: Path) -> None:
    frames = drawn_frames(44)
    ious, apart = agreement(on_board(exported, frames), plain_faces(frames))
    assert (ious > 0.8).mean() >= 0.95
    assert np.median(apart) < 0.03
