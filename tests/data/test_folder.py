"""A folder of photos: which are used, where they go, what is refused and what the report says of the rest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from pipeline.data.class_folders import list_class_folders
from pipeline.data.fire import generate_fire
from pipeline.data.folder import safe_name
from pipeline.data.frames import load_frames, read_index
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, sha256_file
from tests.data.photo_cases import a_photo, all_bytes, fill, options


def generated(
    source: Path, out: Path, test_source: Path | None = None, **changes: object
) -> tuple[dict[str, Any], pd.DataFrame]:
    report = generate_fire(options(source, test_source, **changes), 7, out, workers=1)
    assert report == read_json(out / "report.json")
    return report, read_index(out)


def skipped(report: dict[str, Any]) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in report["skipped"]}


def used(report: dict[str, Any]) -> int:
    return sum(n for counts in report["counts"].values() for n in counts.values())


def test_folder_has_the_promised_layout(two_classes: Path, tmp_path: Path) -> None:
    report, index = generated(two_classes, tmp_path / "out")
    assert list(index.columns) == ["file", "label", "split", "source", "mask", "width", "height", "sha256"]
    assert index[["split", "file"]].apply(tuple, axis=1).is_monotonic_increasing
    assert report["counts"] == {split: {"cat": n, "dog": n} for split, n in (("train", 6), ("val", 2), ("test", 2))}
    assert (report["task"], report["source"], report["classes"]) == ("fire", "photos", ["cat", "dog"])
    assert report["n_groups"] == 20
    assert report["data_hash"] == sha256_file(tmp_path / "out" / "index.csv")
    assert str(tmp_path) not in (tmp_path / "out" / "report.json").read_text()
    for row in index.itertuples():
        file = tmp_path / "out" / row.file
        assert row.file.startswith(f"images/{row.split}/{row.label}/")
        assert row.mask == ""
        assert sha256_file(file) == row.sha256
        with Image.open(file) as image:
            assert image.size == (row.width, row.height)
        assert row.source.startswith(f"{row.label}/photo_")
    files = {name for name in all_bytes(tmp_path / "out") if name.startswith("images/")}
    assert files == set(index["file"]), "pictures that no row names, or left-overs"
    assert set(all_bytes(tmp_path / "out")) - files == {"index.csv", "report.json"}
    assert len(load_frames(tmp_path / "out", "train", 32, report["classes"])) == 12


def test_result_does_not_depend_on_workers_or_on_the_order_of_the_listing(two_classes: Path, tmp_path: Path) -> None:
    fill(two_classes / "cat", range(20, 40))
    other = tmp_path / "elsewhere" / "photos"
    for path in sorted(two_classes.rglob("*.jpg"), reverse=True):
        copy = other / path.relative_to(two_classes)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    generate_fire(options(two_classes), 7, tmp_path / "one", workers=1)
    generate_fire(options(other), 7, tmp_path / "two", workers=2)
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")
    generate_fire(options(two_classes), 8, tmp_path / "three", workers=1)
    assert (
        read_json(tmp_path / "one" / "report.json")["data_hash"]
        != read_json(tmp_path / "three" / "report.json")["data_hash"]
    )


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a cut JPEG": (_cut, "image file is truncated"),
    "a text": (lambda path: path.write_text("no picture"), "not a picture"),
    "0 bytes": (lambda path: path.write_bytes(b""), "the file is empty"),
    "too many pixels": (lambda path: Image.new("1", (1100, 1000)).save(path, "PNG"), "1.1 megapixels; allowed: 1"),
    "a link to nowhere": (lambda path: (path.unlink(), path.symlink_to("nothing.jpg")), "No such file"),
    "a folder named .jpg": (lambda path: (path.unlink(), path.mkdir()), ""),
}


@pytest.mark.parametrize(("spoil", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_photo_is_left_out_and_listed(
    two_classes: Path, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(two_classes / "cat" / "photo_004.jpg")
    report, index = generated(two_classes, tmp_path / "out", max_megapixels=1)
    assert used(report) == len(index) == 19
    assert "cat/photo_004.jpg" not in set(index["source"])
    if reason:
        assert skipped(report).keys() == {"cat/photo_004.jpg"}
        assert reason in skipped(report)["cat/photo_004.jpg"]


def test_all_broken_photos_of_a_folder_are_told_at_once(two_classes: Path, tmp_path: Path) -> None:
    for number in (1, 3, 5):
        _cut(two_classes / "cat" / f"photo_{number:03d}.jpg")
    report, _ = generated(two_classes, tmp_path / "out")
    assert list(skipped(report)) == ["cat/photo_001.jpg", "cat/photo_003.jpg", "cat/photo_005.jpg"]


def test_other_files_are_counted_hidden_ones_and_linked_folders_passed_over(two_classes: Path, tmp_path: Path) -> None:
    (two_classes / "README.txt").write_text("x")
    (two_classes / "cat" / "labels.csv").write_text("x")
    (two_classes / "cat" / ".DS_Store").write_text("x")
    (two_classes / ".cache").mkdir()
    a_photo(1).save(two_classes / "cat" / "._photo.jpg")
    (two_classes / "cat" / "again").symlink_to(two_classes)  # a loop
    (two_classes / "all").symlink_to(two_classes / "dog")
    report, index = generated(two_classes, tmp_path / "out")
    assert len(index) == 20
    assert report["passed_over"] == {"not_photos": 2, "hidden": 3, "linked_folders": ["all", "cat/again"]}


def test_photos_below_a_class_folder_belong_to_it(two_classes: Path, tmp_path: Path) -> None:
    fill(two_classes / "cat" / "day 2" / "b", range(50, 55))
    _, index = generated(two_classes, tmp_path / "out")
    assert (index["label"] == "cat").sum() == 15
    assert "cat/day 2/b/photo_050.jpg" in set(index["source"])


NAMES = [
    "été à la mer.jpg",
    "火.JPG",
    "a b  c.jpeg",
    'it\'s "quoted", twice.png',
    "-rf.jpg",
    "..jpg.jpg",
    "x" * 200 + ".jpg",
    "tab\tline\nend.Jpg",
]


def test_any_file_name_is_safe(two_classes: Path, tmp_path: Path) -> None:
    for i, name in enumerate(NAMES):
        a_photo(200 + i).save(two_classes / "cat" / name, "JPEG")
    raw = os.fsencode(two_classes / "dog") + b"/not utf-8 \xff.jpg"
    a_photo(300).save(tmp_path / "raw.jpg")
    Path(os.fsdecode(raw)).write_bytes((tmp_path / "raw.jpg").read_bytes())
    report, index = generated(two_classes, tmp_path / "out")
    assert len(index) == 20 + sum(not name.startswith(".") for name in NAMES) + 1
    assert all(file.isascii() and " " not in file for file in index["file"])
    assert {f"cat/{name}" for name in NAMES if not name.startswith(".")} <= set(index["source"])
    assert len(load_frames(tmp_path / "out", "train", 32, report["classes"])) > 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat/a.jpg", "a_0123456789"),
        ("cat/火.jpg", "photo_0123456789"),
        ("cat/../../etc/passwd.png", "passwd_0123456789"),
        ("cat/...jpg", "photo_0123456789"),
        ("cat/" + "y" * 99 + ".jpg", "y" * 40 + "_0123456789"),
    ],
)
def test_safe_name(path: str, expected: str) -> None:
    assert safe_name(path, "0123456789abcdef") == expected


def test_class_names_of_any_kind_come_back_as_they_are(tmp_path: Path) -> None:
    names = ["NA", 'kein Feuer, nur "Rauch"', "火", "007"]
    for i, name in enumerate(names):
        fill(tmp_path / "photos" / name, range(10 * i, 10 * i + 5))
    report, index = generated(tmp_path / "photos", tmp_path / "out")
    assert report["classes"] == sorted(names)
    assert set(index["label"]) == set(names)
    assert len(load_frames(tmp_path / "out", "val", 32, report["classes"])) == 4


def test_twins_in_one_class_are_used_once(two_classes: Path, tmp_path: Path) -> None:
    shutil.copy(two_classes / "cat" / "photo_001.jpg", two_classes / "cat" / "another name.jpg")
    report, index = generated(two_classes, tmp_path / "out")
    assert len(index) == 20
    assert skipped(report) == {"cat/photo_001.jpg": "the same file as cat/another name.jpg"}


def test_twins_in_two_classes_contradict_each_other_and_are_both_left_out(two_classes: Path, tmp_path: Path) -> None:
    shutil.copy(two_classes / "cat" / "photo_001.jpg", two_classes / "dog" / "photo_001.jpg")
    report, index = generated(two_classes, tmp_path / "out")
    assert len(index) == 19
    assert skipped(report) == dict.fromkeys(
        ["cat/photo_001.jpg", "dog/photo_001.jpg"], "the same file lies in several classes: cat, dog"
    )


def test_near_duplicates_stay_on_one_side(two_classes: Path, tmp_path: Path) -> None:
    for seed in range(10):
        for quality in (30, 60):
            a_photo(seed, 96).save(two_classes / "cat" / f"again_{seed:03d}_{quality}.jpg", quality=quality)
    a_photo(3, 80).save(two_classes / "dog" / "a cat here.png")  # in another class too
    report, index = generated(two_classes, tmp_path / "out")
    assert len(index) == 41
    assert (index.groupby("source")["split"].nunique() == 1).all()
    assert report["n_groups"] == 20
    assert len(report["near_duplicates"]) == 10
    assert ["cat/again_003_30.jpg", "cat/again_003_60.jpg", "cat/photo_003.jpg", "dog/a cat here.png"] in report[
        "near_duplicates"
    ]
    assert set(index[index["source"] == "cat/again_003_30.jpg"]["label"]) == {"cat", "dog"}


def test_without_grouping_they_would_not_stay_together(two_classes: Path, tmp_path: Path) -> None:
    """The control of the test above: the same photos with distinct hashes only as groups do fall on two sides."""
    for seed in range(10):
        a_photo(seed, 96).rotate(180).save(two_classes / "cat" / f"turned_{seed:03d}.jpg")
    _, index = generated(two_classes, tmp_path / "out")
    stems = index[index["label"] == "cat"].assign(seed=index["source"].str.extract(r"_(\d+)", expand=False))
    assert (stems.groupby("seed")["split"].nunique() > 1).any()


def _empty(root: Path) -> None:
    for path in (root / "cat").iterdir():
        path.unlink()


def _all_broken(root: Path) -> None:
    for path in (root / "cat").iterdir():
        path.write_text("no picture")


def _keep(root: Path, count: int) -> None:
    for path in sorted((root / "cat").iterdir())[count:]:
        path.unlink()


def _three_names_of_one_photo(root: Path) -> None:
    _empty(root)
    for quality in (50, 70, 90):
        a_photo(1).save(root / "cat" / f"{quality}.jpg", quality=quality)


REFUSED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no class folder": (lambda root: [shutil.rmtree(path) for path in root.iterdir()], ["no class folder", "<class>/"]),
    "photos beside no class folder": (
        lambda root: [shutil.rmtree(root / "cat"), shutil.rmtree(root / "dog"), a_photo(1).save(root / "a.jpg")],
        ["no class folder"],
    ),
    "one class only": (lambda root: shutil.rmtree(root / "cat"), ["only one class folder, dog"]),
    "a second class that is a link": (
        lambda root: (shutil.rmtree(root / "cat"), (root / "cat").symlink_to("dog")),
        ["only one class folder", "linked folders are not entered: cat"],
    ),
    "an empty class": (_empty, ["A class has no usable photo: cat", "0 of its files were skipped"]),
    "a class of broken photos": (
        _all_broken,
        ["no usable photo: cat", "10 of its files were skipped", "and 5 more", "not a picture"],
    ),
    "a class with one photo": (lambda root: _keep(root, 1), ["too few different photos", "cat: 1", "at least 3"]),
    "a class with two photos": (lambda root: _keep(root, 2), ["too few different photos", "cat: 2"]),
    "a class with three copies of one": (_three_names_of_one_photo, ["too few different photos", "cat: 1"]),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_folder_that_makes_no_data_set_is_refused(
    two_classes: Path, tmp_path: Path, spoil: Callable[[Path], object], words: list[str]
) -> None:
    spoil(two_classes)
    with pytest.raises(EdgeboardError) as caught:
        generate_fire(options(two_classes), 7, tmp_path / "out", workers=1)
    for word in [*words, "data.fire.source"]:
        assert word in str(caught.value)
    assert caught.value.allowed is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"], "something half-made was left"


def test_class_with_three_photos_is_enough(two_classes: Path, tmp_path: Path) -> None:
    _keep(two_classes, 3)
    report, _ = generated(two_classes, tmp_path / "out")
    assert [counts["cat"] for counts in report["counts"].values()] == [1, 1, 1]


def test_folder_that_vanished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="cannot be read"):
        list_class_folders(tmp_path / "gone", "data.fire.source")


@pytest.fixture
def for_test(tmp_path: Path) -> Path:
    root = tmp_path / "held out"
    fill(root / "cat", range(400, 404))
    fill(root / "dog", range(500, 503))
    return root


def test_test_source_is_the_test_split(two_classes: Path, for_test: Path, tmp_path: Path) -> None:
    report, index = generated(two_classes, tmp_path / "out", for_test)
    assert report["test_source"] == "held out"
    assert report["counts"]["test"] == {"cat": 4, "dog": 3}
    # Of ten photos 0.6 : 0.2 is 7.5 : 2.5.
    assert [report["counts"][split]["cat"] for split in ("train", "val")] in ([7, 3], [8, 2])
    assert index[index["split"] == "test"]["source"].str.startswith("test_source:").all()
    assert not index[index["split"] != "test"]["source"].str.startswith("test_source:").any()


def test_one_test_photo_per_class_is_enough(two_classes: Path, for_test: Path, tmp_path: Path) -> None:
    for path in [*for_test.rglob("*.jpg")]:
        if path.stem not in ("photo_400", "photo_500"):
            path.unlink()
    report, _ = generated(two_classes, tmp_path / "out", for_test)
    assert report["counts"]["test"] == {"cat": 1, "dog": 1}


def test_photos_seen_in_the_test_are_taken_out_of_training(two_classes: Path, for_test: Path, tmp_path: Path) -> None:
    shutil.copy(two_classes / "cat" / "photo_002.jpg", for_test / "cat" / "twin.jpg")
    a_photo(105, 96).save(for_test / "cat" / "like a dog.png")  # near, and of another class
    report, index = generated(two_classes, tmp_path / "out", for_test)
    assert skipped(report) == {
        "cat/photo_002.jpg": "near-duplicate of the test photo test_source:cat/twin.jpg",
        "dog/photo_105.jpg": "near-duplicate of the test photo test_source:cat/like a dog.png",
    }
    assert ["dog/photo_105.jpg", "test_source:cat/like a dog.png"] in report["near_duplicates"]
    assert report["counts"]["test"] == {"cat": 6, "dog": 3}
    assert len(index) == 18 + 9


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        (("cat", "Cat"), ["missing: cat", "unknown: Cat", "allowed: cat, dog"]),
        (("cat", "dog/cat"), ["only one class folder"]),
    ],
)
def test_other_classes_in_test_source_are_refused(
    two_classes: Path, for_test: Path, tmp_path: Path, rename: tuple[str, str], words: list[str]
) -> None:
    (for_test / rename[0]).rename(for_test / rename[1])
    with pytest.raises(EdgeboardError) as caught:
        generate_fire(options(two_classes, for_test), 7, tmp_path / "out", workers=1)
    for word in [*words, "data.fire.test_source"]:
        assert " ".join(word.split()) in " ".join(str(caught.value).split())


def test_same_folder_for_training_and_test_is_refused(two_classes: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="the same folder"):
        generate_fire(options(two_classes, two_classes / ".." / "photos"), 7, tmp_path / "out", workers=1)


def test_training_photos_that_are_all_in_the_test_are_refused(two_classes: Path, tmp_path: Path) -> None:
    shutil.copytree(two_classes, tmp_path / "copy")
    with pytest.raises(EdgeboardError, match="no usable photo: cat, dog") as caught:
        generate_fire(options(two_classes, tmp_path / "copy"), 7, tmp_path / "out", workers=1)
    assert "near-duplicate of the test photo" in str(caught.value)


def test_empty_class_of_test_source_is_refused(two_classes: Path, for_test: Path, tmp_path: Path) -> None:
    _empty(for_test)
    with pytest.raises(EdgeboardError, match="no usable photo: cat") as caught:
        generate_fire(options(two_classes, for_test), 7, tmp_path / "out", workers=1)
    assert caught.value.where == "data.fire.test_source"


@pytest.mark.real_data
def test_real_photos_are_all_used_and_split_by_source(real_fire: Path, tmp_path: Path) -> None:
    report = generate_fire(options(real_fire, max_side=640), 7, tmp_path / "out")
    index = read_index(tmp_path / "out")
    files = sum(1 for path in real_fire.rglob("*") if path.is_file())
    assert len(index) + len(report["skipped"]) == files
    assert len(index) > 0.95 * files
    assert report["classes"] == ["fire", "no_fire", "smoke"]
    assert (index.groupby("source")["split"].nunique() == 1).all()
    totals = index.groupby("label").size()
    for split, fraction in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        found = index[index["split"] == split].groupby("label").size()
        assert ((found - fraction * totals).abs() <= 2).all()
