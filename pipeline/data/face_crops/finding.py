"""The faces of many frames at once, by MTCNN (Zhang et al. 2016, arXiv:1604.02878)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.tasks.face_finder import Face, Run, plan_finder
from pipeline.tasks.face_finder import find_faces as find_in_frames

_FRAMES_AT_ONCE = 8


class FaceFinder:
    """facenet-pytorch's MTCNN with its own weights, driven for batches of frames of any sizes.

    Where MTCNN spends its time when it is called for one frame after another: on levels of its pyramid for faces of 20
    pixels, whatever the size of the frame, on pooling in an unfit memory layout, and on cutting out each candidate by
    itself. Here the smallest face is a fraction of the frame, the levels of all frames go through the network in one
    call, and all candidates are cut by look-ups in a table of sums.

    min_face: side of the smallest face sought, as a fraction of the frame's longer side.
    A frame's faces do not depend on what other frames are given with it.
    """

    def __init__(self, min_face: float = 0.1) -> None:
        if not 0.01 <= min_face <= 1:
            raise EdgeboardError(
                "The smallest face must be a fraction of the frame", where="min_face", value=min_face,
                allowed="0.01 to 1",
            )  # fmt: skip
        self._finder = plan_finder(min_face)
        self._runs = _load_runs()

    def find(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """The faces of each frame, largest first, in its own pixels. frames: uint8 RGB `[h, w, 3]`, of any sizes."""
        for i, frame in enumerate(frames):
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
                raise EdgeboardError(
                    "A frame is not a colour picture", where=f"frames[{i}]", value=f"{frame.dtype} {frame.shape}",
                    allowed="uint8 [height, width, 3]",
                )  # fmt: skip
        found = []
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            batch = frames[start : start + _FRAMES_AT_ONCE]
            factors = [max(1, max(frame.shape[:2]) // self._finder["working_side"]) for frame in batch]
            small = [_shrunk(frame, factor) for frame, factor in zip(batch, factors, strict=True)]
            for faces, factor in zip(find_in_frames(small, self._finder, *self._runs), factors, strict=True):
                found.append([_enlarged(face, factor) for face in faces])
        return found


def find_faces(frames: Sequence[NDArray[np.uint8]], min_face: float = 0.1) -> list[list[Face]]:
    """As FaceFinder(min_face).find(frames)."""
    return FaceFinder(min_face).find(frames)


def _load_runs() -> tuple[Run, Run, Run]:
    from pipeline.data.face_crops.networks import load_networks, runnable

    return runnable(load_networks())


def _shrunk(frame: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """As the driver shrinks a large frame by itself, though OpenCV does it in a fraction of the time."""
    if factor == 1:
        return frame
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    whole = np.ascontiguousarray(frame[: height * factor, : width * factor])
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _enlarged(face: Face, factor: int) -> Face:
    shift = 0.5 * (factor - 1)
    return Face(face.box_xyxy * factor + shift, face.probability, face.landmarks_xy * factor + shift)
