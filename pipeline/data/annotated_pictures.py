"""The pictures that annotations.csv names: read, made plain, with their boxes in the pixels of the plain picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from pipeline.data.annotation_table import (
    FILE_NAME,
    AnnotationTable,
    BoxLine,
    SkippedLine,
    is_inside,
    read_annotation_table,
)
from pipeline.data.annotations import Box
from pipeline.data.class_folders import shown
from pipeline.data.photos import PlainPhoto, SkippedPhoto, write_plain_photo
from pipeline.data.workers import Progress, map_in_order
from pipeline.errors import EdgeboardError

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class AnnotatedPicture:
    """`name`: as annotations.csv has it; `staged`: where its plain copy lies; `boxes`: in pixels of that copy."""

    name: str
    staged: Path
    plain: PlainPhoto
    boxes: tuple[Box, ...]


@dataclass
class AnnotatedPictures:
    """`clipped`: how many boxes reached beyond their image and were cut at its border."""

    class_names: list[str]
    pictures: list[AnnotatedPicture] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    clipped: int = 0


class _Reading(NamedTuple):
    path: Path
    staged: Path


class _Read(NamedTuple):
    """Size of the picture as it is seen, before it was shrunk."""

    width: int
    height: int
    plain: PlainPhoto


def read_annotated_pictures(
    root: Path, staging: Path, where: str, class_names: Sequence[str] | None, max_side: int, max_megapixels: int,
    workers: int | None, progress: Progress | None,
) -> AnnotatedPictures:  # fmt: skip
    """Read `root`/annotations.csv and the pictures it names, in `root` or its images/; plain copies go to `staging`.

    Boxes are those of the upright picture. They are cut at its border and shrunk with it to `max_side`. Boxes of
    classes that are not among `class_names` (None: all there are) are skipped; a picture with none but defective boxes
    too.
    Raises EdgeboardError where no box of a wanted class is left.
    """
    table = read_annotation_table(root / FILE_NAME, where)
    wanted = list(class_names) if class_names is not None else table.class_names
    boxes, skipped = _wanted_boxes(table, wanted)
    readings: dict[str, _Reading] = {}
    for image in boxes:
        path = _find(root, image)
        if isinstance(path, str):
            skipped.append(SkippedLine(_first_line(table, image), image, path))
        else:
            readings[image] = _Reading(path, staging / f"{len(readings):07d}.jpg")
    staging.mkdir(parents=True, exist_ok=True)
    results = map_in_order(partial(_read, max_side, max_megapixels), list(readings.values()), workers, progress)
    found = AnnotatedPictures(wanted)
    defective = {line.image for line in skipped if line.is_defect}
    twins: dict[str, str] = {}
    for image, result in zip(readings, results, strict=True):
        if isinstance(result, SkippedPhoto):
            skipped.append(SkippedLine(_first_line(table, image), image, result.reason))
            continue
        placed, clipped, bad = _placed(boxes[image], image, result)
        skipped += bad
        first = twins.setdefault(result.plain.source_sha256, image)
        if first != image:
            skipped.append(SkippedLine(_first_line(table, image), image, f"the same file as {first}"))
        elif not placed and (bad or image in defective):
            skipped.append(SkippedLine(_first_line(table, image), image, "none of its boxes can be used"))
        else:
            found.clipped += clipped
            found.pictures.append(AnnotatedPicture(image, readings[image].staged, result.plain, placed))
    found.skipped = [
        {"file": shown(line.image) or FILE_NAME, "line": line.line, "reason": line.reason} for line in sorted(skipped)
    ]
    if not any(picture.boxes for picture in found.pictures):
        _refuse(root, where, wanted, found.skipped)
    return found


def _wanted_boxes(
    table: AnnotationTable, wanted: Sequence[str]
) -> tuple[dict[str, list[BoxLine]], list[SkippedLine]]:  # fmt: skip
    boxes: dict[str, list[BoxLine]] = {}
    skipped = list(table.skipped)
    for image in dict.fromkeys([*table.boxes, *(line.image for line in table.skipped if line.image)]):
        boxes[image] = []
        for box in table.boxes.get(image, []):
            if box.name in wanted:
                boxes[image].append(box)
            else:
                reason = f"class {shown(box.name)!r} is none of {', '.join(wanted)}"
                skipped.append(SkippedLine(box.line, image, reason, is_defect=False))
    return boxes, skipped


def _first_line(table: AnnotationTable, image: str) -> int:
    lines = [box.line for box in table.boxes.get(image, [])]
    lines += [line.line for line in table.skipped if line.image == image]
    return min(lines, default=0)


def _find(root: Path, image: str) -> Path | str:
    if not is_inside(image):
        return "it lies outside of the folder"
    for path in (root / image, root / "images" / image):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            break
    return "there is no such image in the folder or its images/"


def _read(max_side: int, max_megapixels: int, reading: _Reading) -> _Read | SkippedPhoto:
    plain = write_plain_photo(reading.path, reading.staged, max_side, max_megapixels)
    if isinstance(plain, SkippedPhoto):
        return plain
    with Image.open(reading.path) as image:
        width, height = image.size
        try:
            sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        except Exception:  # EXIF that cannot be parsed tells no orientation, for the reader of the pixels as well
            sideways = False
    return _Read(height, width, plain) if sideways else _Read(width, height, plain)


def _placed(
    boxes: Sequence[BoxLine], image: str, read: _Read
) -> tuple[tuple[Box, ...], int, list[SkippedLine]]:  # fmt: skip
    """Boxes cut at the border of the image and scaled to its plain copy, how many were cut, and the ones left out."""
    placed, clipped, bad = [], 0, []
    for box in boxes:
        xmin, ymin = max(0.0, box.xmin), max(0.0, box.ymin)
        xmax, ymax = min(float(read.width), box.xmax), min(float(read.height), box.ymax)
        if xmax <= xmin or ymax <= ymin:
            size = f"{read.width} x {read.height}"
            bad.append(SkippedLine(box.line, image, f"the box lies outside of the image, which is {size} pixels"))
            continue
        clipped += (xmin, ymin, xmax, ymax) != box[1:5]
        x_factor, y_factor = read.plain.width / read.width, read.plain.height / read.height
        left, right = _pixels(xmin * x_factor, xmax * x_factor, read.plain.width)
        top, bottom = _pixels(ymin * y_factor, ymax * y_factor, read.plain.height)
        placed.append(Box(left, top, right, bottom, box.name))
    return tuple(sorted(placed)), clipped, bad


def _pixels(low: float, high: float, limit: int) -> tuple[int, int]:
    """The nearest whole pixels, at least one, inside the picture."""
    first = min(math.floor(low + 0.5), limit - 1)
    return first, min(limit, max(first + 1, math.floor(high + 0.5)))


def _refuse(root: Path, where: str, wanted: Sequence[str], skipped: Sequence[dict[str, Any]]) -> None:
    detail = "".join(f"\n            line {one['line']}, {one['file']}: {one['reason']}" for one in skipped[:5])
    more = f"\n            and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    raise EdgeboardError(
        f"{FILE_NAME} has no usable box",
        where=where,
        value=f"{root}; {len(skipped)} lines or images were skipped{':' if skipped else ''}{detail}{more}",
        allowed=f"boxes of the classes {', '.join(wanted)}" if wanted else "one line for each box",
    )
