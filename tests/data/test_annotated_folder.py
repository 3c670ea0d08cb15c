"""Annotated pictures from anywhere: every dialect of CSV, every kind of bad line, splits by group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.data.annotation_table import read_annotation_table
from pipeline.data.annotations import Box, read_annotations
from pipeline.data.suspect import generate_suspect
from pipeline.errors import EdgeboardError
from pipeline.files import read_json
from tests.conftest import REAL_DATA
from tests.data.mixing.cases import detection_options
from tests.data.photo_cases import a_photo, all_bytes

HEADER = "image,xmin,ymin,xmax,ymax,class\n"


def annotated(root: Path, lines: str = "", count: int = 8, first: int = 0, size: int = 64) -> Path:
    """So many different pictures photo_00.jpg ... with one box each, of gun and drone in turn, and more lines."""
    root.mkdir(parents=True, exist_ok=True)
    rows = HEADER
    for i in range(count):
        a_photo(first + i, size).save(root / f"photo_{i:02d}.jpg", quality=92)
        rows += f"photo_{i:02d}.jpg,{i},2,{i + 20},30,{('gun', 'drone')[i % 2]}\n"
    (root / "annotations.csv").write_text(rows + lines, encoding="utf-8")
    return root


def generate(root: Path, out: Path, **changes: Any) -> dict[str, Any]:
    return generate_suspect(detection_options(root, **changes), 7, out, workers=1)


def boxes_by_name(out: Path) -> dict[str, list[Box]]:
    """Stem of the original picture to its boxes."""
    return {
        Path(file).stem.rsplit("_", 1)[0]: boxes for file, boxes in read_annotations(out / "annotations.csv").items()
    }


def skipped_of(report: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(entry["file"], entry["line"], entry["reason"]) for entry in report["skipped"]]


ROWS = "a.jpg,1,2,30,40,gun\nb c.jpg,5,6,7,8,drone\n"
DIALECTS = {
    "plain": (HEADER + ROWS).encode(),
    "BOM": (HEADER + ROWS).encode("utf-8-sig"),
    "UTF-16 of a spreadsheet": (HEADER + ROWS).replace(",", "\t").encode("utf-16"),
    "semicolons": (HEADER + ROWS).replace(",", ";").encode(),
    "semicolons and BOM": (HEADER + ROWS).replace(",", ";").encode("utf-8-sig"),
    "tabs": (HEADER + ROWS).replace(",", "\t").encode(),
    "CRLF": (HEADER + ROWS).replace("\n", "\r\n").encode(),
    "CR": (HEADER + ROWS).replace("\n", "\r").encode(),
    "no newline at the end": (HEADER + ROWS).rstrip().encode(),
    "blank lines": (HEADER + "\n" + ROWS.replace("\n", "\n\n,,,,,\n")).encode(),
    "blank lines first": ("\n\n" + HEADER + ROWS).encode(),
    "spaces": (HEADER + ROWS).replace(",", " , ").encode(),
    "quotes": (HEADER + ROWS).replace("b c.jpg", '"b c.jpg"').replace("gun", '"gun"').encode(),
    "quotes behind spaces": (HEADER + ROWS).replace(",drone", ', "drone"').encode(),
    "capitals": (HEADER.upper() + ROWS).encode(),
    "another order, other columns": (
        b"class,score,ymax,xmax,ymin,xmin,image\ngun,1,40,30,2,1,a.jpg\ndrone,,8,7,6,5,b c.jpg\n"
    ),
    "decimals": (HEADER + ROWS).replace("30,40", "30.0,4e1").encode(),
    "decimal commas": (HEADER + ROWS).replace(",", ";").replace("30;40", "30,0;40,0").encode(),
    "backslashes": (HEADER + ROWS).replace("a.jpg", ".\\a.jpg").encode(),
}


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS.keys())
def test_every_dialect_is_read_alike(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "annotations.csv").write_bytes(content)
    table = read_annotation_table(tmp_path / "annotations.csv", "here")
    assert {image: [box[1:] for box in boxes] for image, boxes in table.boxes.items()} == {
        "a.jpg": [(1, 2, 30, 40, "gun")], "b c.jpg": [(5, 6, 7, 8, "drone")],
    }  # fmt: skip
    assert table.skipped == []


def test_old_encoding_and_accents_are_read(tmp_path: Path) -> None:
    for encoding in ("utf-8", "cp1252"):
        (tmp_path / "annotations.csv").write_bytes((HEADER + "é.jpg,1,2,3,4,gün\n").encode(encoding))
        assert read_annotation_table(tmp_path / "annotations.csv", "here").class_names == ["gün"]


BAD_FILES = {
    "empty": (b"", ("lacks a column: image, xmin", "an empty file")),
    "no class": (b"image,xmin,ymin,xmax,ymax\na.jpg,1,2,3,4\n", ("lacks a column: class", "line 1")),
    "no header": (b"a.jpg,1,2,3,4,gun\n", ("lacks a column: image", "a.jpg, 1, 2")),
    "binary": (b"\x89PNG\x00\x81\x8d" * 40, ("",)),
    "header alone": (HEADER.encode(), ("no usable box",)),
    "not one good line": ((HEADER + "photo_00.jpg,9,9,1,1,gun\n").encode(), ("no usable box", "line 2", "xmax 1")),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    annotated(tmp_path / "in", count=2)
    (tmp_path / "in" / "annotations.csv").write_bytes(content)
    with pytest.raises(EdgeboardError) as caught:
        generate(tmp_path / "in", tmp_path / "out")
    assert all(word in str(caught.value) for word in words)
    assert "data.suspect.source" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


# one line behind eight good ones, so line 10; the picture that the report names; why
BAD_LINES = {
    "the folder itself": ("./.,2,2,9,10,gun", ".", "it lies outside of the folder"),
    "xmax below xmin": ("photo_00.jpg,20,2,10,9,gun", "photo_00.jpg", "xmax 10 is not more than xmin 20"),
    "xmax is xmin": ("photo_00.jpg,20,2,20,9,gun", "photo_00.jpg", "xmax 20 is not more than xmin 20"),
    "ymax below ymin": ("photo_00.jpg,2,20,9,10,gun", "photo_00.jpg", "ymax 10 is not more than ymin 20"),
    "outside": ("photo_00.jpg,64,2,70,9,gun", "photo_00.jpg", "the box lies outside of the image, which is 64 x 64"),
    "far outside": ("photo_00.jpg,-9,-9,-1,-1,gun", "photo_00.jpg", "the box lies outside of the image"),
    "a word": ("photo_00.jpg,two,2,9,10,gun", "photo_00.jpg", "xmin is not a number: 'two'"),
    "nan": ("photo_00.jpg,1,2,nan,10,gun", "photo_00.jpg", "xmax is not a number: 'nan'"),
    "infinite": ("photo_00.jpg,1,2,inf,10,gun", "photo_00.jpg", "xmax is not a number: 'inf'"),
    "empty number": ("photo_00.jpg,1,,9,10,gun", "photo_00.jpg", "ymin is empty"),
    "no class": ("photo_00.jpg,1,2,9,10,", "photo_00.jpg", "class is empty"),
    "no image": (",1,2,9,10,gun", "annotations.csv", "it names no image"),
    "too few values": ("photo_00.jpg,1,2,9", "annotations.csv", "4 values where the first line has 6 names"),
    "too many values": ("photo_00.jpg,1,2,9,10,gun,1", "annotations.csv", "7 values where the first line has 6"),
    "unknown class": ("photo_00.jpg,1,2,9,10,cat", "photo_00.jpg", "class 'cat' is none of gun, drone"),
    "missing image": ("gone.jpg,1,2,9,10,gun", "gone.jpg", "there is no such image in the folder or its images/"),
    "another folder": ("../in2.jpg,1,2,9,10,gun", "../in2.jpg", "it lies outside of the folder"),
    "absolute": ("/etc/passwd,1,2,9,10,gun", "/etc/passwd", "it lies outside of the folder"),
    "a drive": ("C:\\a.jpg,1,2,9,10,gun", "C:/a.jpg", "it lies outside of the folder"),
    "no picture": ("annotations.csv,1,2,9,10,gun", "annotations.csv", "the content is not a picture"),
    "the same box again": ("photo_00.jpg,0,2,20,30,gun", "photo_00.jpg", "the same box as in line 2"),
}


@pytest.mark.parametrize(("line", "file", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_bad_line_is_listed_and_the_rest_used(tmp_path: Path, line: str, file: str, reason: str) -> None:
    annotated(tmp_path / "in", line + "\n")
    a_photo(99).save(tmp_path / "in2.jpg")
    report = generate(tmp_path / "in", tmp_path / "out", classes=["gun", "drone"])
    ((found_file, found_line, found_reason),) = skipped_of(report)
    assert (found_file, found_line) == (file, 10)
    assert found_reason.startswith(reason)
    assert {name: len(boxes) for name, boxes in boxes_by_name(tmp_path / "out").items()} == {
        f"photo_{i:02d}": 1 for i in range(8)
    }
    assert report["classes"] == ["gun", "drone"]


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("-5,-7,10,12", (0, 0, 10, 12)),
        ("50,50,99,64.4", (50, 50, 64, 64)),
        ("10.4,10.6,20.4,20.6", (10, 11, 20, 21)),
        ("10.1,10.1,10.3,10.3", (10, 10, 11, 11)),
        ("63.8,63.8,64,64", (63, 63, 64, 64)),
        ("0,0,64,64", (0, 0, 64, 64)),
    ],
)
def test_boxes_are_cut_at_the_border_and_are_whole_pixels(tmp_path: Path, line: str, box: tuple[int, ...]) -> None:
    a_photo(50).save(annotated(tmp_path / "in") / "more.png")
    with (tmp_path / "in" / "annotations.csv").open("a") as file:
        file.write(f"more.png,{line},gun\n")
    report = generate(tmp_path / "in", tmp_path / "out")
    assert boxes_by_name(tmp_path / "out")["more"] == [Box(*box, "gun")]
    assert report["boxes_clipped"] == (float(line.split(",")[0]) < 0 or "99" in line)


def test_large_pictures_are_shrunk_with_their_boxes(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "big.jpg,100,50,400,200,gun\n")
    Image.fromarray(np.zeros((300, 800, 3), np.uint8)).save(tmp_path / "in" / "big.jpg")
    report = generate(tmp_path / "in", tmp_path / "out", max_side=200)
    assert boxes_by_name(tmp_path / "out")["big"] == [Box(25, 13, 100, 50, "gun")]
    assert report["image_width"]["max"] == 200


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 60)), (3, (40, 60)), (6, (60, 40)), (8, (60, 40))])
def test_boxes_are_those_of_the_upright_picture(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    annotated(tmp_path / "in", "turned.jpg,30,20,900,900,gun\n")
    exif = Image.Exif()
    exif[0x0112] = orientation
    a_photo(60).resize((40, 60)).save(tmp_path / "in" / "turned.jpg", exif=exif)
    generate(tmp_path / "in", tmp_path / "out")
    assert boxes_by_name(tmp_path / "out")["turned"] == [Box(30, 20, *size, "gun")]


def test_pictures_may_lie_in_images_and_below(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "inner.jpg,1,2,9,10,gun\nsub/deep.jpg,1,2,9,10,gun\n")
    (tmp_path / "in" / "images" / "sub").mkdir(parents=True)
    a_photo(71).save(tmp_path / "in" / "images" / "inner.jpg")
    a_photo(72).save(tmp_path / "in" / "images" / "sub" / "deep.jpg")
    report = generate(tmp_path / "in", tmp_path / "out")
    assert {"inner", "deep"} <= set(boxes_by_name(tmp_path / "out"))
    assert report["skipped"] == []


def test_a_line_without_a_box_says_that_there_is_no_object(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "".join(f"none_{i}.jpg,,,,,\n" for i in range(3)))
    for i in range(3):
        a_photo(80 + i).save(tmp_path / "in" / f"none_{i}.jpg")
    report = generate(tmp_path / "in", tmp_path / "out")
    assert {split: of["empty"] for split, of in report["counts"].items()} == {"train": 1, "val": 1, "test": 1}
    index = pd.read_csv(tmp_path / "out" / "index.csv", keep_default_na=False)
    assert len(index) == 11
    assert (index["label"] == "").sum() == 3


def test_a_picture_with_bad_boxes_alone_is_left_out_and_not_called_empty(tmp_path: Path) -> None:
    """An object is on it, so that it must not teach that there is none. One of unwanted classes alone is empty."""
    annotated(tmp_path / "in", "bad.jpg,9,9,1,1,gun\ncat.jpg,1,1,9,9,cat\nout.jpg,70,70,90,90,gun\n")
    for i, name in enumerate(("bad", "cat", "out")):
        a_photo(80 + i).save(tmp_path / "in" / f"{name}.jpg")
    report = generate(tmp_path / "in", tmp_path / "out", classes=["gun", "drone"])
    files = " ".join(pd.read_csv(tmp_path / "out" / "index.csv")["file"])
    assert "cat_" in files
    assert "bad_" not in files
    assert "out_" not in files
    assert ("bad.jpg", 10, "none of its boxes can be used") in skipped_of(report)
    assert ("out.jpg", 12, "none of its boxes can be used") in skipped_of(report)


def test_byte_identical_pictures_are_taken_once(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "twin/photo_00.jpg,1,2,9,10,gun\n")
    (tmp_path / "in" / "twin").mkdir()
    (tmp_path / "in" / "twin" / "photo_00.jpg").write_bytes((tmp_path / "in" / "photo_00.jpg").read_bytes())
    report = generate(tmp_path / "in", tmp_path / "out")
    assert skipped_of(report) == [("twin/photo_00.jpg", 10, "the same file as photo_00.jpg")]


def _splits(out: Path) -> dict[str, str]:
    index = pd.read_csv(out / "index.csv", keep_default_na=False)
    return {Path(file).stem.rsplit("_", 1)[0]: split for file, split in zip(index["file"], index["split"], strict=True)}


@pytest.mark.parametrize("pattern", [r"c\d+", r"_(c\d+)_"])
def test_pictures_of_one_clip_are_in_one_split(tmp_path: Path, pattern: str) -> None:
    rows = HEADER
    (tmp_path / "in").mkdir()
    for clip in range(6):
        for i in range(4):
            name = f"cam_c{clip:02d}_{i}.jpg"
            a_photo(clip * 10 + i).save(tmp_path / "in" / name)
            rows += f"{name},1,2,30,40,{('gun', 'drone')[clip % 2]}\n"
    (tmp_path / "in" / "annotations.csv").write_text(rows)
    report = generate(tmp_path / "in", tmp_path / "out", group_pattern=pattern)
    homes: dict[str, set[str]] = {}
    for name, split in _splits(tmp_path / "out").items():
        homes.setdefault(name[:7], set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert report["n_groups"] == 6
    assert {split: of["images"] for split, of in report["counts"].items()} == {"train": 8, "val": 8, "test": 8}


def test_near_duplicates_are_in_one_split_and_link_clips(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "copy_a.jpg,1,2,9,10,gun\ncopy_b.jpg,1,2,9,10,gun\n", count=12)
    a_photo(0).save(tmp_path / "in" / "copy_a.jpg", quality=70)
    a_photo(3).save(tmp_path / "in" / "copy_b.jpg", quality=70)
    report = generate(tmp_path / "in", tmp_path / "out", group_pattern="copy")
    splits = _splits(tmp_path / "out")
    assert len({splits[name] for name in ("photo_00", "photo_03", "copy_a", "copy_b")}) == 1
    assert report["n_groups"] == 11, "ten alone, and one group of four: a near-duplicate, a clip, a near-duplicate"


def test_a_class_too_rare_for_three_splits_is_refused(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "photo_00.jpg,1,2,9,10,vest\n")
    with pytest.raises(EdgeboardError, match="too few") as caught:
        generate(tmp_path / "in", tmp_path / "out")
    assert "vest: 1" in str(caught.value)


def test_test_source_is_the_test_split_and_is_not_trained_on(tmp_path: Path) -> None:
    annotated(tmp_path / "in", count=10)
    extra = "photo_00.jpg,30,30,40,40,cat\nseen.jpg,1,2,9,10,gun\n"
    annotated(tmp_path / "real", extra, count=4, first=500)
    a_photo(5).save(tmp_path / "real" / "seen.jpg", quality=60)
    report = generate(tmp_path / "in", tmp_path / "out", test_source=str(tmp_path / "real"))
    index = pd.read_csv(tmp_path / "out" / "index.csv", keep_default_na=False)
    assert set(index[index["split"] == "test"]["source"]) == {
        "test_source:seen.jpg", *(f"test_source:photo_{i:02d}.jpg" for i in range(4)),
    }  # fmt: skip
    assert report["counts"]["test"]["images"] == 5
    assert report["counts"]["train"]["images"] + report["counts"]["val"]["images"] == 9
    reasons = {file: reason for file, _, reason in skipped_of(report)}
    assert reasons["photo_05.jpg"].startswith("near-duplicate of the test picture images/test/seen_")
    assert reasons["test_source:photo_00.jpg"] == "class 'cat' is none of drone, gun"
    assert report["test_source"] == "real"


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda root: annotated(root / "in"), "the same folder"),
        (
            lambda root: (root / "in").mkdir(exist_ok=True) or (root / "in" / "annotations.csv").unlink(),
            "nothing to make",
        ),
    ],
    ids=["source is test_source", "an empty folder"],
)
def test_folders_that_cannot_be_used_are_refused(tmp_path: Path, prepare: Callable[[Path], object], words: str) -> None:
    annotated(tmp_path / "in")
    prepare(tmp_path)
    with pytest.raises(EdgeboardError, match=words):
        generate(tmp_path / "in", tmp_path / "out", test_source=str(tmp_path / "in"))
    assert not (tmp_path / "out").exists()


def test_test_source_without_annotations_is_refused(tmp_path: Path) -> None:
    annotated(tmp_path / "in")
    (tmp_path / "bare").mkdir()
    with pytest.raises(EdgeboardError, match=r"no readable annotations\.csv") as caught:
        generate(tmp_path / "in", tmp_path / "out", test_source=str(tmp_path / "bare"))
    assert "data.suspect.test_source" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "in"]


def test_the_same_bytes_with_two_workers(tmp_path: Path) -> None:
    annotated(tmp_path / "in", "photo_00.jpg,9,9,1,1,gun\n", count=40)
    for workers in (1, 2):
        generate_suspect(detection_options(tmp_path / "in"), 7, tmp_path / f"out_{workers}", workers=workers)
    assert all_bytes(tmp_path / "out_1") == all_bytes(tmp_path / "out_2")


@pytest.mark.real_data
def test_real_pictures_are_split_by_clip(tmp_path: Path) -> None:
    if not (REAL_DATA / "suspect_real").is_dir():
        pytest.skip("the real pictures are not here")
    report = generate(
        REAL_DATA / "suspect_real", tmp_path / "out", group_pattern=r"c\d+", near_duplicate_bits=6, max_side=128
    )
    assert report["classes"] == ["drone", "gun"]
    assert report["skipped"] == []
    assert sum(of["images"] for of in report["counts"].values()) == 374
    assert sum(n for of in report["counts"].values() for n in of["objects"].values()) == 381
    homes: dict[str, set[str]] = {}
    for name, split in _splits(tmp_path / "out").items():
        homes.setdefault(name[:10] if name.startswith("spotem") else name, set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert read_json(tmp_path / "out" / "report.json")["data_hash"] == report["data_hash"]
