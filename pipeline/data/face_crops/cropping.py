"""One face of a frame as a square crop, upright or as it stands."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.tasks.face_alignment import samples_per_pixel, similarity
from pipeline.tasks.face_finder import Face


def crop_face(
    frame: NDArray[np.uint8], face: Face, size: int = 160, margin: float = 0.2, align: bool = True
) -> NDArray[np.uint8]:
    """uint8 RGB `[size, size, 3]`; beyond the frame's border its mirror image is seen.

    margin: what is added to the face's box, as a fraction of its longer side. align: turn, scale and shift the face so
    that eyes, nose and mouth are where they always are (see pipeline.tasks.face_alignment, which gives the same crop by
    numpy alone); else the square about the box is cut.
    """
    if align:
        samples = samples_per_pixel(face.landmarks_xy, size, margin)
        matrix = similarity(face.landmarks_xy, size * samples, margin)
    else:
        low, high = face.box_xyxy[:2].astype(np.float64), face.box_xyxy[2:].astype(np.float64)
        side = float((high - low).max()) * (1 + margin)
        samples = max(1, int(side / size))
        scale = size * samples / side
        shift = 0.5 * size * samples - 0.5 - scale * (low + high) / 2
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(
        frame, matrix, (size * samples, size * samples), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    if samples > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return crop  # type: ignore[return-value]
