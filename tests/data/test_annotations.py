"""annotations.csv and COCO's JSON as the pipeline writes them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

from pipeline.data.annotations import Box, Picture, read_annotations, write_annotations, write_coco
from pipeline.errors import EdgeboardError

NAMES = ["gun", "knife, long", 'a "vest"']


def _picture(file: str, *boxes: Box) -> Picture:
    return Picture(file, "train", "somewhere", 100, 80, "0" * 64, boxes)


PICTURES = [
    _picture("images/train/a.jpg", Box(5, 1, 9, 4, "knife, long"), Box(0, 0, 50, 40, "gun")),
    _picture("images/train/b.jpg"),
    _picture("images/train/c é.jpg", Box(99, 79, 100, 80, 'a "vest"'), Box(1, 1, 3, 3, "gun"), Box(2, 1, 3, 3, "gun")),
]


def test_annotations_are_the_documented_csv(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations.csv", PICTURES)
    assert (tmp_path / "annotations.csv").read_text(encoding="utf-8") == (
        "image,xmin,ymin,xmax,ymax,class\n"
        "images/train/a.jpg,0,0,50,40,gun\n"
        'images/train/a.jpg,5,1,9,4,"knife, long"\n'
        "images/train/c é.jpg,1,1,3,3,gun\n"
        "images/train/c é.jpg,2,1,3,3,gun\n"
        'images/train/c é.jpg,99,79,100,80,"a ""vest"""\n'
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_annotations(tmp_path / "annotations.csv", PICTURES)
    assert read_annotations(tmp_path / "annotations.csv") == {
        picture.file: sorted(picture.boxes) for picture in PICTURES if picture.boxes
    }
    write_annotations(tmp_path / "annotations.csv", [])
    assert read_annotations(tmp_path / "annotations.csv") == {}


HEADER = "image,xmin,ymin,xmax,ymax,class\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no annotations.csv"),
        ("", "other columns"),
        ("file,label\n", "other columns"),
        (HEADER + "a.jpg,1,2,3,4,gun\na.jpg,1,2,3\n", "line 3"),
        (HEADER + "a.jpg,1,2,x,4,gun\n", "line 2"),
        (HEADER + "a.jpg,1,2,3.5,4,gun\n", "line 2"),
    ],
)
def test_a_damaged_file_is_told_with_its_line(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "annotations.csv").write_text(content)
    with pytest.raises(EdgeboardError, match=words) as caught:
        read_annotations(tmp_path / "annotations.csv")
    assert "dvc repro" in str(caught.value)


@pytest.mark.parametrize(
    ("boxes", "label"),
    [
        ((), ""),
        ((Box(0, 0, 2, 2, "gun"),), "gun"),
        ((Box(0, 0, 2, 2, "gun"), Box(0, 0, 3, 2, "vest")), "vest"),
        ((Box(0, 0, 2, 3, "gun"), Box(5, 5, 8, 7, "vest")), "gun"),
    ],
)
def test_label_is_the_class_of_the_largest_object(boxes: tuple[Box, ...], label: str) -> None:
    assert _picture("a.jpg", *boxes).label == label


@pytest.mark.parametrize("pictures", [PICTURES, PICTURES[1:2], []], ids=["some", "one without objects", "none"])
def test_coco_is_what_pycocotools_reads(tmp_path: Path, pictures: list[Picture]) -> None:
    coco_module = pytest.importorskip("pycocotools.coco")
    write_coco(tmp_path / "train.json", lambda: pictures, NAMES)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_module.COCO(str(tmp_path / "train.json"))
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == [p.file for p in pictures]
    assert [c["name"] for c in coco.loadCats([1, 2, 3])] == NAMES
    for number, picture in enumerate(pictures, start=1):
        found = coco.loadAnns(coco.getAnnIds(imgIds=[number]))
        assert [one["bbox"] for one in found] == [
            [b.xmin, b.ymin, b.xmax - b.xmin, b.ymax - b.ymin] for b in sorted(picture.boxes)
        ]
        assert [one["area"] for one in found] == [b.area for b in sorted(picture.boxes)]
        assert [NAMES[one["category_id"] - 1] for one in found] == [b.name for b in sorted(picture.boxes)]
        assert all(one["iscrowd"] == 0 for one in found)


def test_coco_ids_are_unique_and_from_one(tmp_path: Path) -> None:
    write_coco(tmp_path / "train.json", lambda: PICTURES, NAMES)
    found = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in found["annotations"]] == [1, 2, 3, 4, 5]
    assert [one["id"] for one in found["images"]] == [1, 2, 3]
    assert all((one["width"], one["height"]) == (100, 80) for one in found["images"])


def test_coco_goes_through_the_pictures_without_holding_them(tmp_path: Path) -> None:
    """A picture is written before the next is asked for."""
    alive: list[int] = []

    def pictures():  # type: ignore[no-untyped-def]
        for i in range(3):
            alive.append(i)
            yield _picture(f"{i}.jpg", Box(0, 0, 2, 2, "gun"))

    write_coco(tmp_path / "train.json", pictures, NAMES)
    assert alive == [0, 1, 2, 0, 1, 2], "once for the images and once for the boxes"
