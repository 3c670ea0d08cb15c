"""The skin of a face on its chart: what does not change with expression."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from pipeline.data.people import chart
from pipeline.data.people.person import Person
from pipeline.data.people.sculpture import sculpt
from pipeline.data.scene_noise import Floats, fractal_noise
from pipeline.data.sprites.shapes import ellipse

_ROSY = np.array([1.06, 0.86, 0.84], dtype=np.float32)


@lru_cache(maxsize=64)
def paint_skin(person: Person) -> chart.Chart:
    """`[H, W, 3]` RGB: skin, its marks, nostrils and beard. Copy before painting on."""
    rng = np.random.default_rng(person.skin.seed)
    base = np.array(person.skin.colour, dtype=np.float32)
    blotches = fractal_noise(rng, chart.HEIGHT, chart.WIDTH, (7, 6), 4)
    skin = np.clip(base * (np.float32(0.93) + np.float32(0.14) * blotches)[..., None], 0, 255).astype(np.uint8)
    _paint_blush(person, skin, base)
    _paint_marks(rng, person, skin, base)
    if person.skin.age > 0.35:
        _paint_wrinkles(rng, person, skin, base * np.float32(0.62))
    _paint_nostrils(person, skin, base)
    if person.beard.style != "none":
        _paint_beard(rng, person, skin)
    return skin


def _paint_blush(person: Person, skin: chart.Chart, base: Floats) -> None:
    nose, cheek = person.nose, person.skull.cheek
    for side in (-1, 1):
        chart.lay(skin, ellipse(side * cheek * 0.6, 0.3, 0.2, 0.16), base * _ROSY, person.skin.blush, blur=0.09)
    chart.lay(skin, ellipse(0, nose.tip_y, nose.wide, 0.1), base * _ROSY, 0.35 + person.skin.blush / 2, blur=0.06)


def _paint_marks(rng: np.random.Generator, person: Person, skin: chart.Chart, base: Floats) -> None:
    freckles = int(person.skin.freckles * 90)
    for x, y, size in zip(
        rng.normal(0, 0.34, freckles), rng.normal(0.22, 0.16, freckles), rng.uniform(0.008, 0.02, freckles), strict=True
    ):
        chart.lay(skin, ellipse(x, y, size, points=10), base * np.array([0.78, 0.66, 0.58]), 0.7, blur=0.005)
    for _ in range(person.skin.moles):
        x, y = rng.uniform(-0.6, 0.6), rng.uniform(0.05, 0.95)
        chart.lay(skin, ellipse(x, y, rng.uniform(0.014, 0.026), points=12), (58, 38, 30), 0.9, blur=0.005)


def _paint_wrinkles(rng: np.random.Generator, person: Person, skin: chart.Chart, dark: Floats) -> None:
    strength = (person.skin.age - 0.35) * 0.9
    x = np.linspace(-0.42, 0.42, 13)
    for y in np.linspace(-person.brows.height - 0.38, -person.brows.height - 0.13, int(rng.integers(2, 5))):
        bend = y + 0.03 * np.cos(x * 5 + rng.uniform(-1, 1)) + rng.normal(0, 0.003, 13)
        chart.line(skin, np.stack([x * rng.uniform(0.8, 1.1), bend], 1), dark, 0.012, strength, blur=0.006)
    mouth_y = person.nose.tip_y + person.mouth.below
    for side in (-1, 1):
        fold = [
            (side * (person.nose.wide + 0.03), person.nose.tip_y - 0.02),
            (side * (person.mouth.wide + 0.04), mouth_y - 0.12),
        ]
        fold += [(side * (person.mouth.wide + 0.08), mouth_y + 0.04)]
        chart.line(skin, fold, dark, 0.02, strength, blur=0.012)
        corner = person.eyes.apart + person.eyes.wide + 0.03
        for spread in (-0.07, 0.0, 0.06):
            ends = [(side * corner, spread * 0.3), (side * (corner + 0.1), spread)]
            chart.line(skin, ends, dark, 0.01, strength, blur=0.005)
        bag = [(side * (person.eyes.apart + u * 0.13), 0.13 - 0.04 * u * u) for u in np.linspace(-1, 1, 7)]
        chart.line(skin, bag, dark, 0.016, strength, blur=0.01)


def _paint_nostrils(person: Person, skin: chart.Chart, base: Floats) -> None:
    nose = person.nose
    y = nose.tip_y + 0.075 + nose.hang * 0.4
    chart.lay(skin, ellipse(0, y + 0.035, nose.wide * 0.95, 0.035), base * np.float32(0.72), 0.5, blur=0.03)
    for side in (-1, 1):
        x = side * nose.wide * 0.45
        chart.lay(
            skin,
            ellipse(x, y, nose.wide * 0.24, 0.026, turn=side * 14),
            base * np.array([0.3, 0.2, 0.18]),
            0.85,
            blur=0.01,
        )
        wing = [
            (side * nose.wide * u, nose.tip_y + v)
            for u, v in ((0.88, -0.08), (1.08, -0.01), (1.05, 0.06), (0.85, 0.09))
        ]
        chart.line(skin, wing, base * np.float32(0.6), 0.018, 0.6, blur=0.012)


def _paint_beard(rng: np.random.Generator, person: Person, skin: chart.Chart) -> None:
    style, dark = person.beard.style, person.beard.dark
    mouth_y, wide = person.nose.tip_y + person.mouth.below, person.mouth.wide
    density = np.zeros((chart.HEIGHT, chart.WIDTH), np.uint8)
    if style in ("stubble", "full"):
        density = cv2.max(density, _jaw(person))  # type: ignore[assignment]
    if style in ("moustache", "goatee", "full", "stubble"):
        low, tip = mouth_y - person.mouth.upper - 0.01, person.nose.tip_y + 0.13
        moustache = [
            (0, tip),
            (wide * 0.8, tip + 0.04),
            (wide * 1.2, mouth_y + 0.06),
            (wide * 0.9, low + 0.02),
            (0, low),
        ]
        both = moustache + [(-x, y) for x, y in moustache[::-1]]
        density = cv2.max(density, chart.mask_of(both, blur=0.02))  # type: ignore[assignment]
    if style == "goatee":
        chin = ellipse(0, person.skull.chin_y - 0.06, person.skull.chin * 0.8, 0.2)
        density = cv2.max(density, chart.mask_of(chin, blur=0.03))  # type: ignore[assignment]
    grain = fractal_noise(rng, chart.HEIGHT, chart.WIDTH, (90, 110), 2)
    thick = 0.4 * dark if style == "stubble" else dark
    mask = np.clip(density * (np.float32(0.55) + np.float32(0.6) * grain), 0, 255).astype(np.uint8)
    colour = np.array(person.hair.colour, dtype=np.float32) * (np.float32(0.6) + np.float32(0.6) * grain)[..., None]
    chart.blend(skin, mask, colour, thick)


def _jaw(person: Person) -> chart.Chart:
    """Cheeks below a line from the ears to the mouth, without the lips."""
    half = sculpt(person).outline
    mouth_y, wide, cheek = person.nose.tip_y + person.mouth.below, person.mouth.wide, person.skull.cheek
    low = half[half[:, 1] > 0.15] * (1.1, 1.0)
    inner = np.array(
        [(0.0, mouth_y + 0.13), (wide * 0.9, mouth_y + 0.1), (wide * 1.35, mouth_y - 0.12), (cheek * 0.86, 0.3)]
    )
    right = np.concatenate([inner, low, [(0.0, 1.6)]])
    return chart.mask_of(np.concatenate([right, right[::-1] * (-1, 1)]), blur=0.035)
