"""Hair on the head: where it grows, how far it stands out, and its strands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people import chart
from pipeline.data.people.person import Hair, Person
from pipeline.data.people.sculpture import FALL, PIXELS_PER_UNIT, half_width_of
from pipeline.data.scene_noise import Floats, fractal_line, fractal_noise
from pipeline.data.sprites.shapes import Outline, smooth

_LONG = ("bob", "long")
_BELOW_CHIN_DEPTH = 0.4


@dataclass(frozen=True)
class Cover:
    """What lies on a head: RGB chart `[H, W, 3]`, how dense it is `[H, W]` 0..255, height `[h, w]` of its surface."""

    colour: chart.Chart
    mask: chart.Chart
    height: Floats


def covers_ears(hair: Hair) -> bool:
    return hair.style in _LONG


def lays_behind(hair: Hair) -> float | None:
    """How far down hair is seen behind the neck, in units, if at all."""
    return hair.length if hair.style in _LONG else None


def full_volume(hair: Hair, bulk: float) -> float:
    share = {"cropped": 0.12, "tied": 0.3, "short": 0.75, "curly": 1.5}.get(hair.style, 1.0)
    return hair.volume * bulk * share


@lru_cache(maxsize=64)
def grow_hair(person: Person, bulk: float, tumbled: float) -> Cover | None:
    """The hair in one recording: `bulk` scales its volume, `tumbled` moves its parting (units). None when bald."""
    hair = person.hair
    if hair.style == "bald":
        return None
    rng = np.random.default_rng(hair.seed)
    right = _outer(person, full_volume(hair, bulk))
    around = np.concatenate([right, right[::-1] * (-1, 1)])
    if hair.style == "curly":
        around = _curled(rng, around)
    opening = _opening(person, tumbled)
    softness = 0.05 if hair.style == "cropped" else 0.014
    hole = chart.mask_of(opening, blur=softness)
    mask: NDArray[np.uint8] = cv2.subtract(chart.mask_of(beyond_edge(around), blur=0.006), hole)  # type: ignore[assignment]
    height = cover_height(person, right)
    texture = _curls(rng) if hair.style == "curly" else _strands(rng, person, tumbled)
    colour = np.clip(texture[..., None] * np.array(hair.colour, np.float32), 0, 255).astype(np.uint8)
    if hair.style == "cropped":
        skin = np.array(person.skin.colour)
        colour = np.clip(colour * np.float32(0.75) + skin * 0.2, 0, 255).astype(np.uint8)
    return Cover(colour, mask, height)


def beyond_edge(around: Outline) -> Outline:
    """The outline a little wider: the steep sides of a relief are seen too, and have the colour of what ends there."""
    middle = np.array([0.0, -0.2])
    away = around - middle
    return around + away / np.maximum(np.hypot(*away.T), 1e-6)[:, None] * 0.12


def cover_height(person: Person, right: Outline) -> Floats:
    """The rounded surface of what covers a head out to the right half of an outline (and its mirror image)."""
    x, y = chart.grid(PIXELS_PER_UNIT)
    reach = half_width_of(right, y)
    top, low, bottom = float(right[:, 1].min()), float(right[:, 1].max()), person.skull.chin_y
    rows = [top, top * 0.97, top * 0.86, top * 0.6, top * 0.35, 0, bottom * 0.6, bottom, 2]
    deep = [0.0, 0.34, 0.66, 0.93, 1.02, 0.98, 0.85, _BELOW_CHIN_DEPTH, _BELOW_CHIN_DEPTH]
    depth = np.interp(y[:, 0], rows, deep).astype(np.float32)[:, None]
    across = np.abs(x) / np.maximum(reach, 1e-3)
    outside = np.maximum(np.abs(x) - reach, 0) + np.maximum(np.float32(top) - y, 0) + np.maximum(y - np.float32(low), 0)
    return (depth * np.sqrt(np.clip(1 - across**2.3, 0, 1)) - np.float32(FALL) * outside).astype(np.float32)


def _outer(person: Person, volume: float) -> Outline:
    """Right half of the outline of the hair, from above down."""
    skull, hair = person.skull, person.hair
    top, wide, cheek = -skull.crown - volume, skull.forehead + volume, skull.cheek
    points = [(0.0, top), (wide * 0.32, top), (wide * 0.64, top * 0.95), (wide * 0.9, top * 0.75), (wide, top * 0.42)]
    if hair.style in _LONG:
        end = hair.length * (0.72 if hair.style == "bob" else 1.0)
        points += [(cheek + volume * 1.1, 0), (cheek + volume * 1.2, end * 0.55), (cheek * 0.98 + volume, end * 0.9)]
        points += [(cheek * 0.7, end), (cheek * 0.6, end + 0.02)]
    else:
        low = -0.05 if hair.style == "tied" else 0.12
        points += [
            (cheek + volume * 0.45, -0.22),
            (cheek + 0.015, low - 0.1),
            (cheek * 0.97, low),
            (cheek * 0.8, low + 0.02),
        ]
    return smooth(points, 3, closed=False)


def _opening(person: Person, tumbled: float) -> Outline:
    """The outline of the bare face: hairline or fringe above, sides down to below the chin."""
    skull, hair = person.skull, person.hair
    forehead, cheek = skull.forehead, skull.cheek
    fringe_y = -person.brows.height - 0.07
    x = np.linspace(-0.78, 0.78, 15)
    parting = hair.parting + tumbled
    line_y = hair.line_y + 0.16 * np.abs(x / 0.78) ** 3 - hair.recession * np.exp(-(((np.abs(x) - 0.5) / 0.22) ** 2))
    if hair.fringe and hair.style not in ("tied", "cropped"):
        jagged = 0.03 * np.sin(x * 19 + hair.seed % 7) + 0.05 * np.abs(x)
        line_y = line_y + (fringe_y - line_y) * hair.fringe + jagged * hair.fringe
    elif hair.style == "swept":
        away = np.clip(np.abs(x - parting) / 0.9, 0, 1)
        line_y = line_y - 0.05 + (fringe_y - 0.1 - line_y) * away**1.3 * 0.8
    low = 0.0 if hair.style == "tied" else 0.14
    if hair.style in _LONG:
        side = [(0.9 * cheek, -0.3), (0.93 * cheek, 0.1), (0.9 * cheek, 0.5), (0.85 * cheek, 1.0), (0.7 * cheek, 1.9)]
    else:
        side = [(0.93 * cheek, -0.3), (0.97 * cheek, low - 0.08), (1.02 * cheek, low), (1.5, low + 0.02), (1.5, 1.9)]
    right = np.array(side)
    upper = np.stack([x * forehead, line_y], 1)
    return smooth(np.concatenate([upper, right, (right * (-1, 1))[::-1]]), 2)


def _curled(rng: np.random.Generator, around: Outline) -> Outline:
    dense = smooth(around, 1)
    bumps = 1 + 0.09 * (fractal_line(rng, len(dense), 30, 2) - 0.5)
    curled: Outline = (dense - (0, -0.3)) * bumps[:, None] + (0, -0.3)
    return curled


def _curls(rng: np.random.Generator) -> Floats:
    curls: Floats = np.float32(0.55) + np.float32(0.7) * fractal_noise(rng, chart.HEIGHT, chart.WIDTH, (52, 44), 2)
    return curls


def _strands(rng: np.random.Generator, person: Person, tumbled: float) -> Floats:
    """Brightness of hair that runs from the parting outwards, and hangs straight down at the sides."""
    x, y = chart.grid(chart.PIXELS_PER_UNIT)
    root_x = (person.hair.parting + tumbled) * person.skull.forehead * 0.6
    root_y = person.hair.line_y - 0.22
    wave = (fractal_noise(rng, chart.HEIGHT, chart.WIDTH, (7, 6), 2) - np.float32(0.5)) * np.float32(0.5)
    flow = np.arctan2(x - np.float32(root_x), np.abs(y - np.float32(root_y)) + np.float32(0.12)) * 2.2 + wave
    hanging = np.clip(y * 1.6 + 0.4, 0, 1)
    flow = flow * (1 - hanging) + (x * 3 + wave * 0.5) * hanging
    fine = fractal_line(rng, 1024, 150, 2)
    broad = fractal_line(rng, 1024, 26, 2)
    place = np.clip((flow + 5) * 102, 0, 1023).astype(np.int32)
    strands: Floats = (np.float32(0.45) + np.float32(0.55) * fine[place] + np.float32(0.5) * broad[place]).astype(
        np.float32
    )
    return strands
