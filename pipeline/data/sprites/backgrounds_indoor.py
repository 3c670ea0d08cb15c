"""Rooms, corridors and shops: five textured planes around one vanishing point, with furniture on the floor."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.sprites import surfaces
from pipeline.data.sprites.halls import FURNITURE, GOODS, HEIGHT, WIDTH, Hall, fill, furniture, shelves
from pipeline.data.sprites.surfaces import Picture, Texture, chosen, lay

_NEAR = 9.0  # how many times nearer than the back wall the planes reach


def draw_room(rng: np.random.Generator) -> Picture:
    hall = _hall(rng, rng.uniform(0.45, 0.75), rng.uniform(0.4, 0.62))
    wall = surfaces.bricks if rng.random() < 0.12 else surfaces.plaster
    canvas = _planes(
        rng, hall, wall, (surfaces.planks, surfaces.tiles, surfaces.carpet)[int(rng.integers(3))], surfaces.plaster
    )
    _wall_things(rng, canvas, hall)
    for near in np.sort(rng.uniform(1.0, 2.6, int(rng.integers(3, 8)))):
        furniture(rng, canvas, hall, float(near))
    return canvas


def draw_corridor(rng: np.random.Generator) -> Picture:
    hall = _hall(rng, rng.uniform(0.14, 0.3), rng.uniform(0.2, 0.36))
    canvas = _planes(
        rng, hall, surfaces.plaster, surfaces.tiles if rng.random() < 0.7 else surfaces.carpet, surfaces.tiles
    )
    door, dado = chosen(rng, FURNITURE), chosen(rng, FURNITURE)
    has_dado = rng.random() < 0.4
    for side in (0.0, 1.0):
        if has_dado:
            quad = [
                hall.at(side, 1, 0.28),
                hall.at(side, _NEAR, 0.28),
                hall.at(side, _NEAR, 0.0),
                hall.at(side, 1, 0.0),
            ]
            fill(canvas, quad, dado * 0.9)
        near = rng.uniform(1.05, 1.3)
        while near < 6:
            far, near = near, near * rng.uniform(1.2, 1.4)
            if rng.random() < 0.75:
                tall = rng.uniform(0.7, 0.8)
                quad = [hall.at(side, far, tall), hall.at(side, near, tall), hall.at(side, near), hall.at(side, far)]
                fill(canvas, quad, door * rng.uniform(0.8, 1.1))
                cv2.polylines(canvas, [np.array(quad, np.int32)], True, (door * 0.5).tolist(), 2, cv2.LINE_AA)
                knob = hall.at(side, far + (near - far) * 0.85, tall * 0.48)
                cv2.circle(canvas, knob.astype(int).tolist(), 3, (190, 186, 170), -1, cv2.LINE_AA)
            else:
                _picture_on_side(rng, canvas, hall, side, far, near)
            near *= rng.uniform(1.1, 1.35)
    _lamps(rng, canvas, hall)
    _wall_things(rng, canvas, hall, count=1)
    if rng.random() < 0.6:
        furniture(rng, canvas, hall, rng.uniform(1.3, 2.4))
    return canvas


def draw_shop(rng: np.random.Generator) -> Picture:
    hall = _hall(rng, rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.55))
    canvas = _planes(
        rng, hall, surfaces.plaster, surfaces.tiles, surfaces.tiles if rng.random() < 0.6 else surfaces.plaster
    )
    frame = chosen(rng, FURNITURE)
    shelves(
        rng, canvas, [hall.at(0.02, 1.0, 0.75), hall.at(0.98, 1.0, 0.75), hall.at(0.98, 1.0), hall.at(0.02, 1.0)], frame
    )
    for side in (0.0, 1.0):
        if rng.random() < 0.85:
            inner, tall, far, near = (
                abs(side - rng.uniform(0.08, 0.2)),
                rng.uniform(0.5, 0.85),
                rng.uniform(1.05, 1.4),
                rng.uniform(3, 5),
            )
            shelves(
                rng,
                canvas,
                [hall.at(inner, far, tall), hall.at(inner, near, tall), hall.at(inner, near), hall.at(inner, far)],
                frame,
                22,
            )
    _lamps(rng, canvas, hall)
    for near in np.sort(rng.uniform(1.2, 2.4, int(rng.integers(0, 4)))):
        furniture(rng, canvas, hall, float(near))
    return canvas


def _hall(rng: np.random.Generator, wide: float, tall: float) -> Hall:
    size = np.array([wide * WIDTH, tall * HEIGHT])
    middle = np.array([rng.uniform(0.35, 0.65) * WIDTH, rng.uniform(0.38, 0.52) * HEIGHT])
    wall = np.concatenate([middle - size / 2, middle + size / 2])
    eye = middle + rng.uniform(-0.25, 0.25, 2) * size
    return Hall(wall, eye)


def _planes(rng: np.random.Generator, hall: Hall, wall: Texture, floor: Texture, ceiling: Texture) -> Picture:
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    paper, lights = wall(rng), rng.uniform(0.7, 1.1, 4)
    across, deep = rng.uniform(1.5, 3), rng.uniform(3, 5)
    back = [hall.at(0, 1, 1), hall.at(1, 1, 1), hall.at(1, 1), hall.at(0, 1)]
    near = [hall.at(0, _NEAR, 1), hall.at(1, _NEAR, 1), hall.at(1, _NEAR), hall.at(0, _NEAR)]
    lay(canvas, paper, np.array(back), (across, across * 0.6))
    lay(canvas, ceiling(rng), np.array([near[0], near[1], back[1], back[0]]), (across, deep), float(lights[0]))
    lay(canvas, paper, np.array([near[0], back[0], back[3], near[3]]), (deep, 1.2), float(lights[1]))
    lay(canvas, paper, np.array([back[1], near[1], near[2], back[2]]), (deep, 1.2), float(lights[2]))
    lay(canvas, floor(rng), np.array([back[3], back[2], near[2], near[3]]), (across, deep), float(lights[3]))
    skirting = chosen(rng, FURNITURE).tolist()
    for a, b in ((back[3], back[2]), (back[3], near[3]), (back[2], near[2])):
        cv2.line(canvas, a.astype(int).tolist(), b.astype(int).tolist(), skirting, int(rng.integers(2, 6)), cv2.LINE_AA)
    return canvas


def _picture_on_side(
    rng: np.random.Generator, canvas: Picture, hall: Hall, side: float, far: float, near: float
) -> None:
    low, high = rng.uniform(0.4, 0.5), rng.uniform(0.6, 0.75)
    fill(
        canvas,
        [hall.at(side, far, high), hall.at(side, near, high), hall.at(side, near, low), hall.at(side, far, low)],
        chosen(rng, GOODS),
    )
    near, far = near * 0.97, far * 1.03
    inner = [
        hall.at(side, far, high - 0.03),
        hall.at(side, near, high - 0.03),
        hall.at(side, near, low + 0.03),
        hall.at(side, far, low + 0.03),
    ]
    fill(canvas, inner, chosen(rng, FURNITURE) * 1.1)


def _wall_things(rng: np.random.Generator, canvas: Picture, hall: Hall, count: int | None = None) -> None:
    """Windows, pictures, doors and clocks on the back wall."""
    for _ in range(int(rng.integers(1, 5)) if count is None else count):
        x, wide, kind = rng.uniform(0.02, 0.8), rng.uniform(0.08, 0.26), rng.random()
        if kind < 0.35:  # a window: sky, something green, a frame
            low, high = rng.uniform(0.35, 0.5), rng.uniform(0.75, 0.92)
            quad = [hall.at(x, 1, high), hall.at(x + wide, 1, high), hall.at(x + wide, 1, low), hall.at(x, 1, low)]
            fill(canvas, quad, np.array([190, 214, 236]) * rng.uniform(0.5, 1.1))
            third = low + (high - low) * rng.uniform(0.2, 0.5)
            fill(
                canvas,
                [hall.at(x, 1, third), hall.at(x + wide, 1, third + 0.04), quad[2], quad[3]],
                np.array([96, 120, 84]) * rng.uniform(0.5, 1.2),
            )
            frame = rng.uniform(120, 250)
            cv2.polylines(canvas, [np.array(quad, np.int32)], True, (frame, frame, frame), 5, cv2.LINE_AA)
            middle = [hall.at(x + wide / 2, 1, high), hall.at(x + wide / 2, 1, low)]
            cv2.polylines(canvas, [np.array(middle, np.int32)], False, (frame, frame, frame), 3, cv2.LINE_AA)
        elif kind < 0.55:  # a door
            door = chosen(rng, FURNITURE)
            quad = [hall.at(x, 1, 0.75), hall.at(x + wide, 1, 0.75), hall.at(x + wide, 1), hall.at(x, 1)]
            fill(canvas, quad, door)
            cv2.polylines(canvas, [np.array(quad, np.int32)], True, (door * 0.55).tolist(), 2, cv2.LINE_AA)
        else:
            low, high = rng.uniform(0.45, 0.6), rng.uniform(0.68, 0.88)
            edge = 0.012
            fill(
                canvas,
                [hall.at(x, 1, high), hall.at(x + wide, 1, high), hall.at(x + wide, 1, low), hall.at(x, 1, low)],
                chosen(rng, FURNITURE),
            )
            for part in range(int(rng.integers(1, 4))):
                top = high - edge * 1.5 - part * (high - low) / 4
                fill(canvas, [hall.at(x + edge, 1, top), hall.at(x + wide - edge, 1, top),
                              hall.at(x + wide - edge, 1, low + 0.02),
                               hall.at(x + edge, 1, low + 0.02)], chosen(rng, GOODS))  # fmt: skip


def _lamps(rng: np.random.Generator, canvas: Picture, hall: Hall) -> None:
    across, long = rng.uniform(0.35, 0.65), rng.uniform(1.08, 1.25)
    near = 1.1
    while near < 6:
        fill(canvas, [hall.at(across - 0.12, near, 1), hall.at(across + 0.12, near, 1),
                      hall.at(across + 0.12, near * long, 1),
                       hall.at(across - 0.12, near * long, 1)], np.array([252, 250, 240]))  # fmt: skip
        near *= long * 1.35
