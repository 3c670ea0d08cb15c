"""Batches of clips; as pipeline.training.batches, they depend only on (seed, epoch, clip)."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from pipeline.data.clips.sampling import ClipSampling
from pipeline.data.frames import MEAN_RGB, STD_RGB, Frames
from pipeline.data.loading import EveryMoment
from pipeline.training.batches import EpochSampler


class AugmentedClips(Dataset[tuple[torch.Tensor, int]]):
    """Other moments of each clip every time, as in TSN (Wang et al. 2016, arXiv:1608.00859), and all frames of a clip
    flipped, cropped and lit alike: what differs between them is the movement.
    """

    def __init__(self, clips: Frames, clip_frames: int) -> None:
        size = clips.frames_nhwc.shape[-2]
        self._clips = torch.from_numpy(clips.frames_nhwc).movedim(-1, -3)
        self._labels = clips.labels
        self._clip_frames = clip_frames
        self._sampling = clips.sampling if isinstance(clips, EveryMoment) else ClipSampling()
        self._augment = v2.Compose(
            [
                v2.RandomResizedCrop(size, scale=(0.65, 1.0), ratio=(0.8, 1.25), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
                v2.RandomGrayscale(0.2),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN_RGB.tolist(), STD_RGB.tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, item: tuple[int, int]) -> tuple[torch.Tensor, int]:
        index, seed = item
        torch.default_generator.manual_seed(seed)
        clip = self._clips[index]
        places = self._sampling.random_places(len(clip), self._clip_frames, np.random.default_rng(seed))
        return self._augment(clip[torch.from_numpy(places)]), int(self._labels[index])


def training_batches(clips: Frames, clip_frames: int, batch_size: int, seed: int, first_epoch: int = 0) -> DataLoader:
    """`([B, T, 3, S, S] float32, [B] int64)` of clips with all their moments, uint8 `[N, L, S, S, 3]`."""
    return DataLoader(
        AugmentedClips(clips, clip_frames),
        batch_size=batch_size,
        sampler=EpochSampler(len(clips), seed, first_epoch),
        drop_last=len(clips) % batch_size == 1,
    )
