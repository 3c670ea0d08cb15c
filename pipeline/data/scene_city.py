"""A city: a skyline, house fronts with lit windows, a road with cars, street lamps, signs and trees."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.scene_light import Light
from pipeline.data.scene_noise import fractal_line
from pipeline.data.scene_trees import Canvas, draw_tree, paint

_FRONTS = (
    (168, 84, 60),
    (198, 128, 84),
    (206, 192, 168),
    (140, 142, 148),
    (108, 96, 92),
    (220, 206, 180),
    (92, 104, 118),
)
_ROOFS = ((190, 82, 48), (222, 108, 48), (110, 92, 86), (70, 72, 80))
_PAINTS = ((200, 30, 24), (226, 96, 20), (235, 235, 235), (40, 44, 52), (60, 90, 150), (236, 190, 40), (150, 152, 156))
_LIT = ((255, 190, 92), (255, 156, 52), (255, 222, 150), (255, 128, 36))


def draw_city(rng: np.random.Generator, light: Light, canvas: Canvas, horizon: int) -> None:
    """Draw on the `[H, W, 4]` canvas that already holds the sky; the street begins at row `horizon`."""
    height, width = canvas.shape[:2]
    lit_share = float({"night": 0.4, "dusk": 0.35, "sunset": 0.2}.get(light.hour, 0.05) * rng.uniform(0.4, 1.4))
    _draw_skyline(rng, light, canvas, horizon)
    _draw_street(rng, canvas, horizon)
    x = -int(rng.integers(0, 40))
    while x < width:
        wide = int(rng.integers(30, 90))
        if rng.random() < 0.85:
            _draw_house(
                rng, canvas, x, horizon + int(rng.integers(0, 8)), wide, int(rng.uniform(0.4, 1.0) * horizon), lit_share
            )
        x += wide + int(rng.choice([0, 0, 6, 20]))
    for _ in range(int(rng.integers(0, 5))):
        draw_tree(
            rng,
            canvas,
            int(rng.uniform(0, width)),
            horizon + int(rng.integers(4, 14)),
            rng.uniform(24, 60),
            float(rng.choice([0.1, 0.7])),
        )
    for depth in np.sort(rng.random(int(rng.integers(0, 6)))):
        _draw_car(
            rng,
            light,
            canvas,
            int(rng.uniform(-0.05, 0.95) * width),
            int(horizon + 10 + depth * (height - horizon - 12)),
            depth,
        )
    for _ in range(int(rng.integers(0, 4))):
        _draw_lamp_or_sign(rng, light, canvas, horizon)
    if light.is_dark and rng.random() < 0.45:
        _draw_wet_road(rng, canvas, horizon)


def _draw_skyline(rng: np.random.Generator, light: Light, canvas: Canvas, horizon: int) -> None:
    width = canvas.shape[1]
    tone = np.clip(light.sky_low / np.maximum(light.ambient, 0.08), 0, 1.1) * 150
    red, green, blue = (float(channel) for channel in tone)
    x = 0
    while x < width:
        wide = int(rng.integers(10, 30))
        cv2.rectangle(
            canvas,
            (x, horizon - int(rng.integers(8, 60))),
            (x + wide, horizon),
            paint((red, green, blue), rng.uniform(0.7, 1.0)),
            -1,
        )
        x += wide


def _draw_street(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    height, width = canvas.shape[:2]
    grey = rng.uniform(70, 130)
    cv2.rectangle(canvas, (0, horizon), (width, height), paint((grey * 1.25, grey * 1.2, grey * 1.15)), -1)
    curb = horizon + int(rng.integers(6, 14))
    cv2.rectangle(canvas, (0, curb), (width, height), paint((grey * 0.75, grey * 0.75, grey * 0.78)), -1)
    y = int(rng.uniform(curb + 12, height - 8))
    for x in range(int(rng.integers(-20, 0)), width, 34):
        cv2.line(canvas, (x, y), (x + 16, y), paint((220, 216, 200)), 2)


def _draw_house(
    rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, wide: int, tall: int, lit_share: float
) -> None:
    front = _FRONTS[int(rng.integers(len(_FRONTS)))]
    gain = rng.uniform(0.75, 1.15)
    top = base_y - tall
    cv2.rectangle(canvas, (x, top), (x + wide, base_y), paint(front, gain), -1)
    if tall < 90 and rng.random() < 0.6:
        roof = _ROOFS[int(rng.integers(len(_ROOFS)))]
        eave = int(rng.integers(8, 22))
        corners = np.array(
            [[x - 2, top], [x + wide + 2, top], [x + wide - 10, top - eave], [x + 10, top - eave]], dtype=np.int32
        )
        cv2.fillPoly(canvas, [corners], paint(roof, rng.uniform(0.8, 1.1)), lineType=cv2.LINE_AA)
    else:
        cv2.rectangle(canvas, (x, top), (x + wide, top + 2), paint(front, gain * 0.7), -1)
    step_x, step_y = int(rng.integers(9, 17)), int(rng.integers(11, 20))
    pane_w, pane_h = int(step_x * rng.uniform(0.4, 0.65)), int(step_y * rng.uniform(0.45, 0.7))
    lit_colour = _LIT[int(rng.integers(len(_LIT)))]
    for y in range(top + 6, base_y - pane_h - 4, step_y):
        chances = rng.random(wide // step_x + 1)
        for i, left in enumerate(range(x + 4, x + wide - pane_w - 2, step_x)):
            lit = chances[i] < lit_share
            colour = (
                paint(lit_colour, 0.7 + chances[i] / max(lit_share, 1e-6) * 0.35, 1.0)
                if lit
                else paint((58, 66, 78), 0.7 + chances[i] * 0.6)
            )
            cv2.rectangle(canvas, (left, y), (left + pane_w, y + pane_h), colour, -1)


def _draw_car(rng: np.random.Generator, light: Light, canvas: Canvas, x: int, y: int, depth: float) -> None:
    wide = int(20 + depth * 44)
    tall = int(wide * 0.26)
    body = paint(_PAINTS[int(rng.integers(len(_PAINTS)))], rng.uniform(0.8, 1.1))
    cv2.ellipse(
        canvas, (x + wide // 2, y), (wide // 2 + 2, max(1, tall // 4)), 0, 0, 360, paint((34, 34, 36)), -1, cv2.LINE_AA
    )
    cv2.rectangle(canvas, (x, y - tall), (x + wide, y), body, -1)
    cabin = [
        [x + wide * 0.18, y - tall],
        [x + wide * 0.3, y - tall * 1.8],
        [x + wide * 0.72, y - tall * 1.8],
        [x + wide * 0.86, y - tall],
    ]
    cv2.fillPoly(canvas, [np.array(cabin, dtype=np.int32)], body, lineType=cv2.LINE_AA)
    glass = [
        [x + wide * 0.24, y - tall],
        [x + wide * 0.33, y - tall * 1.65],
        [x + wide * 0.69, y - tall * 1.65],
        [x + wide * 0.79, y - tall],
    ]
    cv2.fillPoly(canvas, [np.array(glass, dtype=np.int32)], paint((60, 72, 84)), lineType=cv2.LINE_AA)
    for share in (0.22, 0.78):
        cv2.circle(canvas, (int(x + wide * share), y), max(1, int(tall * 0.42)), paint((24, 24, 26)), -1, cv2.LINE_AA)
    glows = 1.0 if light.is_dark or rng.random() < 0.3 else 0.2
    lamp = max(1, wide // 14)
    front, back = (x + wide - lamp, x + lamp) if rng.random() < 0.5 else (x + lamp, x + wide - lamp)
    cv2.circle(canvas, (back, y - int(tall * 0.7)), lamp, paint((255, 40, 20), own_light=glows), -1, cv2.LINE_AA)
    cv2.circle(canvas, (front, y - int(tall * 0.6)), lamp, paint((255, 244, 205), own_light=glows), -1, cv2.LINE_AA)


def _draw_lamp_or_sign(rng: np.random.Generator, light: Light, canvas: Canvas, horizon: int) -> None:
    width = canvas.shape[1]
    x, y = int(rng.uniform(0.03, 0.97) * width), horizon + int(rng.integers(6, 26))
    tall = int(rng.integers(30, 70))
    cv2.line(canvas, (x, y), (x, y - tall), paint((60, 60, 64)), 2, cv2.LINE_AA)
    if rng.random() < 0.6:
        glows = 1.0 if light.is_dark or rng.random() < 0.2 else 0.0
        colour = ((255, 178, 76), (255, 226, 170), (255, 148, 40))[int(rng.integers(3))] if glows else (190, 190, 186)
        cv2.ellipse(
            canvas,
            (x, y - tall),
            (int(rng.integers(2, 6)), int(rng.integers(2, 5))),
            0,
            0,
            360,
            paint(colour, own_light=glows),
            -1,
            cv2.LINE_AA,
        )
        return
    board = ((236, 120, 16), (214, 30, 26), (250, 200, 30), (30, 110, 70))[int(rng.integers(4))]
    lit = 0.8 if light.is_dark and rng.random() < 0.5 else 0.0
    wide, high = int(rng.integers(8, 26)), int(rng.integers(7, 16))
    cv2.rectangle(canvas, (x - wide // 2, y - tall), (x + wide // 2, y - tall + high), paint(board, own_light=lit), -1)
    cv2.line(
        canvas,
        (x - wide // 3, y - tall + high // 2),
        (x + wide // 3, y - tall + high // 2),
        paint((245, 245, 240), own_light=lit),
        1,
    )


def _draw_wet_road(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Lights stretch downwards on wet asphalt."""
    height, width = canvas.shape[:2]
    depth = min(height - horizon - 6, horizon)
    mirror = canvas[horizon - depth : horizon][::-1].astype(np.float32)
    mirror = cv2.blur(mirror, (3, 25)) * np.float32(rng.uniform(0.3, 0.7))
    wobble = ((fractal_line(rng, depth, depth / 4, 2) - 0.5) * 8).astype(np.int64)
    columns = np.clip(np.arange(width)[None] + wobble[:, None], 0, width - 1)
    mirror = np.take_along_axis(mirror, columns[..., None], axis=1)
    road = canvas[horizon + 6 : horizon + 6 + depth]
    road[...] = np.maximum(road, mirror.astype(np.uint8))
