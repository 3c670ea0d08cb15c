"""Light on the relief of a head: two lamps with shadows, light from everywhere, and the sheen of skin.

Lambert's law and the half-way vector of Blinn, "Models of light reflection for computer synthesized pictures",
SIGGRAPH 1977.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.data.people.recording import Lamp, Recording
from pipeline.data.people.sculpture import PIXELS_PER_UNIT
from pipeline.data.people.view import View
from pipeline.data.scene_noise import Floats

_WRAP = 0.25  # light that goes a little round the edge, as it does in skin
_SHADOW_STEPS = (0.07, 0.13, 0.21, 0.32, 0.46)
_SHEEN = 0.13


@dataclass(frozen=True)
class Surface:
    """Height `[h, w]`, unit normals as three planes `[h, w]`, and how open to the sky every point is (0..1)."""

    height: Floats
    normal: tuple[Floats, Floats, Floats]
    openness: Floats


def surface_of(height: Floats) -> Surface:
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, dx, dy, scale=PIXELS_PER_UNIT / 8) for dx, dy in ((1, 0), (0, 1)))
    length = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    hollow = cv2.GaussianBlur(np.maximum(height, -0.3), (0, 0), 0.09 * PIXELS_PER_UNIT) - height
    openness = np.clip(1 - 3.0 * np.maximum(hollow, 0), 0.45, 1)
    return Surface(height, (-slope_x * length, -slope_y * length, length), openness.astype(np.float32))


def shade(surface: Surface, recording: Recording, view: View) -> Floats:
    """`[h, w, 3]` RGB: how much light every point of the relief sends on, 1 for a white surface in full light."""
    up = view.to_head([0.0, -1.0, 0.0])
    nx, ny, nz = surface.normal
    sky = nx * np.float32(up[0]) + ny * np.float32(up[1]) + nz * np.float32(up[2])
    everywhere = surface.openness * (np.float32(0.8) + np.float32(0.2) * sky)
    planes = [everywhere * np.float32(strength) for strength in recording.ambient]
    for lamp in (recording.key, recording.fill):
        falls = _falls(surface, lamp, view)
        for plane, strength in zip(planes, lamp.strength, strict=True):
            plane += falls * np.float32(strength)
    return cv2.merge(planes)


def shade_flat(recording: Recording, normal: ArrayLike) -> Floats:
    """`[3]` RGB: the light on a plane whose normal is given before the camera."""
    direction = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
    total = np.array(recording.ambient) * (0.8 - 0.2 * direction[1])
    for lamp in (recording.key, recording.fill):
        total += np.array(lamp.strength) * max((float(direction @ lamp.direction) + _WRAP) / (1 + _WRAP), 0.0)
    return total.astype(np.float32)


def _falls(surface: Surface, lamp: Lamp, view: View) -> Floats:
    towards = view.to_head(lamp.direction)
    nx, ny, nz = surface.normal
    lx, ly, lz = (np.float32(value) for value in towards)
    lambert = np.maximum((nx * lx + ny * ly + nz * lz + np.float32(_WRAP)) * np.float32(1 / (1 + _WRAP)), 0)
    half = towards + view.to_head([0.0, 0.0, 1.0])
    hx, hy, hz = (np.float32(value) for value in half / max(float(np.linalg.norm(half)), 1e-6))
    gleam = np.maximum(nx * hx + ny * hy + nz * hz, 0)
    gleam = cv2.pow(gleam, 22.0)
    lit: Floats = (lambert + np.float32(_SHEEN) * gleam) * (1 - np.float32(lamp.hardness) * _shadow(surface, towards))
    return lit


def _shadow(surface: Surface, towards: NDArray[np.float64]) -> Floats:
    """0..1: how much of a lamp other parts of the relief hide, by stepping towards it."""
    height = surface.height
    rows, columns = height.shape
    deepest = np.zeros_like(height)
    for step in _SHADOW_STEPS:
        shift = np.array([[1, 0, towards[0] * step * PIXELS_PER_UNIT], [0, 1, towards[1] * step * PIXELS_PER_UNIT]])
        there = cv2.warpAffine(
            height,
            shift,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        above = there - height - np.float32(towards[2] * step)
        np.maximum(deepest, above * np.float32(1 / (0.05 + 0.25 * step)), out=deepest)
    return cv2.GaussianBlur(np.minimum(deepest, 1), (0, 0), 1.6)  # type: ignore[return-value]
