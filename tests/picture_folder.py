"""A data folder of easy pictures: the class is the colour of a square on noise. Made in milliseconds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.files import write_json

CLASS_NAMES = ["blue", "green", "red"]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_data_folder(folder: Path, per_class: dict[str, int], size: int = 48) -> Path:
    """`folder`/index.csv, report.json and JPEGs with `per_class` pictures of each class in each split."""
    generator = np.random.default_rng(0)
    rows = []
    for split, count in per_class.items():
        for label, name in enumerate(CLASS_NAMES):
            for i in range(count):
                image = generator.integers(60, 140, (size, size, 3), dtype=np.uint8)
                x, y = generator.integers(0, size // 2, 2)
                image[y : y + size // 2, x : x + size // 2, 2 - label] = 230
                file = f"images/{split}/{name}/{i:03d}.jpg"
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / file), image[..., ::-1])
                rows.append({"file": file, "label": name, "split": split, "source": file, "mask": "",
                             "width": size, "height": size, "sha256": "0"})  # fmt: skip
    write_csv(folder / "index.csv", rows)
    write_json(folder / "report.json", {"classes": CLASS_NAMES, "data_hash": "0"})
    return folder
