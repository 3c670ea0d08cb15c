"""`source: synthetic`: a data folder of drawn scenes, with the true mask of flame and smoke."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from PIL import Image

from pipeline.data.dataset import SPLITS, Row, finish, make_folders, mask_path, picture_path
from pipeline.data.fire_scenes import CLASS_NAMES, HEIGHT, WIDTH, draw_scene
from pipeline.data.photos import write_jpeg
from pipeline.data.workers import Progress, map_in_order
from pipeline.files import sha256_file


class Scene(NamedTuple):
    """`number` is the index that `draw_scene` takes."""

    split: str
    label: str
    number: int


def plan_scenes(counts: dict[str, int]) -> list[Scene]:
    """Which scenes make up each split of `counts` pictures; classes differ by at most one picture.

    A scene's number is never used by two splits, and a larger split keeps the scenes of the smaller one: more
    training pictures leave the test pictures as they were.
    """
    scenes = []
    for number, split in enumerate(SPLITS):
        for position, label in enumerate(CLASS_NAMES):
            share = (counts[split] - position + len(CLASS_NAMES) - 1) // len(CLASS_NAMES)
            scenes += [Scene(split, label, i * len(SPLITS) + number) for i in range(share)]
    return scenes


def draw_folder(
    folder: Path, counts: dict[str, int], seed: int, workers: int | None, progress: Progress | None
) -> dict[str, Any]:
    """Fill an empty `folder` with `counts[split]` drawn scenes for each split; gives the report."""
    make_folders(folder, CLASS_NAMES)
    make_folders(folder, [name for name in CLASS_NAMES if name != "none"], ["masks"])
    rows = map_in_order(partial(_draw, folder, seed), plan_scenes(counts), workers, progress)
    return finish(folder, "fire", "synthetic", CLASS_NAMES, rows, {"skipped": [], "near_duplicates": []})


def _draw(folder: Path, seed: int, scene: Scene) -> Row:
    image_hwc, mask_hw = draw_scene(seed, scene.number, scene.label)
    name = f"scene_{scene.number:05d}"
    file = picture_path(scene.split, scene.label, name)
    write_jpeg(Image.fromarray(image_hwc), folder / file)
    mask = ""
    if scene.label != "none":
        mask = mask_path(scene.split, scene.label, name)
        (folder / mask).write_bytes(cv2.imencode(".png", mask_hw)[1].tobytes())
    return Row(file, scene.label, scene.split, f"{scene.label}/{name}", mask, WIDTH, HEIGHT, sha256_file(folder / file))
