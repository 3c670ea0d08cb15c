"""Batches of frames whose order and augmentation depend only on (seed, epoch, frame).

So a run that was killed and resumed at an epoch sees the same batches as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import v2

from pipeline.data.frames import MEAN_RGB, STD_RGB, Frames


class EpochSampler(Sampler[tuple[int, int]]):
    """Every frame once an epoch, shuffled, each with the seed of its augmentation."""

    def __init__(self, n_frames: int, seed: int, first_epoch: int = 0) -> None:
        self._n_frames = n_frames
        self._seed = seed
        self._first_epoch = first_epoch
        self._epoch = first_epoch

    def __len__(self) -> int:
        return self._n_frames

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of every epoch, resumed ones too."""
        self._epoch = self._first_epoch + epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        order = torch.randperm(self._n_frames, generator=generator)
        seeds = torch.randint(2**31, (self._n_frames,), generator=generator)
        return iter([(int(i), int(s)) for i, s in zip(order, seeds, strict=True)])


# The side of the frames -> uint8 [3, S, S] to the same, varied at random
Augmentation = Callable[[int], v2.Transform]


def scenes(size: int) -> v2.Transform:
    """Flipped, cropped and differently lit; colours move little, for flames are known by their colour."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.7, 1.0), ratio=(0.85, 1.18), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.1),
        ]
    )


def aligned_faces(size: int) -> v2.Transform:
    """Flipped, moved a little, and lit very differently: light is what a recording has and a person has not."""
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(degrees=6, translate=(0.05, 0.05), scale=(0.92, 1.1)),
            v2.ColorJitter(brightness=0.35, contrast=0.35, saturation=0.35, hue=0.03),
            v2.RandomGrayscale(0.15),
            v2.RandomApply([v2.GaussianBlur(5, (0.1, max(0.2, size / 100)))], 0.25),
        ]
    )


class AugmentedFrames(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, frames: Frames, augmentation: Augmentation = scenes) -> None:
        self._frames = torch.from_numpy(frames.frames_nhwc).permute(0, 3, 1, 2)
        self._labels = frames.labels
        self._augment = v2.Compose(
            [
                augmentation(frames.frames_nhwc.shape[1]),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN_RGB.tolist(), STD_RGB.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, item: tuple[int, int]) -> tuple[torch.Tensor, int]:
        index, seed = item
        # torch.manual_seed would also record a stack trace for a GPU that may be seeded later.
        torch.default_generator.manual_seed(seed)
        return self._augment(self._frames[index]), int(self._labels[index])


class PlainFrames(Dataset[tuple[torch.Tensor, int]]):
    """Frames or clips, as they are."""

    def __init__(self, frames: Frames) -> None:
        self._frames = torch.from_numpy(frames.frames_nhwc).movedim(-1, -3)
        self._labels = frames.labels
        self._prepare = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN_RGB.tolist(), STD_RGB.tolist())]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._prepare(self._frames[index]), int(self._labels[index])


def training_batches(
    frames: Frames, batch_size: int, seed: int, first_epoch: int = 0, augmentation: Augmentation = scenes
) -> DataLoader:
    """`([B, 3, S, S] float32, [B] int64)`. A last batch of one frame is left out: batch normalisation needs two.

    first_epoch: where this is a part of a longer training.
    """
    return DataLoader(
        AugmentedFrames(frames, augmentation),
        batch_size=batch_size,
        sampler=EpochSampler(len(frames), seed, first_epoch),
        drop_last=len(frames) % batch_size == 1,
    )


def plain_batches(frames: Frames, batch_size: int) -> DataLoader:
    return DataLoader(PlainFrames(frames), batch_size=batch_size)
