from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.deploy.bundle import make_bundle, named_tasks
from pipeline.deploy.sample_frames import SampleFrames, noise_frames
from pipeline.errors import EdgeboardError
from pipeline.targets.onnxruntime import OnnxRuntimeEngine
from pipeline.tasks.gallery import Gallery, Threshold, enrol, save
from tests.deploy.conftest import write_bundle, write_exports


def _members(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {one.name: (opened.extractfile(one) or io.BytesIO()).read() for one in opened.getmembers()}


def test_the_same_inputs_give_the_same_bytes(clone: Path) -> None:
    exports = write_exports(clone)
    first = write_bundle(clone, exports).read_bytes()
    (clone / "exports/fire/baseline/model.onnx").touch()
    assert write_bundle(clone, exports).read_bytes() == first
    with tarfile.open(clone / "bundles" / "fire.tar") as opened:
        members = opened.getmembers()
    assert [one.name for one in members] == sorted(one.name for one in members)
    assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in members} == {(0, 0, 0, "", 0o644)}


def test_every_file_has_its_sum(clone: Path, tmp_path: Path) -> None:
    tar = write_bundle(clone, write_exports(clone))
    files = _members(tar)
    manifest = json.loads(files["manifest.json"])
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert sums.keys() == files.keys() - {"SHA256SUMS"}
    assert all(hashlib.sha256(files[name]).hexdigest() == sha for name, sha in sums.items())
    assert manifest["files"].keys() == files.keys() - {"SHA256SUMS", "manifest.json"}
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", unpacked], check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=unpacked, check=True)


def test_each_engine_gets_its_own_file_and_expected_outputs(clone: Path) -> None:
    files = _members(write_bundle(clone, write_exports(clone)))
    manifest = json.loads(files["manifest.json"])
    models = {one["name"]: one["models"] for one in manifest["variants"]}
    assert {name: one["tensorrt"]["precision"] for name, one in models.items()} == {
        "baseline": "fp16",
        "pruned": "fp16",
        "quantized": "int8",
    }
    assert models["quantized"]["onnxruntime"]["precision"] == "int8"
    assert models["baseline"]["onnxruntime"]["file"] == models["baseline"]["tensorrt"]["file"]
    for engine, name in (("onnxruntime", "model.onnx"), ("tensorrt", "model.tensorrt.onnx")):
        model = models["quantized"][engine]
        runtime = OnnxRuntimeEngine(clone / "exports/fire/quantized" / name, 1)
        frame = np.frombuffer(files[manifest["frames"]["files"][1]], dtype="<f4").reshape(1, 3, 8, 8)
        expected = np.frombuffer(files[model["expected"][1]], dtype="<f4")
        assert np.array_equal(expected, runtime.run(frame).ravel())
    assert files["frames/000.f32"] != files["frames/001.f32"]


@pytest.mark.parametrize("rounds", [2, 0], ids=["timed", "built and checked only"])
def test_it_runs_by_itself(clone: Path, tmp_path: Path, rounds: int) -> None:
    """Unpacked on a stick, without a line to anywhere."""
    subprocess.run(["tar", "-xf", write_bundle(clone, write_exports(clone)), "-C", tmp_path], check=True)

    command = [
        sys.executable,
        "run_on_device.py",
        "run",
        ".",
        "--rounds",
        str(rounds),
        "--iterations",
        "2",
        "--seconds",
        "0",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    assert len(result["checks"]) == 3
    assert all(one["passed"] for one in result["checks"])
    assert len(result["samples"]) == rounds * 4


def test_a_variant_without_a_file_for_tensorrt(clone: Path) -> None:
    exports = write_exports(clone)
    exports["variants"]["quantized"]["tensorrt"] = {"file": None, "sha256": None, "words": ["dynamic int8"]}
    manifest = json.loads(_members(write_bundle(clone, exports))["manifest.json"])
    assert list(manifest["variants"][2]["models"]) == ["onnxruntime"]


def test_what_a_detectors_rows_are(clone: Path) -> None:
    exports = write_exports(clone)
    heads: list[dict[str, Any]] = [{}, {"kind": "two_stage"}, {}]
    for head, (name, entry) in zip(heads, exports["variants"].items(), strict=True):
        (clone / "exports/fire" / name / "head.json").write_text(json.dumps(head))
        entry["head"] = f"exports/fire/{name}/head.json"
    manifest = json.loads(_members(write_bundle(clone, exports))["manifest.json"])
    assert manifest["outputs"] == "heads"
    told = [variant["models"]["onnxruntime"].get("outputs") for variant in manifest["variants"]]
    assert told == [None, "proposals", None]
    assert manifest["variants"][0]["models"]["tensorrt"]["row"] == 3


ADAS_DIRECTION = np.float32([[0.123], [0.456], [0.789]])


def _gallery(sha256: str) -> Gallery:
    people = Gallery(sha256, 3, Threshold(0.5, 0.01, 0.0, 10, 5, True, "chosen by hand"))
    return enrol(people, "Ada Lovelace", np.eye(3)[:1])


def _face_exports(clone: Path) -> dict[str, Any]:
    exports = write_exports(clone) | {"task": "face", "class_names": ["Ada Lovelace"]}
    for name, entry in exports["variants"].items():
        folder = Path("exports/fire", name)
        for made, gallery in ((entry, "gallery.json"), (entry["tensorrt"], "gallery.tensorrt.json")):
            save(_gallery(made["sha256"]), clone / folder / gallery)
            made["gallery"] = (folder / gallery).as_posix()
        (clone / folder / "head.json").write_text("{}")
        np.save(clone / folder / "class_weights.npy", ADAS_DIRECTION)
        entry["head"] = (folder / "head.json").as_posix()
    return exports


def _face(clone: Path, **changes: Any) -> dict[str, bytes]:
    exports = _face_exports(clone)
    out = clone / "face.tar"
    frames = noise_frames((1, 3, 8, 8), "data.face.share is false", 0)
    make_bundle(out, clone, exports, "identification", frames, data_hash="d", **changes)
    return _members(out)


def test_nothing_of_people_leaves_where_they_do_not_share(clone: Path) -> None:
    files = _face(clone, may_share_people=False)
    assert not [name for name, data in files.items() if b"Ada" in data]
    manifest = json.loads(files["manifest.json"])
    assert manifest["frames"]["source"] == "uniform noise: data.face.share is false"
    assert manifest["left_out"] == ["names and galleries of people: data.face.share is false"]
    assert manifest["outputs"] == "embedding"
    assert {"decode/gallery.py", "who.py"} <= files.keys()
    assert not [name for name in files if name.endswith(("gallery.json", "gallery.tensorrt.json"))]


def test_drawn_people_go_with_their_gallery_but_not_their_training_weights(clone: Path) -> None:
    files = _face(clone)
    assert b"Ada" in files["models/baseline/gallery.json"]
    assert not [name for name, data in files.items() if ADAS_DIRECTION.tobytes() in data]
    assert {"who.py", "decode/face_reader.py", "decode/face_choosing.py"} <= files.keys()


def test_each_engine_gets_the_gallery_that_was_made_with_its_file(clone: Path) -> None:
    files = _face(clone)
    variants = {one["name"]: one["models"] for one in json.loads(files["manifest.json"])["variants"]}
    for engine, name in (("onnxruntime", "gallery.json"), ("tensorrt", "gallery.tensorrt.json")):
        model = variants["quantized"][engine]
        assert model["gallery"] == f"models/quantized/{name}"
        assert json.loads(files[model["gallery"]])["model_sha256"] == model["sha256"]
    hashes = [one["sha256"] for one in variants["quantized"].values()]
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda entry, _: entry["tensorrt"].pop("gallery"), "of an older form"),
        (lambda _, folder: (folder / "gallery.tensorrt.json").unlink(), "There is no gallery"),
        (lambda _, folder: save(_gallery("f" * 64), folder / "gallery.tensorrt.json"), "made with another network"),
    ],
    ids=["not in the report", "not there", "of another file"],
)
def test_a_gallery_that_is_not_the_files_own_is_refused(
    clone: Path, spoil: Callable[[dict[str, Any], Path], object], what: str
) -> None:
    exports = _face_exports(clone)
    spoil(exports["variants"]["quantized"], clone / "exports/fire/quantized")
    with pytest.raises(EdgeboardError, match=what) as caught:
        make_bundle(
            clone / "face.tar", clone, exports, "identification", noise_frames((1, 3, 8, 8), "", 0), data_hash="d"
        )
    assert "dvc repro --force export@face" in str(caught.value)
    assert not (clone / "face.tar").exists()


@pytest.mark.parametrize("which", ["onnxruntime", "tensorrt"])
def test_a_file_that_is_not_the_one_of_the_report(clone: Path, which: str) -> None:
    exports = write_exports(clone)
    name = "model.onnx" if which == "onnxruntime" else "model.tensorrt.onnx"
    (clone / "exports/fire/quantized" / name).write_bytes(b"other")
    with pytest.raises(EdgeboardError, match="not the one of the report") as caught:
        write_bundle(clone, exports)
    assert "dvc repro --force export@fire" in str(caught.value)
    assert not (clone / "bundles" / "fire.tar").exists()


def test_noise_depends_on_its_seed_and_place_only() -> None:
    few, many = noise_frames((1, 3, 8, 8), "", 5, 2), noise_frames((1, 3, 8, 8), "", 5, 4)
    assert all(np.array_equal(a, b) for a, b in zip(few.inputs, many.inputs, strict=False))
    assert not np.array_equal(many.inputs[0], many.inputs[1])
    assert not np.array_equal(noise_frames((1, 3, 8, 8), "", 6).inputs[0], few.inputs[0])


def test_noise_of_clips_has_their_shape() -> None:
    assert noise_frames((1, 4, 3, 8, 6), "", 0).inputs[0].shape == (1, 4, 3, 8, 6)


def test_sample_frames_are_what_the_network_sees(clone: Path) -> None:
    frame = np.arange(192, dtype=np.float32).reshape(1, 3, 8, 8)
    out = clone / "one.tar"
    make_bundle(out, clone, write_exports(clone), "classification", SampleFrames((frame,), "x"), data_hash="d")
    assert _members(out)["frames/000.f32"] == frame.astype("<f4").tobytes()


def test_tasks_of_a_command_line() -> None:
    assert named_tasks([], ["fire", "face"]) == ["fire", "face"]
    assert named_tasks(["face", "face"], ["fire", "face"]) == ["face"]
    with pytest.raises(EdgeboardError, match="Not a task"):
        named_tasks(["snow"], ["fire"])
