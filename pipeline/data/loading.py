"""The frames or the clips of a split, as the networks of a task see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.loading import clip_places, clip_sampling, load_clips
from pipeline.data.clips.sampling import ClipSampling
from pipeline.data.frames import Frames, load_frames


@dataclass(frozen=True)
class EveryMoment(Frames):
    """Clips with all their frames, uint8 `[N, L, S, S, 3]`; sampling: which of them a network sees in training."""

    sampling: ClipSampling = field(default_factory=ClipSampling)


def load_split(
    data_folder: Path, split: str, frame_size: int, class_names: list[str], clip_frames: int | None = None
) -> Frames:
    """`split` is train, val or test. clip_frames: T, of a task whose data are clips, at the moments that clip_places
    gives; frames_nhwc is then `[N, T, S, S, 3]`.
    """
    if clip_frames is None:
        return load_frames(data_folder, split, frame_size, class_names)
    return _as_frames(data_folder, split, frame_size, class_names, clip_places(data_folder, clip_frames))


def load_every_moment(data_folder: Path, split: str, frame_size: int, class_names: list[str]) -> EveryMoment:
    every = _as_frames(data_folder, split, frame_size, class_names, None)
    return EveryMoment(**vars(every), sampling=clip_sampling(data_folder))


def _as_frames(
    data_folder: Path, split: str, frame_size: int, class_names: list[str], places: NDArray[np.int64] | None
) -> Frames:
    clips = load_clips(data_folder, split, frame_size, class_names, places)
    sizes = np.full((len(clips), 2), frame_size, dtype=np.int64)
    return Frames(clips.clips_nlhwc, clips.labels, clips.files, class_names, sizes_wh=sizes, sources=clips.sources)
