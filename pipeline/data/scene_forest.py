"""A forest: hills, a meadow with perhaps a lake or a path, trees near and far, a hut, a tent, a walker."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.data.scene_light import Light
from pipeline.data.scene_noise import fractal_line
from pipeline.data.scene_trees import Canvas, draw_bush, draw_tree, paint

_MEADOWS = ((86, 112, 48), (120, 124, 60), (168, 146, 80), (70, 92, 52), (118, 96, 66), (196, 198, 204))


def draw_forest(rng: np.random.Generator, light: Light, canvas: Canvas, horizon: int) -> None:
    """Draw on the `[H, W, 4]` canvas that already holds the sky; the meadow begins at row `horizon`."""
    height, width = canvas.shape[:2]
    autumn = float(rng.choice([0.0, 0.15, 0.8], p=[0.45, 0.25, 0.3]))
    _draw_hills(rng, light, canvas, horizon, autumn)
    _draw_meadow(rng, canvas, horizon, autumn)
    if rng.random() < 0.25:
        _draw_lake(rng, canvas, horizon)
    if rng.random() < 0.3:
        _draw_hut(rng, canvas, horizon)
    depths = np.sort(rng.beta(0.8, 1.6, int(rng.integers(5, 26))))
    for depth in depths:
        base_y = int(horizon + 2 + depth * (height - horizon) * 0.95)
        size = rng.uniform(18, 34) + depth * rng.uniform(50, 120)
        x = int(rng.uniform(-0.05, 1.05) * width)
        (draw_tree if rng.random() < 0.8 else draw_bush)(
            rng, canvas, x, base_y, size * (1 if depth < 0.9 else 0.8), autumn
        )
    if rng.random() < 0.35:
        _draw_tent_or_walker(rng, canvas, horizon)


def _draw_hills(rng: np.random.Generator, light: Light, canvas: Canvas, horizon: int, autumn: float) -> None:
    width = canvas.shape[1]
    layers = int(rng.integers(1, 4))
    xs = np.arange(width)
    for layer in range(layers):
        near = (layer + 1) / layers
        lift = (1 - near * 0.75) * rng.uniform(0.3, 0.7) * horizon
        ridge = horizon - lift * (0.35 + 0.65 * fractal_line(rng, width, rng.uniform(1.5, 4))) - 2
        if near > 0.6:  # the nearest ridge carries a fringe of tree tops
            ridge -= rng.uniform(2, 8) * fractal_line(rng, width, width / 6, 2)
        wood = np.array([150, 92, 40] if autumn > 0.5 and rng.random() < 0.5 else [52, 74, 46], dtype=np.float64)
        haze = np.clip(light.sky_low / np.maximum(light.ambient, 0.08), 0, 1.2) * 200
        colour = wood * near + haze * (1 - near) * 0.8 + wood * (1 - near) * 0.2
        outline = np.concatenate([np.stack([xs, ridge], 1), [[width, horizon + 3], [0, horizon + 3]]]).astype(np.int32)
        red, green, blue = (float(channel) for channel in np.clip(colour, 0, 255))
        cv2.fillPoly(canvas, [outline], paint((red, green, blue)), lineType=cv2.LINE_AA)


def _draw_meadow(rng: np.random.Generator, canvas: Canvas, horizon: int, autumn: float) -> None:
    height, width = canvas.shape[:2]
    base = np.array(_MEADOWS[int(rng.integers(len(_MEADOWS)))], dtype=np.float32)
    if autumn > 0.5 and rng.random() < 0.4:  # a floor of fallen leaves
        base = np.array((186, 98, 40), dtype=np.float32)
    shade = np.linspace(rng.uniform(0.85, 1.1), rng.uniform(0.6, 1.0), height - horizon, dtype=np.float32)
    rows = np.clip(base * shade[:, None] * rng.uniform(0.9, 1.1, 3).astype(np.float32), 0, 255)
    canvas[horizon:, :, :3] = rows[:, None].astype(np.uint8)
    canvas[horizon:, :, 3] = 0
    if rng.random() < 0.3:
        x = rng.uniform(0.2, 0.8) * width
        foot = x + rng.uniform(-0.4, 0.4) * width
        corners = np.array(
            [[x - 2, horizon], [x + 2, horizon], [foot + 40, height], [foot - 40, height]], dtype=np.int32
        )
        cv2.fillPoly(canvas, [corners], paint((160, 138, 108), rng.uniform(0.7, 1.1)), lineType=cv2.LINE_AA)


def _draw_lake(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    """Still water mirrors what stands above it, sunset included, broken up by ripples."""
    height, width = canvas.shape[:2]
    top = horizon + int(rng.integers(2, 14))
    depth = min(int(rng.integers(20, 60)), height - top, horizon)
    rows = np.clip(horizon - 1 - np.arange(depth)[:, None], 0, horizon) + np.zeros((1, width), dtype=np.int64)
    ripple = ((fractal_line(rng, depth, depth / 3, 2) - 0.5) * rng.uniform(2, 14)).astype(np.int64)
    columns = np.clip(np.arange(width)[None] + ripple[:, None], 0, width - 1)
    mirror = canvas[rows, columns]
    mirror[..., :3] = (mirror[..., :3] * np.float32(rng.uniform(0.6, 0.9))).astype(np.uint8)
    shore = np.abs(np.linspace(-1, 1, width)) ** 3 * rng.uniform(0, 10)
    wet = (np.arange(depth)[:, None] > shore[None]) & (np.arange(depth)[:, None] < depth - shore[None])
    canvas[top : top + depth][wet] = mirror[wet]


def _draw_hut(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    width = canvas.shape[1]
    x, y = int(rng.uniform(0.1, 0.85) * width), horizon + int(rng.integers(6, 40))
    wide, tall = int(rng.integers(20, 46)), int(rng.integers(12, 26))
    walls = ((150, 110, 78), (200, 190, 172), (128, 60, 44))[int(rng.integers(3))]
    roof = ((196, 84, 44), (226, 104, 34), (96, 84, 80), (150, 52, 40))[int(rng.integers(4))]
    cv2.rectangle(canvas, (x, y - tall), (x + wide, y), paint(walls), -1)
    cap = np.array([[x - 4, y - tall], [x + wide + 4, y - tall], [x + wide // 2, y - int(tall * 1.9)]], dtype=np.int32)
    cv2.fillPoly(canvas, [cap], paint(roof), lineType=cv2.LINE_AA)
    lit = 1.0 if rng.random() < 0.5 else 0.0
    pane = (255, 176, 72) if lit else (60, 66, 74)
    for i in range(2):
        left = x + 4 + i * (wide // 2)
        cv2.rectangle(canvas, (left, y - tall + 4), (left + wide // 5, y - tall // 3), paint(pane, own_light=lit), -1)


def _draw_tent_or_walker(rng: np.random.Generator, canvas: Canvas, horizon: int) -> None:
    height, width = canvas.shape[:2]
    x, y = int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(horizon + 10, height - 4))
    size = 8 + (y - horizon) * 0.25
    bright = ((240, 120, 20), (220, 50, 30), (250, 190, 40), (40, 110, 190))[int(rng.integers(4))]
    if rng.random() < 0.5:
        glow = 0.6 if rng.random() < 0.4 else 0.0  # a lamp inside
        corners = np.array([[x - size, y], [x + size, y], [x + size * 0.2, y - size]], dtype=np.int32)
        cv2.fillPoly(canvas, [corners], paint(bright, own_light=glow), lineType=cv2.LINE_AA)
        return
    cv2.rectangle(
        canvas, (int(x - size * 0.16), int(y - size * 0.5)), (int(x + size * 0.16), y), paint((40, 44, 60)), -1
    )
    cv2.rectangle(
        canvas, (int(x - size * 0.22), int(y - size)), (int(x + size * 0.22), int(y - size * 0.45)), paint(bright), -1
    )
    cv2.circle(canvas, (x, int(y - size * 1.15)), max(1, int(size * 0.15)), paint((210, 160, 130)), -1, cv2.LINE_AA)
