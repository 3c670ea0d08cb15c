"""Batches of frames with objects; as pipeline.training.batches, they depend only on (seed, epoch, frame)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from pipeline.data.frames import MEAN_RGB, STD_RGB, Frames
from pipeline.detectors import NO_OBJECT
from pipeline.training.batches import EpochSampler

# After a crop an object with less than this many pixels a side is a sliver that nobody could name.
_SMALLEST_SIDE = 4


class AugmentedObjects(Dataset[tuple[Tensor, Tensor]]):
    """As SSD was trained (Liu et al. 2016, section 2.2): light and colour, crops, flips."""

    def __init__(self, frames: Frames) -> None:
        size = frames.frames_nhwc.shape[1]
        self._frames = torch.from_numpy(frames.frames_nhwc).permute(0, 3, 1, 2)
        self._objects = _objects(frames)
        self._augment = v2.Compose(
            [
                v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.2, hue=0.02),
                # RandomIoUCrop, which is SSD's own, took a third of the time of a training with its trials.
                v2.RandomResizedCrop(size, scale=(0.5, 1.0), ratio=(0.75, 1.33), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.SanitizeBoundingBoxes(min_size=_SMALLEST_SIDE),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN_RGB.tolist(), STD_RGB.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self._objects)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, Tensor]:
        index, seed = item
        torch.default_generator.manual_seed(seed)
        objects = self._objects[index]
        frame: Any = tv_tensors.Image(self._frames[index])
        boxes: Any = tv_tensors.BoundingBoxes(
            objects[:, 1:], format=tv_tensors.BoundingBoxFormat.XYXY, canvas_size=tuple(frame.shape[-2:])
        )
        frame, target = self._augment(frame, {"boxes": boxes, "labels": objects[:, 0]})
        return frame.as_subclass(Tensor), torch.cat(
            [target["labels"][:, None], target["boxes"].as_subclass(Tensor)], dim=1
        )


class PlainObjects(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, frames: Frames) -> None:
        self._frames = torch.from_numpy(frames.frames_nhwc).permute(0, 3, 1, 2)
        self._objects = _objects(frames)
        self._prepare = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN_RGB.tolist(), STD_RGB.tolist())]
        )

    def __len__(self) -> int:
        return len(self._objects)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._prepare(self._frames[index]), self._objects[index]


def training_batches(frames: Frames, batch_size: int, seed: int, first_epoch: int = 0) -> DataLoader:
    """`([B, 3, S, S] float32, [B, M, 5] float32)`: M objects at most in a frame of the batch, NO_OBJECT fills up."""
    return DataLoader(
        AugmentedObjects(frames),
        batch_size=batch_size,
        sampler=EpochSampler(len(frames), seed, first_epoch),
        drop_last=len(frames) % batch_size == 1,
        collate_fn=_collate,
    )


def plain_batches(frames: Frames, batch_size: int) -> DataLoader:
    return DataLoader(PlainObjects(frames), batch_size=batch_size, collate_fn=_collate)


def _objects(frames: Frames) -> list[Tensor]:
    assert frames.objects is not None, "frames of a detector have boxes"
    return [torch.from_numpy(np.ascontiguousarray(_with_area(one))) for one in frames.objects]


def _with_area(objects_m5: NDArray[np.float32]) -> NDArray[np.float32]:
    # A box of a pixel or two in a large picture can shrink to nothing, and the losses divide by its sides.
    sides = objects_m5[:, 3:] - objects_m5[:, 1:3]
    return objects_m5[(sides >= 1).all(axis=1)]


def _collate(batch: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    most = max(1, *(len(objects) for _, objects in batch))
    filled = torch.full((len(batch), most, 5), float(NO_OBJECT))
    for place, (_, objects) in enumerate(batch):
        filled[place, : len(objects)] = objects
    return torch.stack([frame for frame, _ in batch]), filled
