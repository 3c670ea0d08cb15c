"""The layout of a data folder of classified pictures: index.csv, images/, masks/ and report.json.

index.csv has one row per picture: file and mask (relative to the folder; mask is empty where there is none), label,
split, source (pictures with the same source are never in different splits), width, height and the sha256 of the file.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.data.controls import histogram_control
from pipeline.files import sha256_file, write_json

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, order=True)
class Row:
    """One line of index.csv; the fields are its columns."""

    file: str
    label: str
    split: str
    source: str
    mask: str
    width: int
    height: int
    sha256: str


def picture_path(split: str, label: str, name: str) -> str:
    return f"images/{split}/{label}/{name}.jpg"


def mask_path(split: str, label: str, name: str) -> str:
    return f"masks/{split}/{label}/{name}.png"


def make_folders(folder: Path, labels: Iterable[str], kinds: Sequence[str] = ("images",)) -> None:
    for label in labels:
        for kind in kinds:
            for split in SPLITS:
                (folder / kind / split / label).mkdir(parents=True)


def write_index(folder: Path, rows: Iterable[Row]) -> None:
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(astuple(row) for row in sorted(rows, key=lambda row: (row.split, row.file)))


def finish(
    folder: Path, task: str, source: str, class_names: Sequence[str], rows: Sequence[Row], findings: dict[str, Any]
) -> dict[str, Any]:
    """Write index.csv and report.json of a folder whose pictures are already there; give the report.

    `data_hash` is the sha256 of index.csv, which holds that of every picture: it names the data as a whole.
    """
    write_index(folder, rows)
    counts = {split: dict.fromkeys(class_names, 0) for split in SPLITS}
    for row in rows:
        counts[row.split][row.label] += 1
    report = {
        "task": task,
        "source": source,
        "classes": list(class_names),
        "counts": counts,
        "n_groups": len({row.source for row in rows}),
        "image_width": _spread([row.width for row in rows]),
        "image_height": _spread([row.height for row in rows]),
        "data_hash": sha256_file(folder / "index.csv"),
        "control_histogram_accuracy": histogram_control(folder, list(class_names)),
        **findings,
    }
    write_json(folder / "report.json", report)
    return report


def _spread(values: list[int]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}
