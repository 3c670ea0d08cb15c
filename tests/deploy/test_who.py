"""Who is in a picture, said on a board: a process without PyTorch and without our library against `who` on the host."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pipeline.data.face_crops.crops import CropOptions
from pipeline.data.frames import resize
from pipeline.data.recordings.reading import FrameChoice
from pipeline.deploy.bundle import make_bundle
from pipeline.deploy.sample_frames import noise_frames
from pipeline.embedders import Embedder
from pipeline.export.enrolment import FaceReader
from pipeline.export.face_finder_export import export_face_finder
from pipeline.export.onnx_file import export_onnx
from pipeline.files import sha256_file
from pipeline.tasks.gallery import Gallery, Threshold, enrol, identify, load, save
from tests.conftest import REPOSITORY
from tests.data.face_crops.cases import drawn_frames

FRAME_SIZE, CROPS, MAX_SIDE = 64, CropOptions(size=150, margin=0.3, min_probability=0.8), 480
ADA, ZOE = "Ada", "Zoë Ω"
# Runs a program where the named modules cannot be imported.
BARE = "import runpy, sys; names = sys.argv.pop(1).split(','); sys.modules.update(dict.fromkeys(names)); " \
    "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"  # fmt: skip


class Grid(nn.Module):
    """`[N, 3, 64, 64]` to the colours of 8 x 8 places: what moves in the crop moves the embedding."""

    def forward(self, frames_nchw: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(frames_nchw, 8).flatten(1)


@dataclass
class House:
    """A clone with exports of one variant, the photos of two known people and a stranger, and the unpacked bundle."""

    root: Path
    exports: dict[str, Any]
    photos: list[Path]
    reader: FaceReader
    bundle: Path

    def who(self, *words: object, without: str = "cv2", bundle: Path | None = None) -> subprocess.CompletedProcess[str]:
        program = (bundle or self.bundle) / "who.py"
        bare = f"torch,torchvision,facenet_pytorch,pipeline,{without}"
        # A board's locale knows no letter beyond ASCII.
        return subprocess.run(
            [sys.executable, "-I", "-c", BARE, bare, str(program), *map(str, words)], cwd=self.root, encoding="utf-8",
            env={"LC_ALL": "C"}, capture_output=True, check=False, timeout=100,
        )  # fmt: skip


def unpacked(root: Path, exports: dict[str, Any], into: Path, may_share_people: bool = True) -> Path:
    out = root / "face.tar"
    frames = noise_frames((1, 3, FRAME_SIZE, FRAME_SIZE), "a test", 0, 1)
    make_bundle(out, root, exports, "identification", frames, data_hash="d", may_share_people=may_share_people)
    into.mkdir()
    subprocess.run(["tar", "-xf", out, "-C", into], check=True)
    return into


def take_photos(folder: Path) -> list[Path]:
    """As cameras leave them: one plain, one far too large, one that lies on its side."""
    plain, large, lying = drawn_frames(5)[:3]
    folder.mkdir()
    Image.fromarray(plain).save(folder / "plain.png")
    Image.fromarray(large).resize((1600, 1200)).save(folder / "large.jpg", quality=95)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.rot90(lying)).save(folder / "lying é.jpg", quality=95, exif=turned)
    return [folder / name for name in ("plain.png", "large.jpg", "lying é.jpg")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    root = tmp_path_factory.mktemp("clone")
    for name in ("pipeline", "deploy"):
        (root / name).symlink_to(REPOSITORY / name)
    folder = root / "exports" / "face" / "compact"
    folder.mkdir(parents=True)
    model = folder / "model.onnx"
    export_onnx(Embedder(Grid(), 2, 192), FRAME_SIZE, model, 13)
    export_face_finder(folder.with_name("finder"), 13, 0.1, CROPS, MAX_SIDE)
    reader = FaceReader(model, FRAME_SIZE, FrameChoice(4, 6, 6, MAX_SIDE, 100), CROPS, 0.1)
    photos = take_photos(root / "photos")
    ada, zoe, stranger = reader.read(photos).embeddings
    gallery = Gallery(sha256_file(model), 192, Threshold(1.0, 0.01, 0.0, 1, 1, False, "between the two"))
    gallery = enrol(enrol(gallery, ADA, ada[None]), ZOE, zoe[None])
    apart = identify(stranger, gallery).similarity
    assert apart is not None
    assert apart < 0.98
    save(gallery._replace(threshold=gallery.threshold._replace(similarity=(1 + apart) / 2)), folder / "gallery.json")
    size, sha = model.stat().st_size, sha256_file(model)
    file = "exports/face/compact/model.onnx"
    own = {"file": file, "sha256": sha, "gallery": "exports/face/compact/gallery.json"}
    entry = {
        **own, "tensorrt": own, "recipe": [], "precision": "fp32", "head": None, "ships_sha256": sha,
        "size_bytes": size, "size_compressed_bytes": size, "params": 1, "nonzero": 1, "macs": 1, "ratio_reached": None,
    }  # fmt: skip
    exports = {"task": "face", "class_names": [ADA, ZOE], "frame_size": FRAME_SIZE, "variants": {"compact": entry}}
    return House(root, exports, photos, reader, unpacked(root, exports, root / "unpacked"))


@pytest.mark.parametrize(("reads", "without"), [("Pillow", "cv2"), ("OpenCV", "PIL")])
def test_a_board_says_what_the_host_says(house: House, reads: str, without: str) -> None:
    no_face = house.root / "photos" / f"no face {reads}.png"
    Image.fromarray(np.full((240, 320, 3), 90, np.uint8)).save(no_face)
    told = house.who(*house.photos, no_face, without=without)
    assert told.returncode == 0, told.stderr
    assert told.stderr == f"skipped {no_face}: no face was found\n"
    lines = [re.fullmatch(r"(.*): (.*) \(nearest: (.*), cosine (.*)\)", line) for line in told.stdout.splitlines()]
    gallery = load(house.root / "exports/face/compact/gallery.json")
    here = house.reader.read(house.photos)
    found = [identify(embedding, gallery) for embedding in here.embeddings]
    assert [one.name for one in found] == [ADA, ZOE, None]
    assert [line and line.groups()[:3] for line in lines] == [
        (name, one.name or "unknown", one.nearest) for name, one in zip(here.names, found, strict=True)
    ]
    # OpenCV shrinks the large photo otherwise; else only rounding is between the two.
    for line, one in zip(lines, found, strict=True):
        assert line is not None
        assert float(line[4]) == pytest.approx(one.similarity, abs=0.02 if reads == "OpenCV" else 0.0051)


def test_people_who_do_not_share_are_known_where_somebody_brings_their_gallery(house: House, tmp_path: Path) -> None:
    bundle = unpacked(house.root, house.exports, tmp_path / "unpacked", may_share_people=False)
    told = house.who(house.photos[0], bundle=bundle)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert "people were left out of this bundle (data.face.share): bring a gallery, --gallery FILE" in told.stderr
    own = house.root / "exports/face/compact/gallery.json"
    told = house.who("--gallery", own, house.photos[0], bundle=bundle)
    assert told.stdout.startswith("plain.png: Ada ")


@pytest.mark.parametrize(
    ("words", "without", "what"),
    [
        (["gone.jpg"], "", "skipped gone.jpg: there is no such file: gone.jpg"),
        (["broken.jpg"], "cv2", "skipped broken.jpg: cannot be read: "),
        (["broken.jpg"], "cv2,PIL", "skipped broken.jpg: nothing here reads pictures: "),
        (["PHOTO", "--variant", "tiny"], "", "Error: there is no variant tiny; there are: compact"),
        (["PHOTO", "--gallery", "gone.json"], "", "Error: There is no gallery; where:"),
        (["PHOTO", "--gallery", "other.json"], "", "Error: The gallery was made with another network"),
        (["PHOTO"], "onnxruntime", "Error: "),
        (["PHOTO"], "numpy", "Error: "),
    ],
)
def test_what_is_wrong_is_told_in_one_line(house: House, words: list[str], without: str, what: str) -> None:
    (house.root / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    gallery = load(house.root / "exports/face/compact/gallery.json")
    save(gallery._replace(model_sha256="f" * 64), house.root / "other.json")
    told = house.who(*[house.photos[0] if word == "PHOTO" else word for word in words], without=without)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(what)
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(("side", "size"), [(160, 64), (150, 64), (128, 64), (100, 64), (64, 64), (64, 100)])
def test_crops_are_resized_as_on_the_host(house: House, monkeypatch: pytest.MonkeyPatch, side: int, size: int) -> None:
    monkeypatch.syspath_prepend(house.bundle / "decode")
    from face_reader import resized

    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 1)
    apart = np.abs(resized(image, size).astype(int) - resize(image, size))
    assert apart.max() <= 1
