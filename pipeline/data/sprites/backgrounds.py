"""Backgrounds without any of the objects: a place, then the light and the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.scene_noise import Floats, fractal_noise
from pipeline.data.sprites import surfaces
from pipeline.data.sprites.backgrounds_indoor import draw_corridor, draw_room, draw_shop
from pipeline.data.sprites.backgrounds_outdoor import draw_far_city, draw_forest_path, draw_open_sky, draw_street
from pipeline.data.sprites.halls import HEIGHT, WIDTH
from pipeline.data.sprites.shapes import smooth
from pipeline.data.sprites.surfaces import Picture, chosen, lay

_PAPERS = ((236, 234, 226), (200, 60, 50), (60, 100, 170), (230, 200, 90), (90, 130, 90), (70, 68, 72), (180, 150, 120))


def draw_background(seed: int, index: int) -> NDArray[np.uint8]:
    """`[480, 640, 3]` RGB 0..255: a street, square, room, corridor, shop, forest path, table top, wall or the sky.

    None of the nine classes is in it. The pixels depend on the two arguments only.
    """
    rng = np.random.default_rng([seed, index])
    draw = PLACES[int(rng.choice(len(PLACES), p=CHANCES))]
    return _photographed(rng, draw(rng))


def _draw_table_top(rng: np.random.Generator) -> Picture:
    """A table or a floor from above or at a slant, with papers, mats and stains on it."""
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    texture = (surfaces.planks, surfaces.carpet, surfaces.tiles, surfaces.asphalt, surfaces.grass, surfaces.plaster)[
        int(rng.integers(6))
    ]
    slant, turn = rng.uniform(0, 0.6), rng.uniform(-0.5, 0.5)
    frame = np.array([[-0.2, -0.2], [1.2, -0.2], [1.2 + slant, 1.2], [-0.2 - slant, 1.2]]) - 0.5
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    lay(canvas, texture(rng), (frame * 1.5 @ spin + 0.5) * (WIDTH, HEIGHT), (rng.uniform(1.5, 3), rng.uniform(1.5, 3)))
    for _ in range(int(rng.integers(0, 7))):
        centre, size = rng.uniform(0, 1, 2) * (WIDTH, HEIGHT), rng.uniform(30, 170)
        colour = chosen(rng, _PAPERS)
        if rng.random() < 0.6:
            box = cv2.boxPoints((centre.tolist(), (size, size * rng.uniform(0.5, 1.4)), rng.uniform(0, 180))).astype(
                np.int32
            )
            _soft_shadow(canvas, box + 5)
            cv2.fillPoly(canvas, [box], colour.tolist(), cv2.LINE_AA)
            for share in np.arange(0.15, 0.9, 0.11) if rng.random() < 0.6 else ():
                a, b = box[0] + (box[1] - box[0]) * share, box[3] + (box[2] - box[3]) * share
                ends = (a + (b - a) * 0.1, a + (b - a) * rng.uniform(0.5, 0.9))
                cv2.line(
                    canvas,
                    ends[0].astype(int).tolist(),
                    ends[1].astype(int).tolist(),
                    (colour * 0.5).tolist(),
                    1,
                    cv2.LINE_AA,
                )
        else:
            axes = (int(size * 0.5), int(size * 0.5 / (1 + slant)))
            cv2.ellipse(canvas, centre.astype(int).tolist(), axes, 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)
            cv2.ellipse(
                canvas,
                centre.astype(int).tolist(),
                (axes[0] * 3 // 4, axes[1] * 3 // 4),
                0,
                0,
                360,
                (colour * 0.8).tolist(),
                2,
                cv2.LINE_AA,
            )
    for _ in range(int(rng.integers(0, 3))):  # a cable
        points = smooth(np.cumsum(rng.normal(0, 40, (9, 2)), axis=0), closed=False) + rng.uniform(0, 1, 2) * (
            WIDTH,
            HEIGHT,
        )
        cv2.polylines(
            canvas,
            [points.astype(np.int32)],
            False,
            (chosen(rng, _PAPERS) * 0.6).tolist(),
            int(rng.integers(2, 5)),
            cv2.LINE_AA,
        )
    return canvas


def _draw_wall(rng: np.random.Generator) -> Picture:
    """A wall right ahead, the ground at its foot, with posters, a window or pipes."""
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    wall = (surfaces.bricks, surfaces.plaster, surfaces.planks, surfaces.front)[int(rng.integers(4))](rng)
    foot, tilt, grow = rng.uniform(0.62, 1.05) * HEIGHT, rng.uniform(-60, 60), rng.uniform(1, 1.8)
    corners = np.array(
        [[-40, -60 - abs(tilt)], [WIDTH + 40, -60 + tilt], [WIDTH + 40, foot - tilt * 0.4], [-40, foot + tilt * 0.4]]
    )
    lay(canvas, wall, corners, (1.4 * grow, 1.0 * grow))
    floor = (surfaces.asphalt, surfaces.tiles, surfaces.soil, surfaces.grass)[int(rng.integers(4))](rng)
    lay(
        canvas,
        floor,
        np.array([corners[3], corners[2], [WIDTH * 1.6, HEIGHT + 220], [-WIDTH * 0.6, HEIGHT + 220]]),
        (3, 2),
    )
    for _ in range(int(rng.integers(0, 6))):
        left, up = rng.uniform(0, 0.9) * WIDTH, rng.uniform(0.02, 0.5) * HEIGHT
        wide, high, colour = rng.uniform(30, 140), rng.uniform(40, 150), chosen(rng, _PAPERS)
        low = min(up + high, foot - 20)
        cv2.rectangle(canvas, (int(left), int(up)), (int(left + wide), int(low)), colour.tolist(), -1)
        inner = chosen(rng, _PAPERS).tolist()
        cv2.rectangle(
            canvas,
            (int(left + wide * 0.12), int(up + (low - up) * 0.12)),
            (int(left + wide * 0.88), int(up + (low - up) * 0.55)),
            inner,
            -1,
        )
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        x, tone, thick = int(rng.uniform(0, WIDTH)), rng.uniform(60, 190), int(rng.integers(5, 14))
        cv2.line(canvas, (x, 0), (x, int(foot)), (tone, tone, tone), thick)
        cv2.line(
            canvas,
            (x - thick // 4, 0),
            (x - thick // 4, int(foot)),
            (tone * 1.25, tone * 1.25, tone * 1.25),
            max(thick // 4, 1),
        )
    return canvas


def _soft_shadow(canvas: Picture, polygon: NDArray[np.int32]) -> None:
    mask = np.full(canvas.shape[:2], 255, np.uint8)
    cv2.fillPoly(mask, [polygon], 150)
    soft = cv2.blur(mask, (9, 9))
    cv2.multiply(canvas, cv2.merge([soft] * 3), dst=canvas, scale=1 / 255)


def _photographed(rng: np.random.Generator, place: Picture) -> Picture:
    """Uneven light with the shadows of things out of the picture, white balance, contrast, sharpness and noise."""
    ys = np.linspace(-1, 1, HEIGHT // 4, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, WIDTH // 4, dtype=np.float32)[None]
    slope = rng.uniform(-0.22, 0.22, 2)
    gain: Floats = 1 + xs * np.float32(slope[0]) + ys * np.float32(slope[1])
    gain *= 1 - np.float32(rng.uniform(0, 0.22)) * (xs * xs + ys * ys)
    gain *= np.float32(1) + (fractal_noise(rng, HEIGHT // 4, WIDTH // 4, (3, 4), 2) - np.float32(0.5)) * np.float32(
        rng.uniform(0, 0.5)
    )
    if rng.random() < 0.35:  # a pool of light
        distance = (xs - np.float32(rng.uniform(-1, 1))) ** 2 + (ys - np.float32(rng.uniform(-1, 1))) ** 2
        gain += np.float32(rng.uniform(0.2, 0.6)) * np.exp(distance * np.float32(-rng.uniform(1, 6)))
    mean = max(float(place.mean()), 30.0)
    gain *= np.float32(np.clip(rng.uniform(85, 150) / mean, 0.6, 1.7))
    noise = rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32) * np.float32(rng.gamma(1.5, 1.4))
    balance = rng.normal(1, 0.045, 3)
    large = cv2.resize(gain, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        place = cv2.GaussianBlur(place, (0, 0), rng.uniform(0.5, 1.6))  # type: ignore[assignment]
    planes = [
        cv2.add(cv2.multiply(plane.astype(np.float32), large, scale=float(w)), noise)
        for plane, w in zip(cv2.split(place), balance, strict=True)
    ]
    return np.clip(cv2.merge(planes), 0, 255).astype(np.uint8)


PLACES = (
    draw_street,
    draw_far_city,
    draw_forest_path,
    draw_open_sky,
    draw_room,
    draw_corridor,
    draw_shop,
    _draw_table_top,
    _draw_wall,
)
CHANCES = (0.15, 0.08, 0.12, 0.1, 0.16, 0.09, 0.09, 0.12, 0.09)
