"""Which test frames are explained, with their true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import load_frames, normalise
from pipeline.errors import EdgeboardError
from pipeline.explain.frames import choose_indices


@dataclass(frozen=True)
class DetectionFrame:
    """image_hwc: uint8 `[S, S, 3]` RGB as the network sees it; boxes_xyxy: float32 `[m, 4]` in its pixels; labels:
    int64 `[m]`, the true class of each box.
    """

    name: str
    image_hwc: NDArray[np.uint8]
    boxes_xyxy: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def frame_nchw(self) -> NDArray[np.float32]:
        return normalise(self.image_hwc[None])

    def box_mask(self, i: int) -> NDArray[np.bool_]:
        """bool `[S, S]`: the pixels that the i-th true box touches, at least one."""
        size = self.image_hwc.shape[0]
        low = np.clip(np.floor(self.boxes_xyxy[i, :2]), 0, size - 1).astype(int)
        high = np.maximum(np.ceil(self.boxes_xyxy[i, 2:]).astype(int), low + 1)
        mask = np.zeros((size, size), dtype=bool)
        mask[low[1] : high[1], low[0] : high[0]] = True
        return mask


def load_explained_detection_frames(
    data_folder: Path, class_names: Sequence[str], frame_size: int, count: int, seed: int
) -> list[DetectionFrame]:
    """`count` frames of the test split, evenly over the class of their largest object; empty ones only to fill up.

    Raises EdgeboardError where no test frame has an object, for then no map could be held against the truth.
    """
    frames = load_frames(data_folder, "test", frame_size, list(class_names))
    objects = frames.objects or []
    n_objects = np.array([len(one) for one in objects], dtype=np.int64)
    if not n_objects.any():
        raise EdgeboardError(
            "The test split has no object whose detection could be explained",
            where=data_folder / "annotations.csv",
            mend="give the test split annotated pictures, then dvc repro --force generate",
        )
    with_objects, empty = np.flatnonzero(n_objects), np.flatnonzero(n_objects == 0)
    chosen = [int(with_objects[i]) for i in choose_indices(frames.labels[with_objects], count, seed)]
    chosen += np.random.default_rng(seed).permutation(empty)[: count - len(chosen)].tolist()
    return [
        DetectionFrame(
            frames.files[i].stem, frames.frames_nhwc[i], objects[i][:, 1:], objects[i][:, 0].astype(np.int64)
        )
        for i in chosen
    ]
