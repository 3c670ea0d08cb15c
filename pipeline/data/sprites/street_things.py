"""What stands along a street: lamp posts, signs, bins, planters, trees and parked cars."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.scene_trees import draw_bush, draw_tree
from pipeline.data.sprites.halls import HEIGHT, WIDTH, Hall
from pipeline.data.sprites.surfaces import Picture, chosen


def draw_street_things(rng: np.random.Generator, canvas: Picture, hall: Hall) -> None:
    """Lamp posts, bins, planters, signs and parked cars, far ones first."""
    for near in np.sort(rng.uniform(1.2, 4.5, int(rng.integers(4, 12)))):
        side = float(rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.8, 0.98)]))
        foot, unit = hall.at(side, float(near)), float(near) * (hall.wall[3] - hall.wall[1])
        x, y = int(foot[0]), int(foot[1])
        tone = chosen(
            rng, ((60, 62, 66), (40, 80, 60), (150, 60, 50), (60, 80, 130), (200, 196, 186), (110, 80, 56))
        ).tolist()
        kind = rng.random()
        if kind < 0.35:
            top = y - int(unit * rng.uniform(0.7, 1.5))
            cv2.line(canvas, (x, y), (x, top), tone, max(int(unit * 0.025), 1), cv2.LINE_AA)
            if rng.random() < 0.5:
                cv2.ellipse(
                    canvas,
                    (x, top),
                    (max(int(unit * 0.07), 1), max(int(unit * 0.04), 1)),
                    0,
                    0,
                    360,
                    (236, 230, 200),
                    -1,
                    cv2.LINE_AA,
                )
            else:
                half = max(int(unit * 0.1), 2)
                cv2.rectangle(
                    canvas,
                    (x - half, top),
                    (x + half, top + half),
                    chosen(rng, ((200, 40, 40), (40, 80, 170), (236, 200, 50))).tolist(),
                    -1,
                )
        elif kind < 0.6:
            half, high = int(unit * rng.uniform(0.06, 0.2)), int(unit * rng.uniform(0.12, 0.26))
            cv2.rectangle(canvas, (x - half, y - high), (x + half, y), tone, -1)
            cv2.rectangle(
                canvas,
                (x - half, y - high),
                (x + half, y - high + max(high // 6, 1)),
                [channel * 1.3 for channel in tone],
                -1,
            )
            if rng.random() < 0.4:
                _plant(rng, canvas, x, y - high, unit * 0.5)
        elif kind < 0.8:
            _plant(rng, canvas, x, y, unit * rng.uniform(0.9, 1.8))
        else:
            _car(canvas, x, y, unit * rng.uniform(0.55, 0.8), tone)


def _plant(rng: np.random.Generator, canvas: Picture, x: int, y: int, size: float) -> None:
    left, right = max(int(x - size), 0), min(int(x + size), WIDTH)
    top, bottom = max(int(y - size * 1.2), 0), min(int(y + size * 0.3), HEIGHT)
    if right <= left or bottom <= top:
        return
    there = canvas[top:bottom, left:right]
    drawn = cv2.merge([*cv2.split(there), np.zeros(there.shape[:2], np.uint8)])
    (draw_bush if size < 60 else draw_tree)(rng, drawn, x - left, y - top, size, 0.15)  # type: ignore[arg-type]
    there[...] = drawn[..., :3]


def _car(canvas: Picture, x: int, y: int, wide: float, tone: list[float]) -> None:
    tall = wide * 0.26
    cv2.ellipse(canvas, (x, y), (int(wide * 0.55), max(int(tall * 0.25), 1)), 0, 0, 360, (40, 40, 42), -1, cv2.LINE_AA)
    cv2.rectangle(canvas, (x - int(wide / 2), y - int(tall * 1.2)), (x + int(wide / 2), y - int(tall * 0.2)), tone, -1)
    for share, colour in ((1.0, tone), (0.82, [70, 82, 94])):
        foot = np.array([x, y + tall * (1 - share) * 0.3])
        cabin = np.array([[-0.36, -1.15], [-0.2, -2.0], [0.2, -2.0], [0.34, -1.15]]) * (wide * share, tall) + foot
        cv2.fillPoly(canvas, [cabin.astype(np.int32)], colour, cv2.LINE_AA)
    for place in (-0.3, 0.3):
        hub = (x + int(wide * place), y - int(tall * 0.15))
        for share, grey in ((0.42, 26), (0.2, 152)):
            cv2.circle(canvas, hub, max(int(tall * share), 1), (grey, grey, grey), -1, cv2.LINE_AA)
