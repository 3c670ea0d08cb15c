"""A box of space seen from inside, around one vanishing point, and what stands on its floor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.sprites.surfaces import Picture, chosen

HEIGHT, WIDTH = 480, 640
GOODS = (
    (200, 40, 40),
    (40, 90, 180),
    (236, 200, 60),
    (60, 140, 80),
    (236, 236, 230),
    (230, 120, 40),
    (60, 56, 60),
    (150, 90, 150),
    (120, 180, 200),
)
FURNITURE = (
    (150, 104, 62),
    (84, 60, 44),
    (226, 222, 214),
    (60, 62, 68),
    (120, 44, 44),
    (70, 92, 120),
    (190, 170, 140),
    (92, 110, 88),
)


@dataclass(frozen=True)
class Hall:
    """The back wall `[left, top, right, bottom]` and the vanishing point, in pixels."""

    wall: NDArray[np.float64]
    vanishing_xy: NDArray[np.float64]

    def at(self, across: float, near: float, up: float = 0.0) -> NDArray[np.float64]:
        """The pixel of a point: `across` 0..1 between the walls, `up` 0..1 to the ceiling, `near` 1 at the back."""
        left, top, right, bottom = self.wall
        on_wall = np.array([left + across * (right - left), bottom + up * (top - bottom)])
        point: NDArray[np.float64] = self.vanishing_xy + (on_wall - self.vanishing_xy) * near
        return point


def fill(canvas: Picture, quad: list[NDArray[np.float64]], colour: NDArray[np.float32] | NDArray[np.float64]) -> None:
    red, green, blue = (float(channel) for channel in np.clip(colour, 0, 255))
    cv2.fillPoly(canvas, [np.rint(np.array(quad)).astype(np.int32)], (red, green, blue), cv2.LINE_AA)


def furniture(rng: np.random.Generator, canvas: Picture, hall: Hall, near: float) -> None:
    """A cabinet, a table, a bench or a pile of boxes: a cuboid with a shadow, divided into drawers or on legs."""
    x, wide = rng.uniform(-0.1, 0.9), rng.uniform(0.1, 0.38)
    deep, tall = near * rng.uniform(1.1, 1.4), rng.uniform(0.12, 0.42)
    colour = chosen(rng, FURNITURE)
    legs = rng.random() < 0.4
    base = tall * rng.uniform(0.6, 0.85) if legs else 0.0
    shadow = [
        hall.at(x - 0.02, near),
        hall.at(x + wide + 0.02, near),
        hall.at(x + wide + 0.03, deep * 1.02),
        hall.at(x - 0.03, deep * 1.02),
    ]
    darken(canvas, np.array(shadow), 0.6)
    if legs:
        for across in (x + 0.01, x + wide - 0.02):
            for z in (near, deep):
                fill(
                    canvas,
                    [
                        hall.at(across, z, base),
                        hall.at(across + 0.015, z, base),
                        hall.at(across + 0.015, z),
                        hall.at(across, z),
                    ],
                    colour * 0.5,
                )
    side = x if hall.at(x, 1)[0] > hall.vanishing_xy[0] else x + wide
    fill(
        canvas,
        [hall.at(side, near, tall), hall.at(side, deep, tall), hall.at(side, deep, base), hall.at(side, near, base)],
        colour * 0.65,
    )
    fill(
        canvas,
        [hall.at(x, near, tall), hall.at(x + wide, near, tall), hall.at(x + wide, deep, tall), hall.at(x, deep, tall)],
        colour * 1.15,
    )
    face = [
        hall.at(x, deep, tall),
        hall.at(x + wide, deep, tall),
        hall.at(x + wide, deep, base),
        hall.at(x, deep, base),
    ]
    fill(canvas, face, colour * 0.9)
    _things_on_top(rng, canvas, hall, (x, x + wide), (near, deep), tall)
    if not legs:
        if rng.random() < 0.25:
            shelves(rng, canvas, face, colour * 0.6, int(rng.integers(5, 12)))
        else:
            for share in np.linspace(0, 1, int(rng.integers(2, 5)))[1:-1]:
                a, b = face[0] + (face[3] - face[0]) * share, face[1] + (face[2] - face[1]) * share
                cv2.line(
                    canvas, a.astype(int).tolist(), b.astype(int).tolist(), (colour * 0.5).tolist(), 2, cv2.LINE_AA
                )


def darken(canvas: Picture, corners_xy: NDArray[np.float64], gain: float) -> None:
    """A shadow with a hard edge on the quadrangle."""
    low = np.clip(corners_xy.min(axis=0), 0, (WIDTH, HEIGHT)).astype(int)
    high = np.clip(corners_xy.max(axis=0) + 1, 0, (WIDTH, HEIGHT)).astype(int)
    if (high <= low).any():
        return
    there = canvas[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(there.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(corners_xy - low).astype(np.int32)], 255)
    cv2.copyTo(cv2.convertScaleAbs(there, alpha=gain), mask, there)


def _things_on_top(
    rng: np.random.Generator,
    canvas: Picture,
    hall: Hall,
    across: tuple[float, float],
    nears: tuple[float, float],
    up: float,
) -> None:
    """Books, boxes, vases and lamps, far ones first."""
    for near in np.sort(rng.uniform(*nears, int(rng.integers(0, 6)))):
        at, colour = rng.uniform(*across), chosen(rng, GOODS)
        wide, tall = rng.uniform(0.015, 0.06), rng.uniform(0.02, 0.14)
        corners = [
            hall.at(at, near, up + tall),
            hall.at(at + wide, near, up + tall),
            hall.at(at + wide, near, up),
            hall.at(at, near, up),
        ]
        kind = rng.random()
        if kind < 0.55:
            fill(canvas, corners, colour * 0.85)
            lid = [
                corners[0],
                corners[1],
                hall.at(at + wide, near * 0.95, up + tall),
                hall.at(at, near * 0.95, up + tall),
            ]
            fill(canvas, lid, colour * 1.2)
        elif kind < 0.8:  # a vase
            middle, size = (corners[0] + corners[2]) / 2, (corners[2] - corners[0]) / 2
            axes = (max(int(abs(size[0])), 1), max(int(abs(size[1])), 1))
            cv2.ellipse(canvas, middle.astype(int).tolist(), axes, 0, 0, 360, (colour * 0.8).tolist(), -1, cv2.LINE_AA)
            shine = (max(axes[0] // 3, 1), max(axes[1] // 2, 1))
            cv2.ellipse(
                canvas,
                (middle - size * 0.3).astype(int).tolist(),
                shine,
                0,
                0,
                360,
                (colour * 1.1).tolist(),
                -1,
                cv2.LINE_AA,
            )
        else:  # a lamp
            foot, top = (corners[3] + corners[2]) / 2, (corners[0] + corners[1]) / 2
            cv2.line(canvas, foot.astype(int).tolist(), top.astype(int).tolist(), (60, 58, 56), 2, cv2.LINE_AA)
            half = abs(corners[1][0] - corners[0][0]) * 0.7
            shade = np.array([[-half * 0.5, -half], [half * 0.5, -half], [half, half * 0.4], [-half, half * 0.4]]) + top
            cv2.fillPoly(canvas, [shade.astype(np.int32)], (246, 228, 180), cv2.LINE_AA)


def shelves(
    rng: np.random.Generator,
    canvas: Picture,
    quad: list[NDArray[np.float64]],
    frame: NDArray[np.float32],
    goods: int = 30,
) -> None:
    """Boards with a row of packets, books or tins on each."""
    fill(canvas, quad, frame * 0.35)
    corners = np.array(quad)

    def point(u: float, v: float) -> NDArray[np.float64]:
        upper, lower = corners[0] + (corners[1] - corners[0]) * u, corners[3] + (corners[2] - corners[3]) * u
        between: NDArray[np.float64] = upper + (lower - upper) * v
        return between

    rows = int(rng.integers(3, 6))
    for row in range(rows):
        bottom, u = (row + 0.92) / rows, 0.01
        while u < 0.97:
            colour, kind_wide, tall = chosen(rng, GOODS), rng.uniform(0.5, 1.6) / goods, rng.uniform(0.45, 0.85) / rows
            for _ in range(int(rng.integers(1, 5))):
                right = min(u + kind_wide, 0.99)
                fill(
                    canvas,
                    [point(u, bottom - tall), point(right, bottom - tall), point(right, bottom), point(u, bottom)],
                    colour * rng.uniform(0.75, 1.05),
                )
                label = [
                    point(u, bottom - tall * 0.6),
                    point(right, bottom - tall * 0.6),
                    point(right, bottom - tall * 0.35),
                    point(u, bottom - tall * 0.35),
                ]
                fill(canvas, label, 255 - colour * 0.6)
                u = right + 0.003
                if u > 0.97:
                    break
            u += rng.uniform(0, 0.03)
        fill(
            canvas,
            [point(0, bottom), point(1, bottom), point(1, bottom + 0.08 / rows), point(0, bottom + 0.08 / rows)],
            frame,
        )
