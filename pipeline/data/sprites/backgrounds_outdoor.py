"""Streets, squares, forest paths and the open sky, without anyone in them."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.scene_city import draw_city
from pipeline.data.scene_light import Light, choose_light, draw_sky
from pipeline.data.scene_noise import Floats, fractal_line, fractal_noise
from pipeline.data.scene_trees import Canvas, draw_bush, draw_tree, paint
from pipeline.data.sprites import surfaces
from pipeline.data.sprites.halls import HEIGHT, WIDTH, Hall, fill
from pipeline.data.sprites.street_things import draw_street_things
from pipeline.data.sprites.surfaces import Picture, chosen, lay


def draw_far_city(rng: np.random.Generator) -> Picture:
    """Houses and a road from across the street, drawn small and enlarged."""
    scale = float(rng.choice([1.25, 1.6, 2.0, 2.5]))
    height, width = int(HEIGHT / scale), int(WIDTH / scale)
    horizon = int(rng.uniform(0.4, 0.68) * height)
    light = _daylight(rng)
    canvas = _with_sky(rng, light, height, width, horizon)
    draw_city(rng, light, canvas, horizon)
    return _enlarged(_lit(rng, light, canvas))


def draw_street(rng: np.random.Generator) -> Picture:
    """Between two rows of houses; or a square, where they stand far apart."""
    square = rng.random() < 0.4
    wide, tall = rng.uniform(0.5, 0.85) if square else rng.uniform(0.16, 0.34), rng.uniform(0.12, 0.22)
    eye = np.array([rng.uniform(0.35, 0.65) * WIDTH, rng.uniform(0.42, 0.58) * HEIGHT])
    left = eye[0] - rng.uniform(0.3, 0.7) * wide * WIDTH
    bottom = eye[1] + rng.uniform(0.25, 0.5) * tall * HEIGHT
    hall = Hall(np.array([left, bottom - tall * HEIGHT, left + wide * WIDTH, bottom]), eye)
    light = _daylight(rng)
    canvas = np.ascontiguousarray(_with_sky(rng, light, HEIGHT, WIDTH, int(bottom))[..., :3])
    road = (surfaces.asphalt, surfaces.tiles, surfaces.soil)[int(rng.choice(3, p=[0.55, 0.35, 0.1]))]
    near, gains = 1.1 * (HEIGHT - float(eye[1])) / (bottom - float(eye[1])), rng.uniform(0.6, 1.05, 3)
    lay(
        canvas,
        road(rng),
        np.array([hall.at(0, 1), hall.at(1, 1), hall.at(1, near), hall.at(0, near)]),
        (rng.uniform(2, 4), 6),
    )
    ends = surfaces.front(rng)
    lay(
        canvas,
        ends,
        np.array([hall.at(0, 1, 1), hall.at(1, 1, 1), hall.at(1, 1), hall.at(0, 1)]),
        (2, 0.6),
        float(gains[0]),
    )
    for side in (0.0, 1.0):
        z = 1.0
        while z < near:
            far, z = z, z * rng.uniform(1.3, 2.0)
            tall = rng.uniform(1.2, 2.6)
            quad = [hall.at(side, far, tall), hall.at(side, z, tall), hall.at(side, z), hall.at(side, far)]
            if rng.random() < 0.9 and not (square and rng.random() < 0.3):
                house = surfaces.front(rng) if rng.random() < 0.5 else ends
                lay(canvas, house, np.array(quad), (1, 1), float(gains[1 + int(side)]))
        if rng.random() < 0.7 and not square:
            curb = 0.16 if side == 0 else 0.84
            fill(
                canvas,
                [hall.at(side, 1), hall.at(curb, 1), hall.at(curb, near), hall.at(side, near)],
                np.full(3, rng.uniform(90, 190)),
            )
    draw_street_things(rng, canvas, hall)
    return canvas


def draw_forest_path(rng: np.random.Generator) -> Picture:
    horizon = int(rng.uniform(0.32, 0.55) * HEIGHT)
    light, autumn = _daylight(rng), float(rng.choice([0.0, 0.1, 0.7]))
    canvas = _with_sky(rng, light, HEIGHT, WIDTH, horizon)
    ground = np.ascontiguousarray(canvas[..., :3])
    corners = np.array([[-200, horizon], [WIDTH + 200, horizon], [WIDTH * 4, HEIGHT], [-WIDTH * 3, HEIGHT]], np.float64)
    lay(ground, (surfaces.soil if autumn > 0.5 else surfaces.grass)(rng), corners, (9, 3))
    x, foot = rng.uniform(0.3, 0.7) * WIDTH, rng.uniform(0.1, 0.9) * WIDTH
    if rng.random() < 0.75:
        half = rng.uniform(70, 190)
        path = np.array([[x - 8, horizon], [x + 8, horizon], [foot + half, HEIGHT], [foot - half, HEIGHT]])
        lay(ground, surfaces.soil(rng), path, (1, 5))
    canvas[..., :3] = ground
    canvas[horizon:, :, 3] = 0
    ridge = horizon - 6 - rng.uniform(20, 90) * fractal_line(rng, WIDTH, rng.uniform(3, 8))
    outline = np.concatenate([np.stack([np.arange(WIDTH), ridge], 1), [[WIDTH, horizon + 4], [0, horizon + 4]]])
    cv2.fillPoly(canvas, [outline.astype(np.int32)], paint((70, 92, 60), rng.uniform(0.6, 1.2)), cv2.LINE_AA)
    for depth in np.sort(rng.beta(0.7, 1.8, int(rng.integers(8, 24)))):
        y = int(horizon + 3 + depth * (HEIGHT - horizon) * 0.8)
        place = rng.uniform(-0.05, 1.05) * WIDTH
        if depth > 0.25 and abs(place - (x + (foot - x) * depth)) < 90:
            continue
        size = 50 + depth * rng.uniform(280, 520) + rng.uniform(0, 40)
        (draw_tree if rng.random() < 0.75 else draw_bush)(rng, canvas, int(place), y, size, autumn)
    return _lit(rng, light, canvas)


def draw_open_sky(rng: np.random.Generator) -> Picture:
    """Mostly sky, with tree tops, roofs or a wire at the bottom."""
    horizon = int(rng.uniform(0.75, 1.0) * HEIGHT)
    light = _daylight(rng)
    canvas = _with_sky(rng, light, HEIGHT, WIDTH, horizon)
    for _ in range(int(rng.integers(2, 16))):
        draw_tree(rng, canvas, int(rng.uniform(0, WIDTH)), HEIGHT + int(rng.uniform(0, 60)), rng.uniform(60, 240), 0.1)
    for _ in range(int(rng.integers(0, 3))):
        left, top = int(rng.uniform(-0.1, 0.9) * WIDTH), HEIGHT - int(rng.uniform(30, 190))
        colour = paint(tuple(chosen(rng, ((160, 84, 66), (198, 190, 178), (120, 124, 130))).tolist()))
        cv2.rectangle(canvas, (left, top), (left + int(rng.uniform(60, 220)), HEIGHT), colour, -1)
    for _ in range(int(rng.choice([0, 0, 0, 1, 3]))):
        a, b = rng.uniform(0, 0.8, 2) * HEIGHT
        cv2.line(canvas, (0, int(a)), (WIDTH, int(b)), paint((50, 50, 54)), 1, cv2.LINE_AA)
    return _lit(rng, light, canvas)


def _daylight(rng: np.random.Generator) -> Light:
    """Any hour but night, which hides what is laid over it; evenings are rarer than in the fire scenes."""
    light = choose_light(rng)
    while light.hour == "night" or (light.hour in ("sunset", "dusk") and rng.random() < 0.6):
        light = choose_light(rng)
    return light


def _with_sky(rng: np.random.Generator, light: Light, height: int, width: int, horizon: int) -> Canvas:
    """A canvas that holds the sky only; drawn at half the size, for nothing in a sky is sharp."""
    small = draw_sky(rng, light, height // 2, width // 2, horizon // 2)
    sky = cv2.resize(np.clip(small * 255, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.merge([*cv2.split(sky), np.full((height, width), 255, np.uint8)]), np.uint8)


def _lit(rng: np.random.Generator, light: Light, canvas: Canvas) -> Picture:
    """What shines by itself stays as it is, the rest takes the light of the hour and the grain of its surface."""
    height, width = canvas.shape[:2]
    coarse = fractal_noise(rng, height // 2, width // 2, (height / 12, width / 12), 3)
    grain = np.float32(0.75) + np.float32(0.5) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    own = canvas[..., 3].astype(np.float32) * np.float32(1 / 255)
    planes = []
    for plane, strength in zip(cv2.split(canvas[..., :3]), light.ambient, strict=True):
        gain: Floats = grain * np.float32(max(float(strength), 0.4))
        gain += own * (1 - gain)
        planes.append(np.clip(plane * gain, 0, 255).astype(np.uint8))
    return cv2.merge(planes)


def _enlarged(small: Picture) -> Picture:
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]
