"""The chart of a head: a flat picture over x and y of the head, on which skin, features and hair are painted.

A chart is to the head what a map is to a hill: every point of it also has a height z (`sculpture.py`). Being frontal it
shows the face without distortion, and turned heads come from looking at the relief from the side (`view.py`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.data.scene_noise import Floats
from pipeline.data.sprites.shapes import Outline

LEFT, TOP, RIGHT, BOTTOM = -1.5, -1.9, 1.5, 1.7
PIXELS_PER_UNIT = 88
WIDTH, HEIGHT = round((RIGHT - LEFT) * PIXELS_PER_UNIT), round((BOTTOM - TOP) * PIXELS_PER_UNIT)
Chart = NDArray[np.uint8]

_SHIFT = 4


def to_pixels(points: ArrayLike) -> Outline:
    """`[n, 2]` units of the head to pixels of the chart."""
    pixels: Outline = (np.asarray(points, dtype=np.float64) - (LEFT, TOP)) * PIXELS_PER_UNIT - 0.5
    return pixels


def grid(pixels_per_unit: int) -> tuple[Floats, Floats]:
    """x `[1, W]` and y `[H, 1]` of the pixel centres of a chart at another scale."""
    columns, rows = round((RIGHT - LEFT) * pixels_per_unit), round((BOTTOM - TOP) * pixels_per_unit)
    x = LEFT + (np.arange(columns, dtype=np.float32) + np.float32(0.5)) / np.float32(pixels_per_unit)
    y = TOP + (np.arange(rows, dtype=np.float32) + np.float32(0.5)) / np.float32(pixels_per_unit)
    return x[None], y[:, None]


def fixed_point(pixels: Outline) -> NDArray[np.int32]:
    """What OpenCV's drawing functions take with `shift=4`, to draw between pixels."""
    return np.rint(pixels * 2**_SHIFT).astype(np.int32)


def mask_of(points: ArrayLike, blur: float = 0.0) -> Chart:
    """`[HEIGHT, WIDTH]` 0..255: the inside of an outline in units; `blur` is a sigma in units."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [fixed_point(to_pixels(points))], 255, cv2.LINE_AA, _SHIFT)
    return cv2.GaussianBlur(mask, (0, 0), blur * PIXELS_PER_UNIT) if blur else mask  # type: ignore[return-value]


def lay(chart: Chart, points: ArrayLike, colour: ArrayLike, opacity: float = 1.0, blur: float = 0.0) -> None:
    """Fill an outline in units with an RGB colour 0..255, softly where `blur` (a sigma in units) is given."""
    _lay(chart, fixed_point(to_pixels(points)), colour, opacity, blur, thickness=None)


def line(
    chart: Chart, points: ArrayLike, colour: ArrayLike, thickness: float, opacity: float = 1.0, blur: float = 0.0
) -> None:
    """Draw an open line in units; thinner than a pixel it becomes fainter instead."""
    pixels = thickness * PIXELS_PER_UNIT
    _lay(
        chart, fixed_point(to_pixels(points)), colour, opacity * min(pixels, 1.0), blur, thickness=max(round(pixels), 1)
    )


def _lay(
    chart: Chart, points: NDArray[np.int32], colour: ArrayLike, opacity: float, blur: float, thickness: int | None
) -> None:
    sigma = blur * PIXELS_PER_UNIT
    margin = int(3 * sigma + (thickness or 0) + 2)
    low = np.maximum((points.min(axis=0) >> _SHIFT) - margin, 0)
    high = np.minimum((points.max(axis=0) >> _SHIFT) + margin + 1, (chart.shape[1], chart.shape[0]))
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    inside = points - (low << _SHIFT)
    if thickness is None:
        cv2.fillPoly(mask, [inside.astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    else:
        cv2.polylines(mask, [inside.astype(np.int32)], False, 255, thickness, cv2.LINE_AA, _SHIFT)
    if sigma > 0.3:
        mask = cv2.GaussianBlur(mask, (0, 0), sigma)
    blend(chart[low[1] : high[1], low[0] : high[0]], mask, np.asarray(colour, dtype=np.float32), opacity)


def blend(part: Chart, mask: Chart, colour: Floats, opacity: float = 1.0) -> None:
    """Lay a colour (`[3]` or `[H, W, 3]`, 0..255) over a part of a chart in place, as dense as `mask` 0..255."""
    dense = mask.astype(np.float32)[..., None] * np.float32(opacity / 255)
    part[:] = np.clip(part + dense * (colour - part), 0, 255).astype(np.uint8)


def over(below: Chart, above: NDArray[np.generic], alpha: Floats) -> Chart:
    """One picture `[H, W, 3]` over another, as dense as `alpha` 0..1 `[H, W]`."""
    return cv2.blendLinear(below, above.astype(np.uint8), 1 - alpha, alpha)  # type: ignore[return-value]
