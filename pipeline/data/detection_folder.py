"""The layout of a data folder of annotated pictures: index.csv, annotations.csv, coco/, a sheet and report.json."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from pipeline.data.annotations import Picture, Pictures, write_annotations, write_coco
from pipeline.data.box_sheet import SHEET_PICTURES, write_box_sheet
from pipeline.data.dataset import Row
from pipeline.errors import EdgeboardError
from pipeline.files import write_json

SHEET = "contact_sheet.jpg"


def boxed_picture_path(split: str, name: str) -> str:
    return f"images/{split}/{name}.jpg"


def finish_detection_folder(
    folder: Path,
    task: str,
    source: str,
    class_names: Sequence[str],
    splits: Sequence[str],
    pictures: Pictures,
    findings: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Write everything beside the pictures of a folder, which are already there; gives the report.

    `pictures` are sorted by split and file and are gone through several times, never held. `data_hash` is the sha256
    of index.csv and annotations.csv one after the other. Raises EdgeboardError where there is not one object.
    """
    ordered = sorted(splits)
    _write_index(folder / "index.csv", pictures())
    write_annotations(folder / "annotations.csv", pictures())
    (folder / "coco").mkdir(exist_ok=True)
    for split in ordered:
        write_coco(folder / "coco" / f"{split}.json", lambda split=split: _of(pictures, split), class_names)  # type: ignore[misc]
    counted = _count(pictures(), class_names, ordered)
    report = {
        "task": task,
        "source": source,
        "classes": list(class_names),
        **counted,
        "data_hash": _hash_files(folder / "index.csv", folder / "annotations.csv"),
        **findings,
    }
    write_box_sheet(folder / SHEET, folder, _sample(pictures(), counted["counts"]), class_names)
    write_json(folder / "report.json", report)
    return report


def _write_index(path: Path, pictures: Iterable[Picture]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        for it in pictures:
            writer.writerow(astuple(Row(it.file, it.label, it.split, it.source, "", it.width, it.height, it.sha256)))


def _of(pictures: Pictures, split: str) -> Iterable[Picture]:
    return (picture for picture in pictures() if picture.split == split)


def _count(pictures: Iterable[Picture], class_names: Sequence[str], splits: Sequence[str]) -> dict[str, Any]:
    images: Counter[str] = Counter()
    empty: Counter[str] = Counter()
    objects: Counter[tuple[str, str]] = Counter()
    sources: set[str] = set()
    widths: Counter[int] = Counter()
    heights: Counter[int] = Counter()
    long_sides: Counter[int] = Counter()
    for picture in pictures:
        images[picture.split] += 1
        empty[picture.split] += not picture.boxes
        sources.add(picture.source)
        widths[picture.width] += 1
        heights[picture.height] += 1
        for box in picture.boxes:
            objects[picture.split, box.name] += 1
            long_sides[max(box.xmax - box.xmin, box.ymax - box.ymin)] += 1
    if not long_sides:
        raise EdgeboardError(
            "There is not one object in all images", mend="lower data.<task>.mix.empty, or ask for more images"
        )
    return {
        "counts": {
            split: {
                "images": images[split],
                "empty": empty[split],
                "objects": {name: objects[split, name] for name in class_names},
            }
            for split in splits
        },
        "n_groups": len(sources),
        "image_width": _spread(widths),
        "image_height": _spread(heights),
        "box_long_side_px": _spread(long_sides),
    }


def _spread(counts: Counter[int]) -> dict[str, int]:
    """Counted sizes instead of a list of them: there are few sizes however many images."""
    half, seen, median = counts.total() / 2, 0, 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= half:
            median = value
            break
    return {"min": min(counts), "median": median, "max": max(counts)}


def _sample(pictures: Iterable[Picture], counts: dict[str, Any]) -> list[Picture]:
    """As many of every split, evenly spaced; the same ones at every run."""
    share = max(1, SHEET_PICTURES // max(1, len(counts)))
    wanted = {
        split: {i * of_split["images"] // share for i in range(min(share, of_split["images"]))}
        for split, of_split in counts.items()
    }
    position: Counter[str] = Counter()
    chosen = []
    for picture in pictures:
        if position[picture.split] in wanted[picture.split]:
            chosen.append(picture)
        position[picture.split] += 1
    return chosen


def _hash_files(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
