"""The place behind a person, and what a camera makes of the scene."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people.recording import Recording
from pipeline.data.scene_noise import Floats
from pipeline.data.sprites import draw_background

Frame = NDArray[np.uint8]
_MARGIN = 12


@lru_cache(maxsize=16)
def _place(recording: Recording, width: int, height: int) -> Frame:
    """A piece of a drawn room or street, out of focus, with a margin for the movement of the camera."""
    rng = np.random.default_rng(recording.background_seed)
    scene = draw_background(recording.background_seed, 0)
    rows, columns = scene.shape[:2]
    tall = rng.uniform(0.55, 1.0) * min(rows, columns * height / width)
    wide = tall * width / height
    top, left = int(rng.uniform(0, rows - tall)), int(rng.uniform(0, columns - wide))
    piece = scene[top : top + int(tall), left : left + int(wide)]
    size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    piece = cv2.resize(piece, size, interpolation=cv2.INTER_AREA if tall > height else cv2.INTER_LINEAR)  # type: ignore[assignment]
    soft = cv2.GaussianBlur(piece, (0, 0), recording.background_blur * height / 320)
    return np.clip(soft * np.array(recording.background_gain), 0, 255).astype(np.uint8)


def background(recording: Recording, shift_xy: tuple[float, float], width: int, height: int) -> Frame:
    """`[height, width, 3]` RGB: the place, moved by some pixels as a hand moves a camera."""
    move = np.array(
        [
            [1, 0, _MARGIN + np.clip(shift_xy[0], -_MARGIN, _MARGIN)],
            [0, 1, _MARGIN + np.clip(shift_xy[1], -_MARGIN, _MARGIN)],
        ]
    )
    return cv2.warpAffine(  # type: ignore[return-value]
        _place(recording, width, height), move, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )


def photograph(scene: Frame, recording: Recording, rng: np.random.Generator, meter: float, blur: float) -> Frame:
    """Exposure, white balance, saturation, gamma, contrast, sharpness and noise of the recording's camera.

    `meter` is the mean brightness 0..1 of what the camera exposes for; `blur` is in pixels of this frame.
    """
    camera = recording.camera
    lift = float(np.clip((0.45 / max(meter, 0.03)) ** 0.7, 0.5, 2.6)) * camera.exposure
    mixing = np.eye(3) * camera.saturation + (1 - camera.saturation) / 3
    balance = np.array([camera.red, 1.0, camera.blue])[:, None] * mixing * lift
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    curve = (values**camera.gamma - 0.45) * camera.contrast + 0.47
    table = np.clip(curve * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(cv2.transform(scene, balance.astype(np.float32)), table)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    grain: Floats = rng.standard_normal(scene.shape[:2], dtype=np.float32) * np.float32(255 * camera.noise)
    rough = cv2.merge([np.rint(grain).astype(np.int16)] * 3)
    return cv2.add(image, rough, dtype=cv2.CV_8U)  # type: ignore[return-value]
