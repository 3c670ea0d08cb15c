"""Folders of objects and backgrounds: what is taken, what is left out with which words, who gets what."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.data.mixing.folder_sources import FolderSources, read_folder_sources
from pipeline.errors import EdgeboardError
from tests.data.mixing.cases import detection_options, disc_cutout, fill_source
from tests.data.photo_cases import a_photo


def _read(root: Path, seed: int = 7, **changes: object) -> FolderSources:
    return read_folder_sources(root, detection_options(root, **changes), seed, "data.suspect.source", 1)


def _names(found: FolderSources, split: str) -> set[str]:
    pool = found.plan.splits[split]
    return {o.name for origins in (*pool.objects.values(), pool.distractors, pool.backgrounds) for o in origins}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill_source(tmp_path / "mix", {"disc": 6, "plate": 4})


def test_every_object_and_background_is_in_one_split(root: Path) -> None:
    found = _read(root)
    parts = [_names(found, split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 6 + 4 + 6
    assert found.skipped == []
    sizes = found.plan.sizes()
    assert list(sizes) == ["train", "val", "test"]
    assert all(min(of["objects"].values()) >= 1 and of["backgrounds"] >= 1 for of in sizes.values())
    assert sizes["train"]["objects"]["disc"] >= 3


@pytest.mark.parametrize("seed", range(4))
def test_near_duplicates_are_of_one_split(root: Path, seed: int) -> None:
    for i, quality in enumerate((95, 80, 60)):
        a_photo(10_000, 160).save(root / "backgrounds" / f"again_{i}.jpg", quality=quality)
        disc_cutout(0).resize((48 + 8 * i, 48 + 8 * i)).save(root / "objects" / "disc" / f"again_{i}.png")
    found = _read(root, seed)
    for names in ({"photo_00.jpg", "again_0.jpg", "again_1.jpg", "again_2.jpg"},
                  {"disc/disc_00.png", "disc/again_0.png", "disc/again_1.png", "disc/again_2.png"}):  # fmt: skip
        homes = [
            split for split in ("train", "val", "test") if any(n.endswith(tuple(names)) for n in _names(found, split))
        ]
        assert len(homes) == 1


BAD_OBJECTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no alpha": (lambda path: a_photo(1).save(path), "it has no transparency"),
    "fully transparent": (lambda path: Image.new("RGBA", (9, 9)).save(path), "it is transparent everywhere"),
    "corrupt": (lambda path: path.write_bytes(b"\x89PNG broken"), "the content is not a picture"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
}


@pytest.mark.parametrize(("write", "reason"), BAD_OBJECTS.values(), ids=BAD_OBJECTS.keys())
def test_bad_object_is_listed_and_the_rest_used(root: Path, write: Callable[[Path], object], reason: str) -> None:
    write(root / "objects" / "disc" / "bad.png")
    found = _read(root)
    (entry,) = found.skipped
    assert entry["file"] == "objects/disc/bad.png"
    assert entry["reason"].startswith(reason)
    assert not any("bad" in name for split in ("train", "val", "test") for name in _names(found, split))


BAD_BACKGROUNDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "1 x 1": (lambda path: Image.new("RGB", (1, 1)).save(path), "1 x 1 pixels is too small"),
    "a strip": (lambda path: Image.new("RGB", (400, 20)).save(path), "400 x 20 pixels is too small; at least 64"),
    "a text": (lambda path: path.write_text("hello"), "the content is not a picture"),
}


@pytest.mark.parametrize(("write", "reason"), BAD_BACKGROUNDS.values(), ids=BAD_BACKGROUNDS.keys())
def test_bad_background_is_listed_and_the_rest_used(root: Path, write: Callable[[Path], object], reason: str) -> None:
    write(root / "backgrounds" / "bad.png")
    (entry,) = _read(root).skipped
    assert entry["file"] == "backgrounds/bad.png"
    assert entry["reason"].startswith(reason)


def test_other_files_are_listed_and_hidden_ones_passed_over(root: Path) -> None:
    (root / "objects" / "disc" / "readme.txt").write_text("hello")
    a_photo(5).save(root / "objects" / "disc" / "photo.jpg")
    (root / "objects" / "disc" / ".DS_Store").write_text("hello")
    (root / "objects" / ".cache").mkdir()
    (root / "backgrounds" / "clip.mp4").write_text("hello")
    found = _read(root)
    assert [entry["file"] for entry in found.skipped] == [
        "backgrounds/clip.mp4", "objects/disc/photo.jpg", "objects/disc/readme.txt",
    ]  # fmt: skip
    assert found.plan.class_names == ["disc", "plate"]


def test_classes_may_be_chosen_and_the_rest_made_distractors(tmp_path: Path) -> None:
    root = fill_source(tmp_path / "mix", {"a": 3, "b": 3, "c": 3})
    found = _read(root, classes=["c", "a"], distractor_classes=["b"])
    assert found.plan.class_names == ["c", "a"], "in the order that was asked for"
    assert {n for s in ("train", "val", "test") for n in _names(found, s) if "/b/" in n} == {
        o.name for pool in found.plan.splits.values() for o in pool.distractors
    }
    assert _read(root, distractor_classes=["b"]).plan.class_names == ["a", "c"]
    assert _read(root, classes=["a"]).plan.class_names == ["a"], "one class is enough, others are left aside"


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


REFUSED: dict[str, tuple[Callable[[Path], object], dict[str, object], tuple[str, ...]]] = {
    "no object in a class": (
        lambda root: _empty(root / "objects" / "disc"), {}, ("no usable picture in objects/disc/", "0 of its files"),
    ),
    "only bad objects in a class": (
        lambda root: [p.write_bytes(b"") for p in (root / "objects" / "disc").iterdir()], {},
        ("no usable picture in objects/disc/", "6 of its files", "disc_00.png: the file is empty", "and 1 more"),
    ),
    "no backgrounds": (lambda root: _empty(root / "backgrounds"), {}, ("no usable picture in backgrounds/",)),
    "no folder of backgrounds": (lambda root: shutil.rmtree(root / "backgrounds"), {}, ("in backgrounds/",)),
    "no folder of objects": (lambda root: shutil.rmtree(root / "objects"), {}, ("folder of objects cannot be read",)),
    "no class": (
        lambda root: [shutil.rmtree(p) for p in (root / "objects").iterdir()], {}, ("There is no class of objects",),
    ),
    "an unknown class": (
        lambda _: None, {"classes": ["disc", "knife"]}, ("no folder of objects for knife", "disc, plate"),
    ),
    "an unknown distractor": (lambda _: None, {"distractor_classes": ["knife"]}, ("no folder of objects for knife",)),
    "too few objects": (
        lambda root: [p.unlink() for p in sorted((root / "objects" / "plate").iterdir())[2:]], {},
        ("too few", "plate: 2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_data_set_is_refused(
    root: Path, change: Callable[[Path], object], options: dict[str, object], words: tuple[str, ...]
) -> None:
    change(root)
    with pytest.raises(EdgeboardError) as caught:
        _read(root, **options)
    for word in (*words, "data.suspect.source"):
        assert word in str(caught.value)


def test_content_of_the_sources_is_fingerprinted(root: Path) -> None:
    before = _read(root).sha256
    assert _read(root).sha256 == before
    a_photo(77, 160).save(root / "backgrounds" / "photo_00.jpg")
    assert _read(root).sha256 != before
