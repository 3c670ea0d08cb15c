"""One thing that is laid onto an image: turned, scaled, cut to where it has pixels, with its solid part."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.mixing.cutouts import SOLID
from pipeline.data.mixing.pool import Level, Sprite

_AT_ONCE = 16  # pixels of a row that OpenCV warps in one go


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

    def cut_to(self, canvas_bgr: NDArray[np.uint8], left: int, top: int) -> NDArray[np.uint8]:
        """The part of the canvas that the layer covers with its corner at (left, top); bgr and alpha lose what is
        beyond the border. Width, height and solid stay those of the whole."""
        rows, columns = canvas_bgr.shape[:2]
        right, bottom = left + self.width, top + self.height
        if left < 0 or top < 0 or right > columns or bottom > rows:
            inside = slice(max(0, -top), rows - top), slice(max(0, -left), columns - left)
            self.bgr, self.alpha, self._alpha3 = self.bgr[inside], self.alpha[inside], None
        return canvas_bgr[max(0, top) : bottom, max(0, left) : right]


def sprite_layer(sprite: Sprite, long_px: float, degrees: float, mirrored: bool, feathered: bool) -> Layer:
    """The object with its longer side `long_px` pixels, mirrored, then turned anticlockwise; as large as it then is."""
    level = _level(sprite, long_px)
    bgra, hull_xy = level.feathered if feathered else level.cut
    factor, radians = long_px / level.long_side, math.radians(degrees)
    cosine, sine = factor * math.cos(radians), factor * math.sin(radians)
    a, c = (-cosine, sine) if mirrored else (cosine, -sine)
    forward = np.array(((a, sine, 0.0), (c, cosine, 0.0)))
    # The box of the turned object, not that of its turned box: a third fewer pixels in all that follows.
    left, top, width, height = cv2.boundingRect(cv2.transform(hull_xy, forward))
    forward[0, 2], forward[1, 2] = -left, -top
    # What is left of a row goes pixel by pixel: a few more pixels are quicker than a long rest.
    rest = width % _AT_ONCE
    warped_width = width if rest <= _AT_ONCE // 2 else width + _AT_ONCE - rest
    # Read once in order: the warp reads across the rows, which from a mapped file takes twice the time.
    warped = cv2.warpAffine(bgra.copy(), forward, (warped_width, height))[:, :width]
    return Layer(cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR), cv2.extractChannel(warped, 3))  # type: ignore[arg-type]


def _level(sprite: Sprite, long_px: float) -> Level:
    """The smallest that need not be enlarged, or the largest."""
    level = sprite.levels[0]
    for smaller in sprite.levels:
        if smaller.long_side < long_px:
            break
        level = smaller
    return level


def patch_layer(texture_bgr: NDArray[np.uint8], shape: NDArray[np.uint8]) -> Layer:
    """A piece of background `[h, w, 3]` in the form of an alpha of any size."""
    height, width = texture_bgr.shape[:2]
    alpha = cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR)
    return Layer(cv2.multiply(texture_bgr, cv2.merge((alpha, alpha, alpha)), scale=1 / 255), alpha)  # type: ignore[arg-type]


def paint(here_bgr: NDArray[np.uint8], layer: Layer) -> None:
    """Lay the layer onto the part of a canvas that it covers, in place."""
    through = cv2.bitwise_not(layer.alpha3())
    cv2.multiply(here_bgr, through, dst=here_bgr, scale=1 / 255)
    cv2.add(here_bgr, layer.bgr, dst=here_bgr)


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
