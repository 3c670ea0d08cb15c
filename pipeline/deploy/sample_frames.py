"""The frames that go to a board in a bundle: network inputs as numbers, so that nothing there has to read pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.loading import clip_frames, clip_places
from pipeline.data.frames import normalise, preprocess, read_image, read_index, resize

N_FRAMES = 4


@dataclass(frozen=True)
class SampleFrames:
    """inputs: float32 network inputs, each in the shape of the exported input. source: what they show, in words."""

    inputs: tuple[NDArray[np.float32], ...]
    source: str


def frames_of_test_split(data_folder: Path, input_shape: Sequence[int], count: int = N_FRAMES) -> SampleFrames:
    """Frames of the test split at even distances, as the network sees them: `[1, 3, S, S]`."""
    inputs = tuple(preprocess(read_image(file), input_shape[-1]) for file in _spread(data_folder, count))
    return SampleFrames(inputs, f"{len(inputs)} frames of the test split")


def clips_of_test_split(data_folder: Path, input_shape: Sequence[int], count: int = N_FRAMES) -> SampleFrames:
    """Clips of the test split, the moments that the network sees: `[1, T, 3, S, S]`."""
    n_frames = clip_frames(data_folder)
    places = clip_places(data_folder, input_shape[1])
    inputs = []
    for file in _spread(data_folder, count):
        seen = [resize(frame, input_shape[-1]) for frame in read_film_strip(file, n_frames)[places]]
        inputs.append(normalise(np.stack(seen)[None]))
    return SampleFrames(tuple(inputs), f"{len(inputs)} clips of the test split")


def _spread(data_folder: Path, count: int) -> list[Path]:
    """Files of the test split at even distances."""
    index = read_index(data_folder)
    names = index.loc[index["split"] == "test", "file"].tolist()
    return [data_folder / names[i] for i in np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)]


def noise_frames(input_shape: Sequence[int], why: str, seed: int, count: int = N_FRAMES) -> SampleFrames:
    """Uniform noise, for data that may not leave this machine. Frame i depends on (seed, i) only."""
    *leading, channels, height, width = input_shape
    inputs = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        pixels = rng.integers(0, 256, (int(np.prod(leading)), height, width, channels), dtype=np.uint8)
        inputs.append(normalise(pixels).reshape(input_shape))
    return SampleFrames(tuple(inputs), f"uniform noise: {why}")
