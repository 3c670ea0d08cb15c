"""Outlines of drawn objects: `[n, 2]` float64 points (x to the right, y down), in units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Outline = NDArray[np.float64]

_ANGLES = np.radians([0, 18, 36, 54, 72, 90])[None] + np.radians([0, 90, 180, 270])[:, None]
_CORNERS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 2).reshape(-1, 2)
_QUADRANTS = np.repeat([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], 6, axis=0)


def outline(*points: Sequence[float]) -> Outline:
    return np.array(points, dtype=np.float64)


def ellipse(
    x: float, y: float, radius_x: float, radius_y: float | None = None, *, turn: float = 0.0, points: int = 36
) -> Outline:
    """An ellipse, a circle without `radius_y`; `turn` in degrees."""
    ring = _circle(points) * (radius_x, radius_x if radius_y is None else radius_y)
    return moved(turned(ring, turn), x, y)


@lru_cache
def _circle(points: int) -> Outline:
    return _unit(np.linspace(0, 2 * np.pi, points, endpoint=False))


def box(left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> Outline:
    """A rectangle, with round corners of radius `corner`."""
    radius = min(corner, (right - left) / 2, (bottom - top) / 2)
    if radius <= 0:
        return outline((left, top), (right, top), (right, bottom), (left, bottom))
    inner_x, inner_y = (right - left) / 2 - radius, (bottom - top) / 2 - radius
    return _CORNERS * radius + _QUADRANTS * (inner_x, inner_y) + ((left + right) / 2, (top + bottom) / 2)


def smooth(points: ArrayLike, rounds: int = 3, *, closed: bool = True) -> Outline:
    """Corners cut off again and again (Chaikin 1974); a point given twice stays nearly sharp."""
    line = np.asarray(points, dtype=np.float64)
    for _ in range(rounds):
        after = np.roll(line, -1, axis=0) if closed else line[1:]
        before = line if closed else line[:-1]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1).reshape(-1, 2)
        line = cut if closed else np.concatenate([line[:1], cut, line[-1:]])
    return line


def limb(start: ArrayLike, end: ArrayLike, radius_start: float, radius_end: float) -> Outline:
    """A capsule whose two ends may differ in radius."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = last - first
    length = float(np.hypot(*along))
    if length <= abs(radius_start - radius_end):  # one end lies within the other
        centre, radius = (first, radius_start) if radius_start > radius_end else (last, radius_end)
        return ellipse(float(centre[0]), float(centre[1]), radius, points=20)
    towards, touch = np.arctan2(along[1], along[0]), np.arccos((radius_start - radius_end) / length)
    t = np.linspace(0, 1, 9)
    ahead = towards - touch + 2 * touch * t
    behind = towards + touch + 2 * (np.pi - touch) * t
    caps = [first + radius_start * _unit(behind), last + radius_end * _unit(ahead)]
    return np.concatenate(caps)


def _unit(angles: NDArray[np.float64]) -> Outline:
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def stroke(points: ArrayLike, width: float, width_end: float | None = None) -> list[Outline]:
    """A line of round pieces; their union is the stroke. It may taper to `width_end`."""
    line = np.asarray(points, dtype=np.float64)
    radii = np.linspace(width, width if width_end is None else width_end, len(line)) / 2
    return [limb(line[i], line[i + 1], radii[i], radii[i + 1]) for i in range(len(line) - 1)]


def arc(x: float, y: float, radius_x: float, radius_y: float, start: float, stop: float, points: int = 14) -> Outline:
    """An open piece of an ellipse from `start` to `stop` degrees."""
    t = np.radians(np.linspace(start, stop, points))
    return np.stack([x + radius_x * np.cos(t), y + radius_y * np.sin(t)], 1)


def turned(points: Outline, degrees: float, around: Sequence[float] = (0.0, 0.0)) -> Outline:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    centre = np.asarray(around, dtype=np.float64)
    result: Outline = (points - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre
    return result


def moved(points: Outline, x: float, y: float) -> Outline:
    result: Outline = points + np.array([x, y])
    return result


def symmetric(half: ArrayLike) -> Outline:
    """The right half of an outline (top to bottom, x >= 0) and its mirror image about x = 0."""
    right = np.asarray(half, dtype=np.float64)
    return np.concatenate([right, right[::-1] * (-1, 1)])
