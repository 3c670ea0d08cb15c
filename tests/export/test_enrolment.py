"""Enrolling from photos and videos: every file is one recording, however it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.data.recordings.reading import FrameChoice
from pipeline.embedders import Embedder
from pipeline.errors import EdgeboardError
from pipeline.export.enrolment import FaceReader, Faces, enrol_person, gallery_in_use
from pipeline.export.onnx_file import export_onnx
from pipeline.files import sha256_file
from pipeline.tasks.gallery import Gallery, Threshold, enrol, load, save
from tests.data.recordings.video_cases import write_video

SIZE = 32
NO_THRESHOLD = Threshold(0.9, 0.01, 0.0, 20, 4, False, "")


class Colours(nn.Module):
    def forward(self, frames_nchw: torch.Tensor) -> torch.Tensor:
        return frames_nchw.mean(dim=(2, 3))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> FaceReader:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    export_onnx(Embedder(Colours(), 2, 3), SIZE, path, 13)
    return FaceReader(path, SIZE, FrameChoice(4, 6, 6, 960, 100), CropOptions(min_probability=0.5), 0.1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, and a video of 1.5 s in which a person is seen in three ways."""
    folder = tmp_path_factory.mktemp("drawn")
    person, recording = draw_person(np.random.default_rng(5)), draw_recording(np.random.default_rng(6))
    portraits = [draw_portrait(person, recording, np.random.default_rng([7, i])).frame_rgb for i in range(3)]
    cv2.imwrite(str(folder / "photo.png"), portraits[0][..., ::-1])
    write_video(folder / "clip.mp4", np.repeat(portraits, 5, axis=0), rate=10)
    return folder


def test_a_short_video_gives_several_faces_of_one_recording(tmp_path: Path, reader: FaceReader, drawn: Path) -> None:
    faces = reader.read([drawn / "clip.mp4", drawn / "photo.png"])
    assert len(faces.names) >= 3
    assert faces.embeddings.shape == (len(faces.names), 3)
    assert faces.names[0].startswith("clip.mp4 at 0.")
    assert faces.names[-1] == "photo.png"
    assert faces.files == [0] * (len(faces.names) - 1) + [1]
    sha256 = sha256_file(reader.model)
    save(Gallery(sha256, 3, NO_THRESHOLD), tmp_path / "shipped.json")
    enrol_person(tmp_path / "own.json", tmp_path / "shipped.json", "Ada", faces, sha256, replace=False)
    (ada,) = load(tmp_path / "own.json", sha256).people
    assert (ada.n_images, ada.n_recordings) == (len(faces.names), 2)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["Ada at home.png", "Ada at work.png"], ["Ada at home.png", "Ada at work.png"]),
        (["a/IMG_1.png", "b/IMG_1.png"], ["a/IMG_1.png", "b/IMG_1.png"]),
        (["a/IMG_1.png", "IMG_2.png"], ["IMG_1.png", "IMG_2.png"]),
        (["IMG_1.png", "IMG_1.png", "../TMP/IMG_1.png"], ["IMG_1.png"]),  # one file, however often it is named
    ],
)
def test_every_file_is_a_recording_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: FaceReader, drawn: Path, paths: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [Path(path.replace("TMP", tmp_path.name)) for path in paths]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        if not file.exists():
            shutil.copyfile(drawn / "photo.png", file)
    faces = reader.read(files)
    assert faces.names == names
    assert faces.files == list(range(len(names)))


def gallery(sha256: str, *names: str) -> Gallery:
    made = Gallery(sha256, 3, NO_THRESHOLD)
    for i, name in enumerate(names):
        made = enrol(made, name, np.eye(3)[i][None])
    return made


def test_after_another_training_it_is_told_what_to_do_with_ones_own_gallery(tmp_path: Path) -> None:
    own, shipped = tmp_path / "own.json", tmp_path / "shipped.json"
    save(gallery("b" * 64, "Ada"), shipped)
    assert gallery_in_use(own, shipped, "b" * 64).names == ["Ada"]
    save(gallery("a" * 64, "Ada", "Bo"), own)
    assert gallery_in_use(own, shipped, "a" * 64).names == ["Ada", "Bo"]
    one_face = Faces(np.ones((1, 3), np.float32), ["x.png"], [0], [])
    for replace in (False, True):
        with pytest.raises(EdgeboardError, match="another network") as caught:
            enrol_person(own, shipped, "Cy", one_face, "b" * 64, replace=replace)
        assert f"move {own} away" in str(caught.value)
    own.rename(tmp_path / "moved.json")
    enrol_person(own, shipped, "Cy", one_face, "b" * 64, replace=False)
    assert load(own).names == ["Ada", "Cy"]
