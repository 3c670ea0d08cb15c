"""What a camera does to the finished scene: blur, noise, JPEG. And the exposure of a background."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.detection_data_options import Mixing

_LEVELS = 6
_ROOM = 64  # the fields are so much larger than the image, so that noise is seldom cut out at the same place
_SHARED = 0.6  # of the noise is alike in the three channels, as after a camera's own smoothing of colour


class Camera:
    """The noise fields are made once: adding one of them costs a fortieth of drawing it."""

    def __init__(self, options: Mixing) -> None:
        self._options = options
        self._fields = _noise_fields(options) if options.noisy and options.noise else []

    def take(self, image_bgr: NDArray[np.uint8], draw: Random) -> None:
        """Blur and noise for a share of the images, in place."""
        options = self._options
        if draw.random() < options.blurred:
            _blur(image_bgr, options.blur * draw.uniform(0.4, 1.0))
        if draw.random() < options.noisy and self._fields:
            brighter, darker = self._fields[int(draw.random() * _LEVELS)]
            top, left = int(draw.random() * _ROOM), int(draw.random() * _ROOM)
            there = slice(top, top + options.height), slice(left, left + options.width)
            cv2.add(image_bgr, brighter[there], dst=image_bgr)
            cv2.subtract(image_bgr, darker[there], dst=image_bgr)

    def encode(self, image_bgr: NDArray[np.uint8], draw: Random) -> bytes:
        """JPEG of a quality between the limits, with halved colour resolution as cameras write it."""
        quality = draw.randint(self._options.jpeg_quality.min, self._options.jpeg_quality.max)
        return cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def exposed(background_bgr: NDArray[np.uint8], mirrored: bool, options: Mixing, draw: Random) -> NDArray[np.uint8]:
    """A new image of the background, with other brightness and contrast for one of two."""
    fresh: Any = cv2.flip(background_bgr, 1) if mirrored else None
    if draw.random() < 0.5 or not (options.brightness or options.contrast):
        return background_bgr.copy() if fresh is None else fresh
    gain = 1 + draw.uniform(-1, 1) * options.brightness
    lift = 40 * options.contrast * draw.random()  # blacks are raised, which lowers the contrast
    # Nothing becomes negative here, so that the absolute value changes nothing; it is OpenCV's fastest way.
    source = background_bgr if fresh is None else fresh
    return cv2.convertScaleAbs(source, dst=fresh, alpha=gain, beta=lift)  # type: ignore[return-value]


def _blur(image_bgr: NDArray[np.uint8], sigma: float) -> None:
    """Gaussian, in place. Up to a sigma of 1.1 pixels with the nearest binomial kernel, at half the cost."""
    if sigma < 0.5:
        return
    side = 3 if sigma < 0.85 else 5
    nearest = 0 if sigma < 1.1 else sigma
    if sigma >= 1.1:
        side = 2 * math.ceil(2 * sigma) + 1
    cv2.GaussianBlur(image_bgr, (side, side), nearest, dst=image_bgr)


def _noise_fields(options: Mixing) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """For each strength what is to be added and what is to be taken away: bytes cannot be negative."""
    draw = np.random.default_rng(0)
    shape = (options.height + _ROOM, options.width + _ROOM)
    shared, own = draw.standard_normal((*shape, 1), dtype=np.float32), draw.standard_normal((*shape, 3), np.float32)
    normal = _SHARED**0.5 * shared + (1 - _SHARED) ** 0.5 * own
    fields = []
    for level in range(1, _LEVELS + 1):
        values = np.rint(normal * (options.noise * level / _LEVELS)).clip(-255, 255)
        fields.append((values.clip(0, None).astype(np.uint8), (-values).clip(0, None).astype(np.uint8)))
    return fields
