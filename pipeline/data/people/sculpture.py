"""The relief of a head: for every point of the chart how far it stands out towards the camera.

A sum of few smooth bumps over an egg, as parametric faces have been made since Parke, "A model for human faces that
allows speech synchronized animation", Computers & Graphics 1, 1975.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import chart
from pipeline.data.people.person import Person, Skull
from pipeline.data.scene_noise import Floats
from pipeline.data.sprites.shapes import Outline, smooth

PIXELS_PER_UNIT = 44
BACK = -0.55
FALL = 12.0


@dataclass(frozen=True)
class Sculpture:
    """`height` `[H, W]` z of the bare head; `outline` `[n, 2]`, the right half of it from above down."""

    height: Floats
    outline: Outline


@lru_cache(maxsize=64)
def sculpt(person: Person) -> Sculpture:
    """The bare head of a person, at 44 pixels a unit."""
    x, y = chart.grid(PIXELS_PER_UNIT)
    half = _right_outline(person.skull)
    half_width = half_width_of(half, y)
    height = egg(x, y, half_width, person.skull)
    for bump in (_eye_region, _nose, _lower_face):
        height = height + bump(person, x, y)
    return Sculpture(cv2.GaussianBlur(height, (0, 0), 0.8), half)  # type: ignore[arg-type]


def _right_outline(skull: Skull) -> Outline:
    top, bottom = -skull.crown, skull.chin_y
    points = [
        (0.0, top), (skull.forehead * 0.35, top), (skull.forehead * 0.66, top * 0.93),
        (skull.forehead * 0.93, top * 0.72), (skull.forehead, top * 0.36),
        (skull.cheek, 0.0), (skull.cheek * 0.985, bottom * 0.27),
        (skull.jaw * 1.04, bottom * 0.56), (skull.jaw * 0.85, bottom * 0.77), (skull.chin * 1.18, bottom * 0.96),
        (skull.chin * 0.6, bottom * 1.005), (0.0, bottom * 1.01), (0.0, bottom * 1.01),
    ]  # fmt: skip
    line = smooth(points, 3, closed=False)
    line[:, 1] = np.maximum.accumulate(line[:, 1])
    return line


def half_width_of(right: Outline, y: Floats) -> Floats:
    """`[H, 1]`: x of the right half of an outline in every row; above and below it as just inside its ends, so that the
    relief falls there along a blunt edge and not along a spike."""
    order = np.argsort(right[:, 1], kind="stable")
    low, high = right[order[0], 1] + 0.012, right[order[-1], 1] - 0.03
    rows = np.clip(y[:, 0], low, high)
    return np.interp(rows, right[order, 1], right[order, 0]).astype(np.float32)[:, None]


def egg(x: Floats, y: Floats, half_width: Floats, skull: Skull) -> Floats:
    """An egg with this outline; outside of it the relief falls steeply, which closes the sides of the head."""
    top, bottom = -skull.crown, skull.chin_y
    rows = [top, top * 0.96, top * 0.85, top * 0.6, top * 0.35, 0, bottom * 0.35, bottom * 0.7, bottom * 0.93, bottom]
    deep = [0.0, 0.3, 0.58, 0.83, 0.92, 0.9, 0.9, 0.88, 0.8, 0.55]
    depth = np.interp(y[:, 0], rows, deep).astype(np.float32)[:, None]
    across = np.abs(x) / np.maximum(half_width, 1e-3)
    inside = np.sqrt(np.clip(1 - across ** np.float32(skull.flatness), 0, 1))
    outside = np.maximum(np.abs(x) - half_width, 0) + np.maximum(y - bottom, 0) + np.maximum(top - y, 0)
    return (depth * inside - np.float32(FALL) * outside).astype(np.float32)


def _bell(x: Floats, y: Floats, at: tuple[float, float], wide: float, tall: float) -> Floats:
    across, down = (x - np.float32(at[0])) / np.float32(wide), (y - np.float32(at[1])) / np.float32(tall)
    bell: Floats = np.exp(-(across * across)) * np.exp(-(down * down))
    return bell


def _both_sides(x: Floats, y: Floats, at: tuple[float, float], wide: float, tall: float) -> Floats:
    return _bell(x, y, at, wide, tall) + _bell(x, y, (-at[0], at[1]), wide, tall)


def _eye_region(person: Person, x: Floats, y: Floats) -> Floats:
    eyes = person.eyes
    socket = _both_sides(x, y, (eyes.apart * 0.93, -0.03), 0.19, 0.12) * np.float32(-eyes.depth - 0.02)
    ball = _both_sides(x, y, (eyes.apart, 0.0), 0.11, 0.08) * np.float32(0.05)
    ridge = _both_sides(x, y, (eyes.apart * 0.9, -person.brows.height + 0.02), 0.24, 0.07)
    return socket + ball + ridge * np.float32(person.skull.brow_ridge)


def _nose(person: Person, x: Floats, y: Floats) -> Floats:
    nose = person.nose
    rows = [
        -0.2,
        -0.08,
        0.05,
        nose.tip_y * 0.6,
        nose.tip_y - 0.05,
        nose.tip_y,
        nose.tip_y + 0.07 + nose.hang * 0.4,
        nose.tip_y + 0.12 + nose.hang,
    ]
    out = [
        0,
        nose.bridge * 0.6,
        nose.bridge,
        (nose.bridge + nose.tip) / 2,
        nose.tip * 0.96,
        nose.tip,
        nose.tip * 0.55,
        0,
    ]
    broad = [
        nose.slim,
        nose.slim,
        nose.slim,
        nose.slim * 1.1,
        nose.wide * 0.62,
        nose.wide * 0.66,
        nose.wide * 0.6,
        nose.wide * 0.5,
    ]
    row = y[:, 0]
    ridge = np.interp(row, rows, out).astype(np.float32)[:, None]
    across = x / np.interp(row, rows, broad).astype(np.float32)[:, None]
    wings = _both_sides(x, y, (nose.wide * 0.72, nose.tip_y + 0.02), nose.wide * 0.36, 0.065)
    return ridge * np.exp(-(across * across)) + wings * np.float32(0.09)


def _lower_face(person: Person, x: Floats, y: Floats) -> Floats:
    skull, mouth = person.skull, person.mouth
    at = person.nose.tip_y + mouth.below
    lips = _bell(x, y, (0, at), mouth.wide * 0.95, 0.1) * np.float32(0.05)
    lips += _bell(x, y, (0, at - mouth.upper * 0.6), mouth.wide * 0.7, mouth.upper) * np.float32(0.03)
    lips += _bell(x, y, (0, at + mouth.lower * 0.6), mouth.wide * 0.6, mouth.lower) * np.float32(0.045)
    dent = _bell(x, y, (0, at + mouth.lower + 0.07), 0.17, 0.05) * np.float32(-0.03)
    chin = _bell(x, y, (0, skull.chin_y - 0.12), 0.2, 0.1) * np.float32(skull.chin_bulge)
    cheeks = _both_sides(x, y, (skull.cheek * 0.62, 0.28), 0.17, 0.14) * np.float32(skull.cheekbone)
    fold = _both_sides(x, y, (mouth.wide * 1.05, at - 0.1), 0.05, 0.13) * np.float32(
        -0.06 * max(person.skin.age - 0.3, 0)
    )
    return lips + dent + chin + cheeks + fold


@lru_cache(maxsize=64)
def face_points(person: Person) -> NDArray[np.float64]:
    """`[n, 3]` points all over what a detector calls a face: mid forehead to chin, without ears."""
    sculpture = sculpt(person)
    rows = np.linspace(-person.brows.height - 0.26, person.skull.chin_y, 15)
    half = np.interp(rows, sculpture.outline[:, 1], sculpture.outline[:, 0])
    edge = np.stack([half * 0.97, rows, np.full(15, 0.1)], 1)
    front = [
        (share * wide, y, max(height_at(sculpture.height, share * wide, y), 0.1))
        for y, wide in zip(rows, half, strict=True)
        for share in (-0.9, -0.75, -0.55, 0.0, 0.55, 0.75, 0.9)
    ]
    points = np.concatenate([edge, edge * (-1, 1, 1), np.array(front)])
    points.setflags(write=False)
    return points


def height_at(heights: Floats, x: float, y: float) -> float:
    """z of the relief at one point, to the nearest pixel."""
    row = int(np.clip((y - chart.TOP) * PIXELS_PER_UNIT, 0, heights.shape[0] - 1))
    column = int(np.clip((x - chart.LEFT) * PIXELS_PER_UNIT, 0, heights.shape[1] - 1))
    return float(heights[row, column])
