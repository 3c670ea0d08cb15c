"""The gallery of an exported file, and enrolling by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.frames import Frames
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.data.recordings.reading import FrameChoice
from pipeline.embedders import Embedder
from pipeline.errors import EdgeboardError
from pipeline.export.enrolment import FaceReader, enrol_person, open_gallery
from pipeline.export.face_gallery import make_gallery, write_galleries
from pipeline.export.onnx_file import export_onnx
from pipeline.files import sha256_file
from pipeline.tasks.gallery import identify, load, save

SIZE = 32
NAMES = ["Ada", "Bo"]


class Colours(nn.Module):
    """`[N, 3, S, S]` to the mean of each channel, three numbers: the person is the colour."""

    def __init__(self, green: float = 1.0) -> None:
        super().__init__()
        self.weights = torch.tensor([1.0, green, 1.0])

    def forward(self, frames_nchw: torch.Tensor) -> torch.Tensor:
        return frames_nchw.mean(dim=(2, 3)) * self.weights


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    export_onnx(Embedder(Colours(), 2, 3), SIZE, path, 13)
    return path


def coloured(colours: list[tuple[int, int, int]], labels: list[int], sources: list[str]) -> Frames:
    pixels = np.array([np.broadcast_to(np.uint8(colour), (SIZE, SIZE, 3)) for colour in colours])
    files = [Path(f"{i}.jpg") for i in range(len(labels))]
    return Frames(pixels, np.array(labels), files, [*NAMES], sources=sources)


def enrolled() -> Frames:
    colours = [(250, 40, 40), (240, 60, 50), (40, 40, 250), (60, 50, 240)]
    return coloured(colours, [0, 0, 1, 1], ["Ada/1", "Ada/2", "Bo/1", "Bo/2"])


def validation() -> Frames:
    return coloured([(245, 50, 45), (50, 45, 245), (40, 250, 40), (250, 250, 20)], [0, 1, -1, -1],
                    ["Ada/3", "Bo/3", "x/1", "y/1"])  # fmt: skip


def test_people_are_enrolled_in_the_order_of_their_classes_and_strangers_set_the_threshold(model: Path) -> None:
    gallery = make_gallery(model, enrolled(), validation(), 0.5)
    assert gallery.names == NAMES
    assert gallery.model_sha256 == sha256_file(model)
    assert [(one.n_images, one.n_recordings) for one in gallery.people] == [(2, 2), (2, 2)]
    assert (gallery.threshold.n_strangers, gallery.threshold.n_people) == (2, 2)
    assert gallery.threshold.achieved <= 0.5
    assert identify(np.array([3.0, -2.0, -1.8]), gallery).name == "Ada"
    assert identify(np.array([-1.0, 2.0, -1.0]), gallery).name is None


def test_a_name_that_no_gallery_can_hold_is_told_with_the_file(model: Path) -> None:
    people = enrolled()
    people.class_names[0] = "unknown"
    with pytest.raises(EdgeboardError, match="cannot be called so"):
        make_gallery(model, people, validation(), 0.5)


def entry_of(folder: Path, tensorrt: str | None) -> dict[str, Any]:
    made = {"file": f"exports/face/v/{tensorrt}", "sha256": sha256_file(folder / tensorrt)} if tensorrt else {}
    shipped = {"file": "exports/face/v/model.onnx", "sha256": sha256_file(folder / "model.onnx")}
    return {**shipped, "tensorrt": {"file": None, "sha256": None, **made}}


def test_where_tensorrt_runs_another_file_its_people_and_threshold_are_made_by_that_file(
    tmp_path: Path, model: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    other = tmp_path / "model.tensorrt.onnx"
    export_onnx(Embedder(Colours(green=0.3), 2, 3), SIZE, other, 13)
    entry = entry_of(tmp_path, other.name)
    write_galleries(tmp_path, Path("exports/face/v"), entry, enrolled(), validation(), 0.5)
    assert entry["gallery"] == "exports/face/v/gallery.json"
    assert entry["tensorrt"]["gallery"] == "exports/face/v/gallery.tensorrt.json"
    ours, theirs = load(tmp_path / "gallery.json", sha256_file(model)), load(tmp_path / "gallery.tensorrt.json")
    assert theirs.model_sha256 == sha256_file(other)
    assert theirs.threshold == make_gallery(other, enrolled(), validation(), 0.5).threshold
    assert theirs.names == ours.names == NAMES
    assert theirs.threshold.similarity != ours.threshold.similarity
    apart = [float((a.templates * b.templates).sum()) for a, b in zip(ours.people, theirs.people, strict=True)]
    assert max(apart) < 0.999
    assert (tmp_path / "gallery.tensorrt.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("tensorrt", "gallery"), [("model.onnx", "exports/face/v/gallery.json"), (None, None)])
def test_one_gallery_is_enough_where_there_is_one_file(
    tmp_path: Path, model: Path, tensorrt: str | None, gallery: str | None
) -> None:
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    entry = entry_of(tmp_path, tensorrt)
    write_galleries(tmp_path, Path("exports/face/v"), entry, enrolled(), validation(), 0.5)
    assert (entry["gallery"], entry["tensorrt"]["gallery"]) == ("exports/face/v/gallery.json", gallery)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gallery.json", "model.onnx"]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    file = tmp_path_factory.mktemp("photos") / "one photo.png"
    cv2.imwrite(str(file), draw_portrait(draw_person(rng), draw_recording(rng), rng).frame_rgb[..., ::-1])
    return file


def reader(model: Path) -> FaceReader:
    return FaceReader(model, SIZE, FrameChoice(4, 6, 6, 960, 100), CropOptions(min_probability=0.5), 0.1)


def test_a_gallery_of_ones_own_begins_as_the_one_that_ships(tmp_path: Path, model: Path, photo: Path) -> None:
    shipped, own = tmp_path / "shipped.json", tmp_path / "new" / "own.json"
    save(make_gallery(model, enrolled(), validation(), 0.5), shipped)
    faces = reader(model).read([photo])
    assert (faces.names, faces.files, faces.embeddings.shape) == (["one photo.png"], [0], (1, 3))
    enrol_person(own, shipped, "Cy", faces, sha256_file(model), replace=False)
    assert open_gallery(own).names == [*NAMES, "Cy"]
    assert open_gallery(shipped).names == NAMES
    with pytest.raises(EdgeboardError, match="has a person of that name already"):
        enrol_person(own, shipped, "Cy", faces, sha256_file(model), replace=False)
    with pytest.raises(EdgeboardError, match="another"):
        enrol_person(own, shipped, "Di", faces, "f" * 64, replace=False)
    assert open_gallery(own).names == [*NAMES, "Cy"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("gone.jpg", None, "There is no such file"),
        ("words.txt", b"x", "neither a photo nor a video"),
        ("broken.jpg", b"\xff\xd8\xff", "no clear face"),
        ("empty.mp4", b"", "no clear face"),
    ],
)
def test_files_without_a_face(tmp_path: Path, model: Path, name: str, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeboardError, match=what):
        reader(model).read([tmp_path / name])
