"""One thing that is laid onto an image: turned, scaled, cut to where it has pixels, with its solid part."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.mixing.cutouts import SOLID
from pipeline.data.mixing.pool import Sprite


class Layer:
    """bgr: `[h, w, 3]` premultiplied; alpha: `[h, w]`; solid: `[h, w]`, 255 where alpha is at least SOLID, else 0;
    area: number of solid pixels."""

    __slots__ = ("_alpha3", "alpha", "area", "bgr", "height", "solid", "width")

    def __init__(self, bgr: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> None:
        self.bgr = bgr
        self.alpha = alpha
        self.solid: NDArray[np.uint8] = cv2.threshold(alpha, SOLID - 1, 255, cv2.THRESH_BINARY)[1]  # type: ignore[assignment]
        self.area = cv2.countNonZero(self.solid)
        self.height, self.width = alpha.shape
        self._alpha3: NDArray[np.uint8] | None = None

    def alpha3(self) -> NDArray[np.uint8]:
        """Alpha as three equal channels `[h, w, 3]`; made when first asked for, since a layer may find no place."""
        if self._alpha3 is None:
            self._alpha3 = cv2.merge((self.alpha, self.alpha, self.alpha))  # type: ignore[assignment]
        return self._alpha3  # type: ignore[return-value]


def sprite_layer(sprite: Sprite, long_px: float, degrees: float, mirrored: bool, feathered: bool) -> Layer:
    """The object with its longer side `long_px` pixels, mirrored first, then turned anticlockwise."""
    level = sprite.levels[0]
    for smaller in sprite.levels[1:]:
        if smaller.long_side < long_px:
            break
        level = smaller
    # Read once in order: the warp reads across the rows, which from a mapped file takes twice the time.
    source = (level.feathered_bgra if feathered else level.cut_bgra).copy()
    rows, columns = source.shape[:2]
    factor = long_px / level.long_side
    cosine, sine = factor * math.cos(math.radians(degrees)), factor * math.sin(math.radians(degrees))
    width = math.ceil(abs(cosine) * columns + abs(sine) * rows)
    height = math.ceil(abs(sine) * columns + abs(cosine) * rows)
    a, c = (-cosine, sine) if mirrored else (cosine, -sine)
    x, y = (columns - 1) / 2, (rows - 1) / 2
    forward = np.array(
        [[a, sine, (width - 1) / 2 - a * x - sine * y], [c, cosine, (height - 1) / 2 - c * x - cosine * y]]
    )
    warped = cv2.warpAffine(source, forward, (width, height))
    return Layer(cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR), cv2.extractChannel(warped, 3))  # type: ignore[arg-type]


def patch_layer(texture_bgr: NDArray[np.uint8], shape: NDArray[np.uint8]) -> Layer:
    """A piece of background `[h, w, 3]` in the form of an alpha of any size."""
    height, width = texture_bgr.shape[:2]
    alpha = cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR)
    return Layer(cv2.multiply(texture_bgr, cv2.merge((alpha, alpha, alpha)), scale=1 / 255), alpha)  # type: ignore[arg-type]


def paint(canvas_bgr: NDArray[np.uint8], layer: Layer, left: int, top: int) -> None:
    """Lay the layer onto the canvas in place, its corner at (left, top), cut off at the border."""
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas_bgr.shape[1], left + layer.width), min(canvas_bgr.shape[0], top + layer.height)
    here = canvas_bgr[y0:y1, x0:x1]
    inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    through = cv2.bitwise_not(layer.alpha3()[inside])
    cv2.multiply(here, through, dst=here, scale=1 / 255)
    cv2.add(here, layer.bgr[inside], dst=here)


def patch_shapes(count: int = 24, side: int = 96) -> list[NDArray[np.uint8]]:
    """Forms for pieces of background: rounded blobs, and every third a bar or board with straight edges."""
    draw = np.random.default_rng(0)
    shapes = []
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    for number in range(count):
        alpha = np.zeros((side, side), np.uint8)
        if number % 3 == 0:
            size = (side * draw.uniform(0.35, 0.9), side * draw.uniform(0.5, 0.95))
            corners = cv2.boxPoints(((side / 2, side / 2), size, draw.uniform(-12, 12)))
        else:
            radius = np.full(72, 0.37)
            for wave in range(2, 6):
                radius += draw.uniform(0, 0.1) / wave * np.cos(wave * angles + draw.uniform(0, 2 * np.pi))
            corners = side / 2 + side * radius[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
        cv2.fillPoly(alpha, [np.rint(corners).astype(np.int32)], (255,), cv2.LINE_AA)
        shapes.append(cv2.GaussianBlur(alpha, (0, 0), float(draw.uniform(0.5, 2.5))))
    return shapes  # type: ignore[return-value]
