"""A clip as one JPEG: its frames below each other, so that a data set has one file for each clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.frames import read_image
from pipeline.errors import EdgeboardError

# Colours at half the resolution, as JPEG does by default, would mix those of two frames where they meet.
_JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def film_strip(frames_lhwc: NDArray[np.uint8]) -> bytes:
    """uint8 RGB `[L, H, W, 3]` to a JPEG of `[L * H, W]` pixels; the same bytes for the same frames."""
    n_frames, height, width, _ = frames_lhwc.shape
    strip = frames_lhwc.reshape(n_frames * height, width, 3)
    encoded = cv2.imencode(".jpg", strip[..., ::-1], _JPEG)[1]
    return encoded.tobytes()


def read_film_strip(path: Path, n_frames: int) -> NDArray[np.uint8]:
    """uint8 RGB `[n_frames, H, W, 3]`. Raises EdgeboardError where the file is no strip of so many frames."""
    strip = read_image(path)
    height = strip.shape[0] // n_frames
    if height == 0 or height * n_frames != strip.shape[0]:
        raise EdgeboardError(
            "A film strip of the data folder does not hold as many frames as its report says",
            where=path,
            value=f"{strip.shape[0]} rows of pixels",
            allowed=f"a multiple of {n_frames} frames",
            mend="dvc repro --force generate",
        )
    return strip.reshape(n_frames, height, strip.shape[1], 3)
