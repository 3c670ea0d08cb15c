"""Light on a relief: from colour, height and gloss of every pixel to what a camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.scene_noise import Floats, fractal_noise, smoothstep

_STEEPEST = 1.6


@dataclass
class Layers:
    """Planes `[h, w]`: `colour` RGB uint8 (`[h, w, 3]`), `height` in pixels, `gloss` and `alpha` 0..255."""

    colour: NDArray[np.uint8]
    height: Floats
    gloss: NDArray[np.uint8]
    alpha: NDArray[np.uint8]

    @staticmethod
    def empty(height: int, width: int) -> Layers:
        return Layers(
            np.zeros((height, width, 3), np.uint8),
            np.zeros((height, width), np.float32),
            np.zeros((height, width), np.uint8),
            np.zeros((height, width), np.uint8),
        )

    def smaller(self, factor: int) -> Layers:
        """`factor` times smaller. Colours are weighted by alpha, or the dark around the object would stain its edge."""
        rows, columns = (side // factor for side in self.alpha.shape)
        planes = [
            cv2.resize(plane[: rows * factor, : columns * factor], (columns, rows), interpolation=cv2.INTER_AREA)
            for plane in (self.colour, self.height, self.gloss, self.alpha)
        ]
        weight = 255 / np.maximum(planes[3], 1).astype(np.float32)
        colour = cv2.multiply(planes[0], cv2.merge([weight] * 3), dtype=cv2.CV_8U)
        return Layers(colour, planes[1] * np.float32(1 / factor), planes[2], planes[3])  # type: ignore[arg-type]


def lit(rng: np.random.Generator, layers: Layers) -> NDArray[np.uint8]:
    """`[h, w, 4]` RGBA. Lambert's diffuse light, Blinn's highlight (1977), a soft sky mirrored in what is glossy."""
    rows, columns = layers.height.shape
    slope_x, slope_y = _slopes(layers.height)
    upright = 1 / cv2.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    towards = _light(rng)
    facing = (towards[2] - towards[0] * slope_x - towards[1] * slope_y) * upright
    ambient = np.float32(rng.uniform(0.35, 0.6))
    diffuse = ambient + np.float32(rng.uniform(0.55, 0.8)) * np.maximum(facing, 0)
    diffuse *= _contact_shadow(layers.height, towards)
    grain = fractal_noise(rng, rows, columns, (rows / 12, columns / 12), 3)
    diffuse *= np.float32(1) + (grain - np.float32(0.5)) * np.float32(rng.uniform(0.04, 0.24))
    halfway = towards + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    shine = np.maximum((halfway[2] - halfway[0] * slope_x - halfway[1] * slope_y) * upright, 0).astype(np.float32)
    gloss = layers.gloss.astype(np.float32) * np.float32(1 / 255)
    highlight = cv2.pow(shine, float(rng.uniform(14, 40))) * gloss * np.float32(rng.uniform(50, 130))
    mirrored = (0.5 - 0.5 * slope_y * upright) + _sheen(rng, rows, columns)
    highlight += (mirrored - np.float32(0.85)) * gloss * np.float32(rng.uniform(30, 80))
    tint = rng.normal(1, 0.05, 3) * float(np.exp(rng.normal(0, 0.12)))
    diffuse = diffuse.astype(np.float32)
    planes = [
        plane.astype(np.float32) * (diffuse * np.float32(gain)) + highlight
        for plane, gain in zip(cv2.split(layers.colour), tint, strict=True)
    ]
    rgb = np.clip(cv2.merge(planes), 0, 255).astype(np.uint8)
    return cv2.merge([*cv2.split(rgb), layers.alpha])  # type: ignore[return-value]


def _slopes(height: Floats) -> tuple[Floats, Floats]:
    soft = cv2.GaussianBlur(height, (0, 0), 0.7)
    slope_x: Floats = np.clip(cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), -_STEEPEST, _STEEPEST)
    slope_y: Floats = np.clip(cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8), -_STEEPEST, _STEEPEST)
    return slope_x, slope_y


def _light(rng: np.random.Generator) -> NDArray[np.float32]:
    """From above, more often from the left or the right than from the camera."""
    angle, lift = np.radians(rng.uniform(-160, -20)), rng.uniform(0.5, 1.2)
    direction = np.array([np.cos(angle), np.sin(angle), lift])
    return (direction / np.linalg.norm(direction)).astype(np.float32)


def _contact_shadow(height: Floats, towards: NDArray[np.float32]) -> Floats:
    """Darker where something higher stands between the light and the place, and in narrow corners."""
    rows, columns = height.shape
    small = cv2.resize(height, (max(columns // 2, 1), max(rows // 2, 1)), interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, -2.5 * float(towards[0])], [0, 1, -2.5 * float(towards[1])]], np.float32)
    above = cv2.warpAffine(small, shift, (small.shape[1], small.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    around = cv2.GaussianBlur(small, (0, 0), 3)
    hidden = smoothstep(above - small, 0.5, 6) * np.float32(0.35) + smoothstep(around - small, 0.5, 5) * np.float32(0.3)
    soft = cv2.resize(cv2.GaussianBlur(hidden, (0, 0), 0.8), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 - soft, np.float32)


def _sheen(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Bands of light and dark that run across a polished thing: the surroundings, blurred."""
    angle, length = rng.uniform(0, np.pi), float(np.hypot(rows, columns))
    bands = rng.uniform(-0.5, 0.5, int(rng.integers(4, 9))).astype(np.float32)
    line = cv2.resize(bands[None], (256, 1), interpolation=cv2.INTER_CUBIC)[0]
    ys, xs = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None]
    along = np.abs(xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))) * np.float32(255 / length)
    sheen: Floats = line[along.astype(np.uint8)]
    return sheen
