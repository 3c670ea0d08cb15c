"""What the camera saw just before a test clip: `before/<split>/<class>/<name>.jpg` beside `clips/...`, a film strip.

A live stream never begins with the clip that somebody judges it by. These frames are in no row of index.csv, so that
data with and without them are the same data to train and test on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.loading import clip_frames as clip_length
from pipeline.data.clips.loading import clip_sampling
from pipeline.data.frames import read_index, resize
from pipeline.files import sha256_json

BEFORE = "before"


def before_path(data_folder: Path, strip: str) -> Path:
    """Of the clip `strip`, which is its path in index.csv."""
    return data_folder.joinpath(BEFORE, *PurePosixPath(strip).parts[1:])


def told_before(found: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """For report.json. found: SHA-256 and number of frames of each strip."""
    return {
        "clips": len(found),
        "frames": sum(count for _, count in found),
        "sha256": sha256_json(sorted(sha256 for sha256, _ in found)),
    }


def load_before(data_folder: Path, split: str, frame_size: int, n_taken: int) -> list[NDArray[np.uint8]]:
    """For each clip of `split`, in the order of index.csv, the frames before it that a live stream would have seen.

    uint8 RGB `[k, S, S, 3]`, the earliest first, with k from 0 to `n_taken`: at the moments at which the clip before
    would be looked at, so that they come at the same rate.
    """
    length, sampling = clip_length(data_folder), clip_sampling(data_folder)
    # From the first frame of the clip on; dense sampling leaves frames of the clip itself before those it takes.
    moments = sampling.places(length, n_taken) - sampling.period(length, n_taken)
    index = read_index(data_folder)
    rows = index[index["split"] == split]

    def load(file: str, height: int) -> NDArray[np.uint8]:
        path, n_frames, seen = before_path(data_folder, file), 0, []
        if path.is_file():
            with Image.open(path) as strip:
                n_frames = max(1, strip.height // height)
            seen = [*read_film_strip(path, n_frames)]
        if moments.max() >= 0:
            seen += [*read_film_strip(data_folder / file, length)]
        taken = [resize(seen[moment + n_frames], frame_size) for moment in moments if moment + n_frames >= 0]
        return np.stack(taken) if taken else np.empty((0, frame_size, frame_size, 3), np.uint8)

    with ThreadPoolExecutor() as pool:  # OpenCV releases the interpreter lock
        return list(pool.map(load, rows["file"], rows["height"]))
