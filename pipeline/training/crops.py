"""Crops of single objects, and of places without any, from frames with boxes: what a backbone learns shapes from.

They depend only on (seed, epoch, crop), as all batches do.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.data.frames import Frames, normalise
from pipeline.training.batches import EpochSampler

NOTHING = 0  # the class of a crop without an object; object classes count from 1
# How much of its surroundings an object is shown with: the longer side of its box to the side of the crop.
_CONTEXT = (1.1, 2.0)
_SHIFT = 0.12  # of the crop's side
_LIGHT = 0.25
_PLACES_TRIED = 8


class Crops(Dataset[tuple[Tensor, int]]):
    """`[3, size, size]` float32 and a class index: every object once, and one place without an object per frame."""

    def __init__(self, frames: Frames, size: int) -> None:
        assert frames.objects is not None, "frames of a detector have boxes"
        self._frames = frames.frames_nhwc
        self._objects = frames.objects
        self._size = size
        self._items = [(i, k) for i, objects in enumerate(frames.objects) for k in range(len(objects))]
        self._items += [(i, -1) for i in range(len(frames))]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int]:
        index, seed = item
        frame, place = self._items[index]
        rng = np.random.default_rng(seed)
        objects = self._objects[frame]
        if place >= 0:
            label, *box = objects[place]
            centre, side = _around(np.array(box), rng)
            target = int(label) + 1
        else:
            centre, side = _free_place(objects[:, 1:], self._frames.shape[1], rng)
            target = NOTHING
        crop = _cut(self._frames[frame], centre, side, self._size)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        gain, shift = 1 + rng.uniform(-_LIGHT, _LIGHT), 255 * rng.uniform(-_LIGHT, _LIGHT) / 2
        lit = np.clip(crop.astype(np.float32) * gain + shift, 0, 255).astype(np.uint8)
        return torch.from_numpy(normalise(lit[None])[0]), target


def crop_batches(frames: Frames, size: int, batch_size: int, seed: int) -> DataLoader:
    """Crops in the order and with the variation of an epoch."""
    crops = Crops(frames, size)
    sampler = EpochSampler(len(crops), seed)
    return DataLoader(crops, batch_size=batch_size, sampler=sampler, drop_last=len(crops) % batch_size == 1)


def fixed_crop_batches(frames: Frames, size: int, batch_size: int) -> DataLoader:
    """The same crops every time, for validation."""
    return DataLoader(_Fixed(Crops(frames, size)), batch_size=batch_size)


class _Fixed(Dataset[tuple[Tensor, int]]):
    def __init__(self, crops: Crops) -> None:
        self._crops = crops

    def __len__(self) -> int:
        return len(self._crops)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._crops[index, index]


def _around(box_xyxy: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    sides = box_xyxy[2:] - box_xyxy[:2]
    side = float(sides.max()) * rng.uniform(*_CONTEXT)
    return (box_xyxy[:2] + box_xyxy[2:]) / 2 + rng.uniform(-_SHIFT, _SHIFT, 2) * side, side


def _free_place(
    boxes_n4: NDArray[np.float32], frame_size: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """A square that meets as little of any object as can be found in a few trials."""
    best: tuple[float, NDArray[np.float64], float] | None = None
    for _ in range(_PLACES_TRIED):
        side = frame_size * rng.uniform(0.15, 0.6)
        centre = rng.uniform(0, frame_size, 2)
        low = np.maximum(boxes_n4[:, :2], centre - side / 2)
        high = np.minimum(boxes_n4[:, 2:], centre + side / 2)
        covered = float(np.clip(high - low, 0, None).prod(axis=1).sum()) / side**2
        if best is None or covered < best[0]:
            best = covered, centre, side
        if covered == 0:
            break
    assert best is not None
    return best[1], best[2]


def _cut(frame_hwc: NDArray[np.uint8], centre: NDArray[np.float64], side: float, size: int) -> NDArray[np.uint8]:
    scale = size / side
    matrix = np.array([[scale, 0, size / 2 - centre[0] * scale], [0, scale, size / 2 - centre[1] * scale]])
    return cv2.warpAffine(frame_hwc, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)  # type: ignore[return-value]
