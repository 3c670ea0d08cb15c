"""The frames or the clips of a split, as the networks of a task see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.clips.loading import load_clips
from pipeline.data.clips.sampling import segment_places
from pipeline.data.frames import Frames, load_frames


def load_split(
    data_folder: Path, split: str, frame_size: int, class_names: list[str], clip_frames: int | None = None
) -> Frames:
    """`split` is train, val or test. clip_frames: T, of a task whose data are clips: the middle moment of each of T
    segments; frames_nhwc is then `[N, T, S, S, 3]`.
    """
    if clip_frames is None:
        return load_frames(data_folder, split, frame_size, class_names)
    every = load_every_moment(data_folder, split, frame_size, class_names)
    return every.at_moments(segment_places(every.frames_nhwc.shape[1], clip_frames))


def load_every_moment(data_folder: Path, split: str, frame_size: int, class_names: list[str]) -> Frames:
    """Clips with all their frames: frames_nhwc is `[N, L, S, S, 3]`."""
    clips = load_clips(data_folder, split, frame_size, class_names)
    sizes = np.full((len(clips), 2), frame_size, dtype=np.int64)
    return Frames(clips.clips_nlhwc, clips.labels, clips.files, class_names, sizes_wh=sizes, sources=clips.sources)
