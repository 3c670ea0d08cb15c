"""A fast stand-in for Poisson blending: the object keeps its detail and takes the colour of what is around it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_GRID = 12  # cells of the longer side, on which the smooth correction is computed


def blend_into_surroundings(
    premultiplied_bgr: NDArray[np.uint8], alpha3: NDArray[np.uint8], behind_bgr: NDArray[np.uint8], strength: float
) -> NDArray[np.uint8]:
    """The object with its colours moved so that its seam is gone.

    All three are `[h, w, 3]` 0..255: the object, its alpha in three equal channels, and what lies behind it. At
    `strength` 1 the seam vanishes as with a solver, and so may an object on a busy background; at 0 nothing is done.

    Poisson blending adds to the object the membrane that is the difference between background and object along the
    edge and harmonic inside (Pérez, Gangnet & Blake 2003, Poisson Image Editing). Here the difference is spread inwards
    by normalised convolution on a coarse grid, after Farbman, Fattal & Lischinski 2011, Convolution Pyramids: smooth as
    the membrane is, in a tenth of the time of cv2.seamlessClone.
    """
    height, width = alpha3.shape[:2]
    # Whole pixels to a cell: OpenCV averages them three times as fast.
    step = max(1, math.ceil(max(height, width) / _GRID))
    grid = math.ceil(width / step), math.ceil(height / step)
    fill = grid[0] * step - width, grid[1] * step - height
    cover = _averaged(alpha3, grid, fill, cv2.BORDER_CONSTANT)[..., 0] / 255
    colour = _averaged(premultiplied_bgr, grid, fill, cv2.BORDER_CONSTANT)
    behind = _averaged(behind_bgr, grid, fill, cv2.BORDER_REPLICATE)
    edge = cover * (1 - cover)
    edge[edge < 0.02] = 0  # a cell with next to nothing of the object tells no colour of it
    if not edge.any():
        return premultiplied_bgr
    weighted = np.empty((*edge.shape, 4), np.float32)
    weighted[..., :3] = (behind - colour / np.maximum(cover, 1e-3)[..., None]) * edge[..., None]
    weighted[..., 3] = edge
    # Far from every edge the sum over the neighbourhood is nothing; the mean of all edges then speaks.
    spread = cv2.GaussianBlur(weighted, (9, 9), 1.8, borderType=cv2.BORDER_CONSTANT) + 0.02 * weighted.mean((0, 1))
    coarse = strength * spread[..., :3] / spread[..., 3:]
    # In bytes, and so in two parts: what is added, and what is taken away.
    joined = premultiplied_bgr
    for part, apply in ((coarse, cv2.add), (-coarse, cv2.subtract)):
        cells = part.clip(0, 255).astype(np.uint8)
        membrane = cv2.resize(cells, (grid[0] * step, grid[1] * step), interpolation=cv2.INTER_LINEAR)
        joined = apply(joined, cv2.multiply(membrane[:height, :width], alpha3, scale=1 / 255))  # type: ignore[assignment]
    return joined


def _averaged(
    image: NDArray[np.uint8], grid: tuple[int, int], fill: tuple[int, int], border: int
) -> NDArray[np.float32]:  # fmt: skip
    filled = cv2.copyMakeBorder(image, 0, fill[1], 0, fill[0], border)
    return cv2.resize(filled, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
