"""Smooth random fields, and the few blends that every drawn scene is made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cells_yx: tuple[float, float], octaves: int = 4
) -> Floats:
    """`[height, width]` in 0..1: value noise, each octave twice as fine and half as strong as the one before.

    `cells_yx` is the number of lattice cells of the coarsest octave down and across.
    """
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        rows = int(np.clip(cells_yx[0] * 2**octave, 2, height))
        columns = int(np.clip(cells_yx[1] * 2**octave, 2, width))
        lattice = rng.random((rows, columns), dtype=np.float32)
        total += cv2.resize(lattice, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return stretched(total)


def fractal_line(rng: np.random.Generator, length: int, cells: float, octaves: int = 4) -> Floats:
    """`[length]` in 0..1: the same noise along one line, as for the ridge of a hill."""
    line: Floats = fractal_noise(rng, 2, length, (2, cells), octaves)[0]
    return line


def stretched(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    stretch: Floats = (values - low) * np.float32(1 / max(high - low, 1e-6))
    return stretch


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth


def blend(canvas_hwc: Floats, alpha_hw: Floats, colour: Floats) -> None:
    """Lay `colour` (`[3]` or `[H, W, 3]`, 0..1) over the canvas in place, as dense as `alpha_hw`."""
    if colour.ndim == 1:
        colour = cv2.merge([np.full_like(alpha_hw, channel) for channel in colour])  # type: ignore[assignment]
    canvas_hwc += cv2.merge([alpha_hw] * 3) * (colour - canvas_hwc)


def blurred(values: Floats, sigma: float) -> Floats:
    """Gaussian blur; a wide one is made at a quarter of the size, where it costs a sixteenth."""
    if sigma < 6:
        return cv2.GaussianBlur(values, (0, 0), sigma)  # type: ignore[return-value]
    height, width = values.shape[:2]
    small = cv2.resize(values, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
