"""Drawn scenes of forest and city with fire, with a fire that has just begun, or with none.

Every kind of scene holds the things that only look like fire (sunsets, autumn trees, lit windows, red cars, fog,
clouds, steam), as often in one class as in another, and every picture has its own light, colour cast, contrast,
sharpness and noise: so that colours alone do not tell the classes apart.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.scene_burning import Layer, flame, plume
from pipeline.data.scene_city import draw_city
from pipeline.data.scene_forest import draw_forest
from pipeline.data.scene_light import Light, choose_light, draw_fog, draw_sky
from pipeline.data.scene_noise import Floats, blend, blurred, fractal_noise
from pipeline.data.scene_trees import draw_bush, draw_tree

HEIGHT, WIDTH = 192, 256
CLASS_NAMES = ("fire", "none", "starting_fire")
_FLAME_SEEN, _SMOKE_SEEN = 0.35, 0.3


def draw_scene(seed: int, index: int, label: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture `[192, 256, 3]` RGB 0..255 and its mask `[192, 256]`, 255 where flame or smoke is seen.

    `label` is one of CLASS_NAMES; the mask of "none" is empty. The pixels depend on the three arguments only.
    """
    rng = np.random.default_rng([seed, index, CLASS_NAMES.index(label)])
    light = choose_light(rng)
    canvas, horizon, is_forest = _draw_place(rng, light)
    seen = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    _add_steam(rng, light, canvas, horizon, is_forest)
    if label == "fire":
        _add_big_fire(rng, light, canvas, seen, horizon)
    elif label == "starting_fire":
        _add_starting_fire(rng, light, canvas, seen, horizon)
    if label != "none" and is_forest and rng.random() < 0.3:
        _add_foreground(rng, light, canvas, seen)
    return _photograph(rng, canvas), np.where(seen > 0.5, 255, 0).astype(np.uint8)


def _draw_place(rng: np.random.Generator, light: Light) -> tuple[Floats, int, bool]:
    horizon = int(rng.uniform(0.38, 0.68) * HEIGHT)
    sky = draw_sky(rng, light, HEIGHT, WIDTH, horizon)
    drawn = np.empty((HEIGHT, WIDTH, 4), dtype=np.uint8)
    drawn[..., :3] = np.clip(sky * 255, 0, 255)
    drawn[..., 3] = 255
    is_forest = bool(rng.random() < 0.55)
    (draw_forest if is_forest else draw_city)(rng, light, drawn, horizon)
    canvas = _lit(rng, light, drawn)
    if rng.random() < 0.18:
        draw_fog(rng, light, canvas, horizon)
    return canvas, horizon, is_forest


def _lit(rng: np.random.Generator, light: Light, drawn: NDArray[np.uint8]) -> Floats:
    """From what is drawn (RGB and own light) to what is seen: surface grain, the light of the hour, bloom."""
    red, green, blue, own = (plane.astype(np.float32) * np.float32(1 / 255) for plane in cv2.split(drawn))
    grain = fractal_noise(rng, HEIGHT, WIDTH, (24, 32), 3) - np.float32(0.5)
    grain = 1 + grain * np.float32(rng.uniform(0.1, 0.4))
    planes = []
    for plane, strength in zip((red, green, blue), light.ambient, strict=True):
        surface = plane * grain * strength
        planes.append(surface + own * (plane - surface))
    canvas: Floats = cv2.merge(planes)
    if light.is_dark:
        canvas += blurred(np.where(canvas > 0.5, canvas, 0), 7) * np.float32(rng.uniform(0.3, 0.9))
    return canvas


def _add_steam(rng: np.random.Generator, light: Light, canvas: Floats, horizon: int, is_forest: bool) -> None:
    """White puffs that drift level from a roof, a vent or a lake: round, bright, apart, and without a thin foot."""
    if rng.random() > 0.1:
        return
    x = rng.uniform(0, WIDTH)
    y = horizon + rng.uniform(0, 0.2) * HEIGHT if is_forest else horizon - rng.uniform(-0.1, 0.3) * HEIGHT
    puffs, side = np.zeros((HEIGHT, WIDTH), dtype=np.uint8), rng.choice([-1, 1])
    for i in range(int(rng.integers(3, 8))):
        cv2.circle(puffs, (int(x), int(y)), int(rng.uniform(3, 5) + i), 255, -1)
        x, y = x + side * rng.uniform(5, 13), y - rng.uniform(0, 3)
    density = cv2.GaussianBlur(puffs, (0, 0), 2.5).astype(np.float32) * np.float32(rng.uniform(0.4, 0.85) / 255)
    density *= np.float32(0.4) + np.float32(0.6) * fractal_noise(rng, HEIGHT, WIDTH, (16, 20), 3)
    blend(canvas, density, np.clip(np.float32(0.25) + np.float32(0.78) * light.ambient, 0, 1))


def _add_big_fire(rng: np.random.Generator, light: Light, canvas: Floats, seen: Floats, horizon: int) -> None:
    x, base_y = rng.uniform(0.12, 0.88) * WIDTH, rng.uniform(horizon + 2, HEIGHT * 0.98)
    strength = rng.uniform(0.0, 1.0)
    if rng.random() < 0.9:
        _add_smoke(
            rng, light, canvas, seen, x, base_y - 10, tall=rng.uniform(100, 230), wide=rng.uniform(20, 70),
            spread=rng.uniform(0.2, 0.55), lean=rng.uniform(-0.6, 0.6), opacity=rng.uniform(0.55, 0.97),
        )  # fmt: skip
    for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1]))):
        tall, wide = 72 + strength * 84 + rng.uniform(-8, 8), rng.uniform(30, 70) + strength * 80
        _add_flame(rng, canvas, seen, flame(rng, x, base_y, tall, wide), glow=rng.uniform(0.2, 0.7))
        x, base_y = x + rng.normal(0, 50), float(np.clip(base_y + rng.normal(0, 10), horizon + 2, HEIGHT))
        strength *= rng.uniform(0.2, 0.9)


def _add_starting_fire(rng: np.random.Generator, light: Light, canvas: Floats, seen: Floats, horizon: int) -> None:
    """A small flame, a thin plume of smoke, or both."""
    x, base_y = rng.uniform(0.08, 0.92) * WIDTH, rng.uniform(horizon + 2, HEIGHT * 0.96)
    has_flame, has_smoke = ((True, False), (False, True), (True, True))[int(rng.choice(3, p=[0.2, 0.15, 0.65]))]
    if has_smoke:
        _add_smoke(
            rng, light, canvas, seen, x, base_y - 2, tall=rng.uniform(85, 170), wide=rng.uniform(11, 22),
            spread=rng.uniform(0.12, 0.3), lean=rng.uniform(-0.5, 0.5), opacity=rng.uniform(0.78, 1.0),
        )  # fmt: skip
    if has_flame:
        tall = rng.uniform(30, 52)
        _add_flame(
            rng, canvas, seen, flame(rng, x, base_y, tall, tall * rng.uniform(0.6, 1.2)), glow=rng.uniform(0.2, 0.6)
        )


def _add_smoke(
    rng: np.random.Generator, light: Light, canvas: Floats, seen: Floats, x: float, base_y: float, *,
    tall: float, wide: float, spread: float, lean: float, opacity: float,
) -> None:  # fmt: skip
    density = plume(rng, (HEIGHT, WIDTH), x, base_y, tall, wide, spread, lean) * np.float32(opacity)
    behind = float((canvas.mean(axis=2) * density).sum() / max(float(density.sum()), 1e-6))
    # At night smoke is lit by the town and by its own fire, so that it never sinks to the black of the sky.
    lit = np.float32(0.3) + np.float32(0.75) * light.ambient
    # Smoke as grey as what is behind it cannot be seen by anyone: of six greys the one that differs most is taken.
    grey = max(rng.uniform(0.12, 0.92, 6), key=lambda value: abs(value * float(lit.mean()) - behind))
    tint = np.array([1.0, rng.uniform(0.94, 1.0), rng.uniform(0.86, 1.03)], dtype=np.float32)
    folds = np.float32(0.78) + np.float32(0.44) * fractal_noise(rng, HEIGHT, WIDTH, (9, 12), 3)[..., None]
    blend(canvas, density, np.clip(np.float32(grey) * tint * lit, 0, 1) * folds)
    np.maximum(seen, density > _SMOKE_SEEN, out=seen)


def _add_flame(rng: np.random.Generator, canvas: Floats, seen: Floats, layer: Layer, glow: float) -> None:
    places = layer.cut(HEIGHT, WIDTH)
    if places is None:
        return
    there, here = places
    emitted = np.zeros_like(canvas)
    emitted[there] = layer.alpha_hw[here][..., None] * layer.colour[here]
    rows = layer.alpha_hw.shape[0]
    canvas += blurred(emitted, max(rows * 0.45, 3)) * np.float32(glow * rng.uniform(0.7, 1.3))
    blend(canvas[there], layer.alpha_hw[here], layer.colour[here])
    np.maximum(seen[there], layer.alpha_hw[here] > _FLAME_SEEN, out=seen[there])


def _add_foreground(rng: np.random.Generator, light: Light, canvas: Floats, seen: Floats) -> None:
    """Trees between the camera and the fire; left out where they would hide most of it."""
    drawn = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    drawn[..., 3] = 255  # what a tree covers becomes 0, softly at its edge
    autumn = float(rng.choice([0.0, 0.8], p=[0.7, 0.3]))
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.uniform(0, WIDTH)), int(rng.uniform(HEIGHT * 0.9, HEIGHT * 1.2))
        (draw_tree if rng.random() < 0.6 else draw_bush)(rng, drawn, x, y, rng.uniform(60, 150), autumn)
    covered = drawn[..., 3] < 128
    if np.count_nonzero((seen > 0.5) & covered) > 0.5 * np.count_nonzero(seen > 0.5):
        return
    values = drawn.astype(np.float32) * np.float32(1 / 255)
    canvas *= values[..., 3:]
    canvas += values[..., :3] * light.ambient
    seen[covered] = 0


def _photograph(rng: np.random.Generator, canvas: Floats) -> NDArray[np.uint8]:
    """The camera: white balance, saturation, exposure, gamma, contrast, sharpness, vignette and noise."""
    saturation = rng.uniform(0.45, 1.3)
    mixing = np.eye(3) * saturation + (1 - saturation) / 3
    balance = np.array([rng.uniform(0.84, 1.18), 1.0, rng.uniform(0.84, 1.18)]) * _exposure(rng, canvas)
    image: Floats = np.clip(cv2.transform(canvas, (balance[:, None] * mixing).astype(np.float32)), 0, 1)
    image = cv2.pow(image, rng.uniform(0.75, 1.3))  # type: ignore[assignment]
    contrast, middle = rng.uniform(0.8, 1.2), rng.uniform(0.4, 0.5)
    image = image * np.float32(contrast) + np.float32(middle - 0.45 * contrast)
    if rng.random() < 0.4:
        image = blurred(image, rng.uniform(0.4, 1.0))
    if rng.random() < 0.3:
        ys, xs = (
            np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None],
            np.linspace(-1, 1, WIDTH, dtype=np.float32)[None],
        )
        shade = 1 - np.float32(rng.uniform(0.1, 0.35)) * (xs * xs + ys * ys)
        image *= cv2.merge([shade] * 3)
    noise = rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32) * np.float32(rng.gamma(1.5, 0.006))
    image += cv2.merge([noise] * 3)
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def _exposure(rng: np.random.Generator, canvas: Floats) -> float:
    """A camera lifts a dark scene, though not to full daylight."""
    mean = float(canvas.mean())
    return float(np.clip((0.4 / max(mean, 0.02)) ** 0.45, 0.8, 2.6) * rng.uniform(0.8, 1.2))
