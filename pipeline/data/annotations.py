"""Boxes and their files: annotations.csv as this pipeline writes it, and COCO's JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import EdgeboardError

COLUMNS = ("image", "xmin", "ymin", "xmax", "ymax", "class")


class Box(NamedTuple):
    """Integer pixels of the image; xmin and ymin belong to the box, xmax and ymax are one beyond it."""

    xmin: int
    ymin: int
    xmax: int
    ymax: int
    name: str

    @property
    def area(self) -> int:
        return (self.xmax - self.xmin) * (self.ymax - self.ymin)


@dataclass(frozen=True)
class Picture:
    """One image of a data folder; `file` is relative to it. `source`: images that share it never share two splits."""

    file: str
    split: str
    source: str
    width: int
    height: int
    sha256: str
    boxes: tuple[Box, ...]

    @property
    def label(self) -> str:
        """The class of the largest object, the first of equals; empty where there is none."""
        return max(self.boxes, key=lambda box: box.area).name if self.boxes else ""


# Called once for each file that is written, so that a hundred thousand pictures never have to be in memory.
Pictures = Callable[[], Iterable[Picture]]


def write_annotations(path: Path, pictures: Iterable[Picture]) -> None:
    """`image,xmin,ymin,xmax,ymax,class`, in the order of `pictures`, each with its boxes sorted."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for picture in pictures:
            writer.writerows((picture.file, *box) for box in sorted(picture.boxes))


def read_annotations(path: Path) -> dict[str, list[Box]]:
    """What `write_annotations` wrote: image to its boxes. Images without an object are not in it.

    Raises EdgeboardError with the line where the file is missing or is not as this pipeline writes it.
    """
    boxes: dict[str, list[Box]] = {}
    mend = f"dvc repro --force generate@{path.parent.name}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, [])) != COLUMNS:
                raise EdgeboardError("annotations.csv has other columns", where=path, allowed=COLUMNS, mend=mend)
            for row in reader:
                try:
                    image, xmin, ymin, xmax, ymax, name = row
                    box = Box(int(xmin), int(ymin), int(xmax), int(ymax), name)
                except ValueError:
                    where = f"{path}, line {reader.line_num}"
                    raise EdgeboardError("A line of annotations.csv is damaged", where=where, mend=mend) from None
                boxes.setdefault(image, []).append(box)
    except FileNotFoundError:
        raise EdgeboardError("The data folder has no annotations.csv", where=path, mend=mend) from None
    return boxes


def write_coco(path: Path, pictures: Pictures, class_names: Sequence[str]) -> None:
    """COCO's JSON of one split: ids from 1 in the order of `pictures`, file names relative to the data folder.

    Lin et al. 2014, Microsoft COCO, arXiv:1405.0312; the keys are those that pycocotools reads.
    """
    number_of = {name: number for number, name in enumerate(class_names, start=1)}
    categories = [{"id": number, "name": name, "supercategory": "object"} for name, number in number_of.items()]
    images = (
        {"id": i, "file_name": picture.file, "width": picture.width, "height": picture.height}
        for i, picture in enumerate(pictures(), start=1)
    )
    boxes = ((i, box) for i, picture in enumerate(pictures(), start=1) for box in sorted(picture.boxes))
    annotations = (
        {
            "id": number,
            "image_id": i,
            "category_id": number_of[box.name],
            "bbox": [box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin],
            "area": box.area,
            "iscrowd": 0,
        }
        for number, (i, box) in enumerate(boxes, start=1)
    )
    with path.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        file.writelines(_joined(images))
        file.write('],\n"annotations": [')
        file.writelines(_joined(annotations))
        file.write(f'],\n"categories": {json.dumps(categories, ensure_ascii=False)}}}\n')


def _joined(items: Iterable[Any]) -> Iterator[str]:
    """The items as JSON, one a line, written as they come."""
    rows = (json.dumps(item, ensure_ascii=False) for item in items)
    return chain(("\n" + row for row in _first(rows)), (",\n" + row for row in rows))


def _first(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        yield row
        return
