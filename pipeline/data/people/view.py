"""How a head stands before the camera, and which point of its relief each pixel sees.

The relief is searched along the ray of every pixel, linearly and then by bisection: "relief mapping", Policarpo,
Oliveira and Comba, I3D 2005. So a nose hides the cheek behind it, as it does on a turned head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.data.people import chart
from pipeline.data.people.sculpture import BACK, FALL, PIXELS_PER_UNIT
from pipeline.data.scene_noise import Floats

_FRONT = 1.4
_STEPS, _BISECTIONS = 14, 4
_COARSE = 2


@dataclass(frozen=True)
class View:
    """Rotation of the head `[3, 3]`, pixels a unit, pixel of the head's middle, nearness of the lens (0: far away)."""

    rotation: NDArray[np.float64]
    scale: float
    centre: tuple[float, float]
    nearness: float

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """`[n, 3]` points of the head to `[n, 2]` pixels."""
        turned = np.asarray(points, dtype=np.float64) @ self.rotation.T
        pixels: NDArray[np.float64] = self.scale * turned[:, :2] / (1 - self.nearness * turned[:, 2:]) + self.centre
        return pixels

    def to_head(self, direction: ArrayLike) -> NDArray[np.float64]:
        """A direction before the camera, seen from the head."""
        return np.asarray(direction, dtype=np.float64) @ self.rotation


def turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """The rotation for angles in degrees: yaw turns the nose to the right of the picture, pitch up, roll clockwise."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    rotation: NDArray[np.float64] = about_z @ about_x @ about_y
    return rotation


def trace(view: View, heights: Floats, box: tuple[int, int, int, int]) -> tuple[Floats, Floats, Floats]:
    """For the pixels of `box` (left, top, right, bottom) the point of the chart that each one sees, as maps for
    `cv2.remap`, and how much of each pixel the head fills, 0..1.

    A ray that passes by sees the point that it comes nearest to, so that edges have the colour of the edge.
    """
    left, top, right, bottom = box
    columns, rows = (right - left) // _COARSE + 1, (bottom - top) // _COARSE + 1
    offset = np.float32((_COARSE - 1) / 2)
    across = (np.arange(columns, dtype=np.float32) * _COARSE + offset + left - view.centre[0]) / view.scale
    down = (np.arange(rows, dtype=np.float32) * _COARSE + offset + top - view.centre[1]) / view.scale
    x0, y0 = (values.astype(np.float32) for values in np.meshgrid(across, down))
    inverse = view.rotation.T.astype(np.float32)
    near = np.float32(view.nearness)
    # A ray is linear in its depth z: (x0 (1 - nearness z), y0 (1 - nearness z), z), seen from the head.
    starts = [inverse[i, 0] * x0 + inverse[i, 1] * y0 for i in range(3)]
    slopes = [inverse[i, 2] - near * starts[i] for i in range(3)]
    map_x, slope_x = (starts[0] - chart.LEFT) * PIXELS_PER_UNIT - 0.5, slopes[0] * PIXELS_PER_UNIT
    map_y, slope_y = (starts[1] - chart.TOP) * PIXELS_PER_UNIT - 0.5, slopes[1] * PIXELS_PER_UNIT

    def clearance(z: Floats | np.float32) -> Floats:
        ground = cv2.remap(
            heights, map_x + slope_x * z, map_y + slope_y * z, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        depth = starts[2] + slopes[2] * z
        # The relief is solid from its ground back to BACK; without that its steep sides would never end.
        above: Floats = np.maximum(depth - ground, np.float32(BACK) - depth)
        return above

    step = np.float32((_FRONT - BACK) / _STEPS)
    least = np.full(x0.shape, 99, dtype=np.float32)
    nearest = np.full(x0.shape, _FRONT, dtype=np.float32)
    first = np.full(x0.shape, _FRONT, dtype=np.float32)
    found = np.zeros(x0.shape, dtype=bool)
    for i in range(1, _STEPS + 1):
        z = np.float32(_FRONT) - step * np.float32(i)
        above = clearance(z)
        np.copyto(first, z, where=(above <= 0) & ~found)
        found |= above <= 0
        np.copyto(nearest, z, where=above < least)
        np.minimum(least, above, out=least)
    inside, outside = first, first + step
    for _ in range(_BISECTIONS):
        middle = (outside + inside) * np.float32(0.5)
        hit = clearance(middle) <= 0
        inside = np.where(hit, middle, inside)
        outside = np.where(hit, outside, middle)
    depth = np.where(found, inside, nearest)
    ratio = np.float32(chart.PIXELS_PER_UNIT / PIXELS_PER_UNIT)
    chart_x = (map_x + slope_x * depth + np.float32(0.5)) * ratio - np.float32(0.5)
    chart_y = (map_y + slope_y * depth + np.float32(0.5)) * ratio - np.float32(0.5)
    # The sides of the relief fall by `FALL` a unit, so this goes from 0 to 1 over about a pixel.
    filled = np.float32(0.5) - np.clip(least, -1, 1) * np.float32(view.scale / FALL)
    size = (columns * _COARSE, rows * _COARSE)
    fine = [
        cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)[: bottom - top, : right - left]
        for values in (chart_x, chart_y, filled)
    ]
    return fine[0], fine[1], np.clip(fine[2], 0, 1)  # type: ignore[return-value]
