"""The objects and backgrounds of each split, prepared once and shared by all workers through mapped files.

Nothing is decoded or feathered while images are mixed: a pool holds every object at many sizes, with premultiplied
colours, as cut and with a soft edge. Worker processes map the same files, so that many need the memory of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.mixing.cutouts import SOLID
from pipeline.data.mixing.origins import Origin, PoolPlan
from pipeline.data.workers import map_in_order
from pipeline.files import read_json, write_json

# Transparent pixels around every object: a turned edge needs one, a soft edge grows into them.
PAD, SOFT_PAD = 1, 4
_SMALLEST_LEVEL = 16  # pixels of the longer side
_STEP = 2**0.5
_FEATHER_SIGMA = 1.8
# Room to crop from: how much larger than the image a background is kept.
_COVER = 1.3
INDEX = "pool.json"


class Cutout(NamedTuple):
    """`bgra`: `[h, w, 4]` premultiplied. `hull_xy`: `[n, 1, 2]`, the corners of the convex area outside of which a warp
    finds nothing of the object, in its pixels."""

    bgra: NDArray[np.uint8]
    hull_xy: NDArray[np.float32]


class Level(NamedTuple):
    """One size of an object, with a hard and with a soft edge; `long_side` in pixels, without the padding."""

    long_side: int
    cut: Cutout
    feathered: Cutout


class Sprite(NamedTuple):
    """`levels`: largest first. `mean_bgr`: of its solid pixels, 0..255.

    `thickness`: of the object on average, as a fraction of its longer side: solid pixels over that side squared.
    """

    levels: list[Level]
    mean_bgr: tuple[float, float, float]
    thickness: float = 1.0


class Background(NamedTuple):
    """`image_bgr`: at least as large as the mixed image. `name`: which one it is, for index.csv."""

    image_bgr: NDArray[np.uint8]
    name: str


@dataclass(frozen=True)
class Pool:
    """What one split is mixed from. `objects`: class name to its objects."""

    objects: dict[str, list[Sprite]]
    distractors: list[Sprite]
    backgrounds: list[Background]


def pack_pools(
    folder: Path, plan: PoolPlan, width: int, height: int, largest_px: int, workers: int | None
) -> None:  # fmt: skip
    """Fill `folder` with the pools of all splits, for images of `width` x `height` and objects of up to `largest_px`.

    The index is written last: a folder without it is one whose making was interrupted.
    """
    if (folder / INDEX).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pack = partial(_pack, folder, width, height, largest_px)
    entries = iter(map_in_order(pack, list(enumerate(plan.origins())), workers))
    index = {
        split: {
            "objects": {name: [next(entries) for _ in origins] for name, origins in of_split.objects.items()},
            "distractors": [next(entries) for _ in of_split.distractors],
            "backgrounds": [next(entries) for _ in of_split.backgrounds],
        }
        for split, of_split in plan.splits.items()
    }
    write_json(folder / INDEX, index)


def open_pool(folder: Path, split: str) -> Pool:
    """The pool of `split` from a folder that `pack_pools` filled."""
    entries = read_json(folder / INDEX)[split]
    return Pool(
        {name: [_open_sprite(folder, entry) for entry in found] for name, found in entries["objects"].items()},
        [_open_sprite(folder, entry) for entry in entries["distractors"]],
        [Background(_map(folder, entry)[0], entry["name"]) for entry in entries["backgrounds"]],
    )


def _open_sprite(folder: Path, entry: dict[str, Any]) -> Sprite:
    arrays = _map(folder, entry)
    cutouts = [Cutout(bgra, hull.view(np.float32)) for bgra, hull in zip(arrays[::2], arrays[1::2], strict=True)]
    levels = [Level(*of_level) for of_level in zip(entry["long_sides"], cutouts[::2], cutouts[1::2], strict=True)]
    return Sprite(levels, tuple(entry["mean_bgr"]), entry["thickness"])


def _map(folder: Path, entry: dict[str, Any]) -> list[NDArray[np.uint8]]:
    """The arrays of a part file, one behind the other. Private copies on write: OpenCV takes no read-only array."""
    content = np.memmap(folder / entry["part"], dtype=np.uint8, mode="c")
    arrays, at = [], 0
    for shape in entry["shapes"]:
        size = int(np.prod(shape))
        arrays.append(np.asarray(content[at : at + size]).reshape(shape))
        at += size
    return arrays


def _pack(folder: Path, width: int, height: int, largest_px: int, numbered: tuple[int, Origin]) -> dict[str, Any]:
    number, origin = numbered
    part = f"part_{number:06d}.bin"
    pixels_hwc = origin.read()
    entry: dict[str, Any] = {"part": part, "name": origin.name}
    if pixels_hwc.shape[2] == 3:
        arrays: Sequence[NDArray[np.uint8]] = [_covering(pixels_hwc, width, height)]
    else:
        levels = object_levels(pixels_hwc, largest_px)
        cutouts = [cutout for level in levels for cutout in (level.cut, level.feathered)]
        arrays = [array for cutout in cutouts for array in (cutout.bgra, cutout.hull_xy.view(np.uint8))]
        entry["long_sides"] = [level.long_side for level in levels]
        solid = pixels_hwc[pixels_hwc[..., 3] >= SOLID][:, :3]
        entry["mean_bgr"] = solid.mean(axis=0).round(2).tolist()
        entry["thickness"] = len(solid) / max(pixels_hwc.shape[:2]) ** 2
    entry["shapes"] = [array.shape for array in arrays]
    (folder / part).write_bytes(b"".join(array.tobytes() for array in arrays))
    return entry


def _covering(image_bgr: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scaled so that it covers the image with some room, and cropped in its middle where it is far too long."""
    rows, columns = image_bgr.shape[:2]
    factor = _COVER * max(width / columns, height / rows)
    size = (max(width, round(columns * factor)), max(height, round(rows * factor)))
    scaled = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    keep_w, keep_h = min(size[0], 2 * width), min(size[1], 2 * height)
    left, top = (size[0] - keep_w) // 2, (size[1] - keep_h) // 2
    return scaled[top : top + keep_h, left : left + keep_w]  # type: ignore[return-value]


def object_levels(bgra_hwc: NDArray[np.uint8], largest_px: int) -> list[Level]:
    """The object at most `largest_px` long, then ever smaller: a warp has little to shrink and little to read."""
    alpha = bgra_hwc[..., 3:].astype(np.float32) / 255
    premultiplied = np.concatenate([bgra_hwc[..., :3] * alpha, alpha * 255], axis=2).astype(np.float32)
    rows, columns = bgra_hwc.shape[:2]
    long_side = min(largest_px, max(rows, columns))
    levels = []
    while True:
        factor = long_side / max(rows, columns)
        size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
        scaled = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
        cut = np.rint(_padded(scaled, PAD)).astype(np.uint8)
        levels.append(Level(long_side, _cutout(cut), _cutout(_feathered(_padded(scaled, SOFT_PAD)))))
        if round(long_side / _STEP) < _SMALLEST_LEVEL:
            return levels
        long_side = round(long_side / _STEP)


def _cutout(bgra: NDArray[np.uint8]) -> Cutout:
    somewhere = cv2.findNonZero(np.ascontiguousarray(bgra[..., 3]))
    if somewhere is None:  # so sparse that nothing is left at this size
        rows, columns = bgra.shape[:2]
        somewhere = np.array([[[0, 0]], [[columns - 1, rows - 1]]], np.int32)
    outline = cv2.convexHull(somewhere)
    # Between two pixels a warp mixes both: an object is felt up to a pixel beside it.
    around = np.concatenate([np.add(outline, step) for step in ((-1, -1), (1, -1), (-1, 1), (1, 1))])
    return Cutout(bgra, cv2.convexHull(around.astype(np.int32)).astype(np.float32))


def _padded(image: Any, pixels: int) -> NDArray[np.float32]:
    return np.pad(image, ((pixels, pixels), (pixels, pixels), (0, 0)))


def _feathered(premultiplied: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Soft across the edge in both directions, sharp inside. Blurred premultiplied colours need no colour outside."""
    soft = cv2.GaussianBlur(premultiplied, (0, 0), _FEATHER_SIGMA)
    inside = cv2.erode(np.ascontiguousarray(premultiplied[..., 3]), np.ones((3, 3), np.uint8), iterations=2)
    sharp_share = cv2.GaussianBlur(inside, (0, 0), 1.0)[..., None] / 255
    return np.rint(soft * (1 - sharp_share) + premultiplied * sharp_share).astype(np.uint8)
