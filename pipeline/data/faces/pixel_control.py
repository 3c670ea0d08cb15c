"""What a comparison of pixels reaches: the number that an embedding must beat to have learned faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.controls import Control
from pipeline.data.dataset import Row
from pipeline.data.frames import read_image

_SIDE = 32


def pixel_control(data_folder: Path, rows: Sequence[Row]) -> Control:
    """Top-1 among the known people of the nearest training crop, as 32 x 32 grey pixels of equal mean and contrast."""
    from scipy.stats import binomtest

    known = {split: [row for row in rows if row.label and row.split == split] for split in ("train", "test")}
    train, test = (np.stack([_pixels(data_folder / row.file) for row in of]) for of in known.values())
    nearest = (test @ train.T).argmax(axis=1)
    hits = sum(known["train"][j].label == row.label for j, row in zip(nearest, known["test"], strict=True))
    interval = binomtest(hits, len(test)).proportion_ci(method="wilson")
    return Control(value=hits / len(test), low=float(interval.low), high=float(interval.high), n=len(test))


def _pixels(path: Path) -> NDArray[np.float32]:
    """`[1024]` of length 1, so that a product is the correlation."""
    grey = cv2.cvtColor(cv2.resize(read_image(path), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    pixels = grey.astype(np.float32).ravel()
    pixels -= pixels.mean()
    return pixels / max(float(np.linalg.norm(pixels)), 1e-6)
