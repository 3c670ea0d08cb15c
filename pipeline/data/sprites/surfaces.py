"""Floors and walls: textures `[n, n, 3]` RGB uint8, and how one is laid on a plane in perspective."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.scene_noise import Floats, fractal_noise
from pipeline.data.sprites.materials import Colour

Picture = NDArray[np.uint8]
Texture = Callable[[np.random.Generator], Picture]
SIDE = 320

_WALLS: tuple[Colour, ...] = ((226, 220, 206), (198, 204, 206), (212, 194, 160), (168, 186, 178), (190, 170, 160),
                              (150, 160, 176),
                              (236, 234, 230), (176, 150, 118), (120, 128, 132))  # fmt: skip
_FLOORS: tuple[Colour, ...] = (
    (196, 190, 180),
    (120, 118, 116),
    (176, 140, 104),
    (90, 94, 100),
    (214, 210, 202),
    (140, 96, 80),
    (104, 110, 96),
)
_WOODS: tuple[Colour, ...] = (
    (150, 104, 62),
    (112, 74, 46),
    (190, 150, 104),
    (84, 60, 44),
    (204, 176, 138),
    (130, 120, 108),
)
_BRICKS: tuple[Colour, ...] = ((150, 74, 56), (176, 110, 84), (130, 92, 80), (196, 184, 168), (116, 104, 100))


def chosen(rng: np.random.Generator, colours: tuple[Colour, ...]) -> NDArray[np.float32]:
    """`[3]` RGB near one of the colours."""
    return (np.array(colours[int(rng.integers(len(colours)))]) * rng.normal(1, 0.06, 3)).astype(np.float32)


def plaster(rng: np.random.Generator) -> Picture:
    return _shaded(chosen(rng, _WALLS), _mottled(rng, 5, rng.uniform(0.04, 0.22)))


def asphalt(rng: np.random.Generator) -> Picture:
    gain = _mottled(rng, 4, 0.2) + rng.normal(0, 0.08, (SIDE, SIDE)).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        _crack(rng, gain)
    return _shaded(chosen(rng, ((112, 112, 114), (90, 90, 94), (140, 136, 130))), gain)


def grass(rng: np.random.Generator) -> Picture:
    gain = _mottled(rng, 6, 0.4) * (0.75 + 0.5 * rng.random((SIDE, SIDE), dtype=np.float32))
    return _shaded(chosen(rng, ((96, 118, 58), (122, 128, 70), (150, 138, 88), (78, 100, 60))), gain)


def soil(rng: np.random.Generator) -> Picture:
    gain = _mottled(rng, 14, 0.5) * (0.85 + 0.3 * rng.random((SIDE, SIDE), dtype=np.float32))
    return _shaded(chosen(rng, ((140, 116, 88), (118, 100, 82), (164, 146, 118))), gain)


def carpet(rng: np.random.Generator) -> Picture:
    gain = _mottled(rng, 5, 0.12) * (0.85 + 0.3 * rng.random((SIDE, SIDE), dtype=np.float32))
    cloth = _shaded(chosen(rng, ((130, 40, 44), (60, 70, 104), (150, 140, 126), (84, 90, 84), (180, 150, 110))), gain)
    if rng.random() < 0.5:
        step, second = int(rng.integers(24, 80)), chosen(rng, _FLOORS)
        ys, xs = np.mgrid[:SIDE, :SIDE]
        spots = ((ys // step + xs // step) % 2 == 0) if rng.random() < 0.5 else (ys % step < step * 0.3)
        cloth[spots] = (cloth[spots] * 0.55 + second * 0.45).astype(np.uint8)
    return cloth


def tiles(rng: np.random.Generator) -> Picture:
    step = int(rng.choice([40, 64, 80, 106]))
    base = chosen(rng, _FLOORS)
    cells = SIDE // step + 1
    tones = rng.normal(1, rng.uniform(0.01, 0.08), (cells, cells)).astype(np.float32)
    if rng.random() < 0.3:
        tones[(np.indices((cells, cells)).sum(axis=0) % 2) == 0] *= np.float32(rng.uniform(0.35, 0.8))
    gain = np.repeat(np.repeat(tones, step, 0), step, 1)[:SIDE, :SIDE] * _mottled(rng, 4, 0.12)
    joint, grout = int(rng.integers(1, 4)), np.float32(rng.uniform(0.5, 1.2))
    for i in range(0, SIDE, step):
        gain[i : i + joint] = grout
        gain[:, i : i + joint] = grout
    return _shaded(base, gain)


def planks(rng: np.random.Generator) -> Picture:
    rows = int(rng.integers(5, 12))
    high = SIDE // rows + 1
    grain = fractal_noise(rng, SIDE, SIDE, (60, 3), 3)
    gain = np.float32(0.8) + np.float32(0.4) * grain
    for row in range(rows):
        band = gain[row * high : (row + 1) * high]
        band *= np.float32(rng.normal(1, 0.1))
        band[:2] *= np.float32(0.55)
        at = int(rng.integers(4, SIDE - 4))
        band[:, at : at + 2] *= np.float32(0.55)
        band[:, at:] *= np.float32(rng.normal(1, 0.08))
    return _shaded(chosen(rng, _WOODS), gain)


def bricks(rng: np.random.Generator) -> Picture:
    rows = int(rng.integers(9, 18))
    high = SIDE // rows + 1
    wide = int(high * rng.uniform(2, 2.8))
    gain = _mottled(rng, 20, 0.25)
    mortar = np.float32(rng.uniform(0.55, 1.35))
    for row in range(rows):
        band = gain[row * high : (row + 1) * high]
        for left in range(-(row % 2) * wide // 2, SIDE, wide):
            band[:, max(left, 0) : max(left + wide, 0)] *= np.float32(rng.normal(1, 0.09))
            band[:, max(left, 0) : max(left + 3, 0)] = mortar
        band[:3] = mortar
    return _shaded(chosen(rng, _BRICKS), gain)


def front(rng: np.random.Generator) -> Picture:
    """The front of a house: a wall with rows of windows, some with curtains or light."""
    wall = (bricks if rng.random() < 0.35 else plaster)(rng)
    columns, rows = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    cell_x, cell_y = SIDE / columns, SIDE / rows
    wide, tall = cell_x * rng.uniform(0.35, 0.62), cell_y * rng.uniform(0.45, 0.7)
    frame = chosen(rng, ((236, 234, 230), (70, 66, 62), (120, 84, 56)))
    for row in range(rows):
        for column in range(columns):
            x, y = int(column * cell_x + (cell_x - wide) / 2), int(row * cell_y + (cell_y - tall) / 2)
            pane = np.array((70, 84, 98)) * rng.uniform(0.5, 1.6) if rng.random() < 0.85 else np.array((232, 200, 140))
            cv2.rectangle(wall, (x - 3, y - 3), (x + int(wide) + 3, y + int(tall) + 3), frame.tolist(), -1)
            cv2.rectangle(wall, (x, y), (x + int(wide), y + int(tall)), pane.tolist(), -1)
            cv2.line(
                wall,
                (x, y + int(tall)),
                (x + int(wide * 0.8), y),
                (pane * 1.2 + 6).tolist(),
                max(int(wide * 0.15), 1),
                cv2.LINE_AA,
            )
            cv2.line(wall, (x + int(wide / 2), y), (x + int(wide / 2), y + int(tall)), frame.tolist(), 2)
            cv2.line(
                wall, (x - 4, y + int(tall) + 5), (x + int(wide) + 4, y + int(tall) + 5), (frame * 0.6).tolist(), 3
            )
    return wall


def lay(
    canvas: Picture, texture: Picture, corners_xy: NDArray[np.float64], repeats: tuple[float, float], gain: float = 1.0
) -> None:
    """Cover the quadrangle, clockwise from the texture's upper left, with the texture, mirrored where it repeats."""
    height, width = canvas.shape[:2]
    low = np.clip(np.floor(corners_xy.min(axis=0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(corners_xy.max(axis=0)) + 1, 0, (width, height)).astype(int)
    if (high <= low).any():
        return
    across, down = SIDE * repeats[0], SIDE * repeats[1]
    source = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
    local = (corners_xy - low).astype(np.float32)
    there = np.s_[low[1] : high[1], low[0] : high[0]]
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    lit = texture if gain == 1 else cv2.convertScaleAbs(texture, alpha=gain)
    matrix = cv2.getPerspectiveTransform(source, local)
    seen = cv2.warpPerspective(lit, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.rint(np.clip(local, -30000, 30000) * 16).astype(np.int32), 255, shift=4)
    cv2.copyTo(seen, mask, canvas[there])


def _mottled(rng: np.random.Generator, cells: float, strength: float) -> Floats:
    return np.float32(1 - strength / 2) + np.float32(strength) * fractal_noise(rng, SIDE, SIDE, (cells, cells), 4)


def _shaded(colour: NDArray[np.float32], gain_hw: Floats) -> Picture:
    planes = [np.clip(gain_hw * channel, 0, 255).astype(np.uint8) for channel in colour]
    return np.asarray(cv2.merge(planes), np.uint8)


def _crack(rng: np.random.Generator, gain: Floats) -> None:
    steps = rng.normal(0, 12, (14, 2)) + rng.normal(0, 14, 2)
    points = np.cumsum(steps, axis=0) + rng.uniform(0, SIDE, 2)
    cv2.polylines(gain, [points.astype(np.int32)], False, 0.5, int(rng.integers(1, 3)))
