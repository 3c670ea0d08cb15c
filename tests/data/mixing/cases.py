"""Objects and backgrounds to mix, drawn here: plain enough that the true box can be counted in the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipeline.data.mixing.compose import Mixer
from pipeline.data.mixing.pool import Background, Pool, Sprite, object_levels
from pipeline.detection_data_options import DetectionData, Mixing
from tests.data.photo_cases import a_photo

# Nothing that changes a pixel after an object was laid down, and nothing by chance.
PLAIN: dict[str, Any] = {
    "width": 160, "height": 120, "rotation": 0, "flip": 0, "brightness": 0, "contrast": 0, "hue": 0, "saturation": 0,
    "match_light": 0, "blurred": 0, "noisy": 0, "occluded": 0, "truncated": 0, "empty": 0,
    "objects": {"min": 1, "max": 1}, "distractors": {"min": 0, "max": 0},
    "seams": {"none": 1, "feather": 0, "poisson": 0}, "scale": {"min": 0.3, "max": 0.3},
}  # fmt: skip
GREEN = (0, 160, 0)
COLOURS_BGR = {"red": (40, 30, 230), "blue": (240, 60, 20), "white": (250, 250, 250)}


def rectangle_sprite(colour_bgr: tuple[int, int, int], width: int = 60, height: int = 40) -> Sprite:
    bgra = np.full((height, width, 4), (*colour_bgr, 255), np.uint8)
    return Sprite(object_levels(bgra, max(width, height)), colour_bgr, min(width, height) / max(width, height))


def plain_pool(names: list[str], distractors: int = 0, **size: int) -> Pool:
    """One rectangle of its own colour for each class, on green; distractors are black."""
    green = np.full((160, 220, 3), GREEN, np.uint8)
    return Pool(
        {name: [rectangle_sprite(COLOURS_BGR[name], **size)] for name in names},
        [rectangle_sprite((5, 5, 5))] * distractors,
        [Background(green, "green")],
    )


def plain_mixer(pool: Pool, seed: int = 7, split: str = "train", **changes: Any) -> Mixer:
    return Mixer(pool, Mixing.model_validate(PLAIN | changes), seed, split)


def pixels_of(image_bgr: np.ndarray, colour_bgr: tuple[int, int, int]) -> np.ndarray:
    """Where an image is nearer to a colour than half of the way to any other that is used here."""
    return np.abs(image_bgr.astype(int) - colour_bgr).max(axis=2) < 60


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + width, top + height


def disc_cutout(seed: int, colour: tuple[int, int, int] | None = None, size: int = 48) -> Image.Image:
    """A disc with alpha, patterned by the seed, or plain where a colour is given."""
    image = a_photo(seed, size) if colour is None else Image.new("RGB", (size, size), colour)
    alpha = np.zeros((size, size), np.uint8)
    cv2.circle(alpha, (size // 2, size // 2), size // 2 - 2, 255, -1, cv2.LINE_AA)
    image.putalpha(Image.fromarray(alpha))
    return image


def fill_source(root: Path, classes: dict[str, int], backgrounds: int = 6) -> Path:
    """objects/<class>/ with so many discs each and backgrounds/, no two of which are near-duplicates."""
    seed = 0
    for name, count in classes.items():
        (root / "objects" / name).mkdir(parents=True)
        for i in range(count):
            disc_cutout(seed + i).save(root / "objects" / name / f"disc_{i:02d}.png")
        seed += 100
    (root / "backgrounds").mkdir(parents=True)
    for i in range(backgrounds):
        a_photo(10_000 + i, 160).save(root / "backgrounds" / f"photo_{i:02d}.jpg", quality=95)
    return root


def detection_options(source: Path | str, **changes: Any) -> DetectionData:
    values: dict[str, Any] = {
        "source": str(source),
        "count": {"train": 20, "val": 5, "test": 9},
        "pool": {"train": 2, "val": 1, "test": 1},
        "near_duplicate_bits": 2,
        "split": {"train": 0.6, "val": 0.2, "test": 0.2},
        "max_side": 200,
        "mix": {"width": 160, "height": 120},
    }
    return DetectionData.model_validate(values | changes)
