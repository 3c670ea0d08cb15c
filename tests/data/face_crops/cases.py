"""Frames with one drawn person each, and the plain call of facenet-pytorch to compare with."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import draw_person, draw_portrait, draw_recording
from pipeline.tasks.face_finder import Face

Frame = NDArray[np.uint8]


@lru_cache(maxsize=1)
def drawn_frames(count: int, width: int = 320, height: int = 240) -> tuple[Frame, ...]:
    return tuple(_frame(i, width, height) for i in range(count))


def _frame(i: int, width: int, height: int) -> Frame:
    person, recording, rng = (np.random.default_rng([stream, i]) for stream in (5, 6, 7))
    return draw_portrait(draw_person(person), draw_recording(recording), rng, width, height).frame_rgb


def turned(frame: Frame, degrees: float) -> Frame:
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)  # type: ignore[return-value]


def plain_faces(frames: tuple[Frame, ...], **options: Any) -> list[list[Face]]:
    """What `MTCNN.detect(frame)` says, one frame after another, largest first."""
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True, **options)
    found = []
    for frame in frames:
        boxes, probabilities, landmarks = mtcnn.detect(frame, landmarks=True)
        if boxes is None:
            found.append([])
            continue
        rows = zip(boxes.astype(float), probabilities, landmarks.astype(float), strict=True)
        found.append([Face(box, float(probability), points) for box, probability, points in rows])
    return found


def agreement(ours: list[list[Face]], plain: list[list[Face]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """IoU of the largest faces (0 where only one of the two found any), and how far their landmarks are apart in the
    mean, as a fraction of the box's longer side."""
    from pipeline.tasks.boxes import iou_matrix

    ious, apart = [], []
    for mine, theirs in zip(ours, plain, strict=True):
        if not (mine and theirs):
            ious.append(float(len(mine) == len(theirs)))
            continue
        ious.append(float(iou_matrix(mine[0].box_xyxy[None], theirs[0].box_xyxy[None])[0, 0]))
        side = (theirs[0].box_xyxy[2:] - theirs[0].box_xyxy[:2]).max()
        apart.append(float(np.linalg.norm(mine[0].landmarks_xy - theirs[0].landmarks_xy, axis=1).mean() / side))
    return np.array(ious), np.array(apart)
