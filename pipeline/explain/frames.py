"""Which test frames are explained, with the true mask where one is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import normalise, read_image, read_index, resize
from pipeline.errors import EdgeboardError


@dataclass(frozen=True)
class ExplainedFrame:
    """image_hwc: uint8 `[S, S, 3]` RGB as the network sees it; label: the true class; mask: bool `[S, S]` or None."""

    name: str
    image_hwc: NDArray[np.uint8]
    label: int
    mask: NDArray[np.bool_] | None

    @property
    def frame_nchw(self) -> NDArray[np.float32]:
        return normalise(self.image_hwc[None])


def choose_indices(labels: Sequence[int] | NDArray[np.int64], count: int, seed: int) -> list[int]:
    """`count` positions (or all, if fewer): one of each class in turn, at random within a class, fixed by the seed."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(np.flatnonzero(labels == label)).tolist() for label in np.unique(labels)]
    longest = max((len(queue) for queue in queues), default=0)
    in_turn = [queue[i] for i in range(longest) for queue in queues if i < len(queue)]
    return in_turn[:count]


def load_explained_frames(
    data_folder: Path, class_names: Sequence[str], frame_size: int, count: int, seed: int
) -> list[ExplainedFrame]:
    """Choose and read frames of the test split. Raises EdgeboardError for an empty split or an unreadable picture."""
    index = read_index(data_folder)
    # A stranger's face belongs to no class that could be explained.
    rows = index[(index["split"] == "test") & (index["label"] != "")]
    if rows.empty:
        raise EdgeboardError("The test split has no frames to explain", where=data_folder / "index.csv")
    labels = [list(class_names).index(label) for label in rows["label"]]
    frames = []
    for i in choose_indices(labels, count, seed):
        row = rows.iloc[i]
        image = resize(read_image(data_folder / row["file"]), frame_size)
        mask = _read_mask(data_folder / row["mask"], frame_size) if row["mask"] else None
        frames.append(ExplainedFrame(Path(row["file"]).stem, image, labels[i], mask))
    return frames


def _read_mask(path: Path, frame_size: int) -> NDArray[np.bool_] | None:
    """`[S, S]`, or None for a mask without a pixel: a frame with nothing to point at."""
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise EdgeboardError("A mask of the data folder cannot be read", where=path, mend="dvc repro --force generate")
    small = cv2.resize(mask, (frame_size, frame_size), interpolation=cv2.INTER_AREA) > 127
    return small if small.any() else None
