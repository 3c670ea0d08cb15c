"""annotations.csv as people and tools write it: what each line says, and what is wrong with it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.data.annotations import COLUMNS
from pipeline.errors import EdgeboardError

FILE_NAME = "annotations.csv"
_DELIMITERS = ",;\t"


class BoxLine(NamedTuple):
    """A box in pixels of its image as annotated, not yet known to be inside it."""

    line: int
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    name: str


class SkippedLine(NamedTuple):
    """`is_defect`: False for a box that is well but not wanted, as of a class that is not trained."""

    line: int
    image: str
    reason: str
    is_defect: bool = True


@dataclass
class AnnotationTable:
    """`boxes`: image as the file names it to its boxes; an image that is listed without a box has none."""

    boxes: dict[str, list[BoxLine]] = field(default_factory=dict)
    skipped: list[SkippedLine] = field(default_factory=list)

    @property
    def class_names(self) -> list[str]:
        return sorted({box.name for boxes in self.boxes.values() for box in boxes})


def read_annotation_table(path: Path, where: str) -> AnnotationTable:
    """Read a CSV with the columns image, xmin, ymin, xmax, ymax, class, in any order and beside others.

    Commas, semicolons or tabs; any line ends; UTF-8 or UTF-16, with or without BOM, else Windows-1252. Decimal places
    are allowed, after a comma too where that does not separate. A line with nothing behind the image says that it has
    no object. A bad line is listed in `skipped`. Raises EdgeboardError where the file or a column is missing.
    """
    rows = _rows(_text(path, where))
    header_line, header = next(rows, (1, []))
    names = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise EdgeboardError(
            f"{FILE_NAME} lacks a column: {', '.join(missing)}",
            where=f"{where}: {FILE_NAME}, line {header_line}",
            value=", ".join(names) or "an empty file",
            allowed=",".join(COLUMNS),
            mend="name the columns in the first line, separated by commas, semicolons or tabs",
        )
    table = AnnotationTable()
    at = [names.index(name) for name in COLUMNS]
    seen: dict[tuple[object, ...], int] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            table.skipped.append(
                SkippedLine(line, "", f"{len(row)} values where the first line has {len(names)} names")
            )
            continue
        image, *sides, name = (row[i].strip() for i in at)
        image = _plain_path(image)
        if not image:
            table.skipped.append(SkippedLine(line, "", "it names no image"))
        elif not any(sides) and not name:
            table.boxes.setdefault(image, [])
        elif (box := _box(line, sides, name)) is None or isinstance(box, str):
            table.skipped.append(SkippedLine(line, image, box or ""))
        elif (first := seen.setdefault((image, *box[1:]), line)) != line:
            table.skipped.append(SkippedLine(line, image, f"the same box as in line {first}", is_defect=False))
        else:
            table.boxes.setdefault(image, []).append(box)
    return table


def _text(path: Path, where: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EdgeboardError(
            f"The folder has no readable {FILE_NAME}", where=where, value=f"{path}: {error.strerror}"
        ) from None
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise EdgeboardError(f"{FILE_NAME} is no text", where=where, value=path, mend="save it as CSV in UTF-8")


def _rows(text: str):  # type: ignore[no-untyped-def]
    """(number of the line, cells) of each row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, [f"not CSV: {error}"]
            continue
        if row:
            yield reader.line_num, row


def _plain_path(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def is_inside(name: str) -> bool:
    """Whether a name in the file leads to nothing outside of the folder."""
    path = PurePosixPath(name)
    # "." has no parts at all
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0]


def _box(line: int, sides: list[str], name: str) -> BoxLine | str:
    values = []
    for column, text in zip(COLUMNS[1:5], sides, strict=True):
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return f"{column} is not a number: {text!r}" if text else f"{column} is empty"
        if not math.isfinite(value):
            return f"{column} is not a number: {text!r}"
        values.append(value)
    xmin, ymin, xmax, ymax = values
    if xmax <= xmin:
        return f"xmax {xmax:g} is not more than xmin {xmin:g}"
    if ymax <= ymin:
        return f"ymax {ymax:g} is not more than ymin {ymin:g}"
    if not name:
        return "class is empty"
    return BoxLine(line, xmin, ymin, xmax, ymax, name)
