"""The hour and the weather of a drawn scene: light, sky, sun, clouds and fog."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.data.scene_noise import Floats, blend, fractal_noise, smoothstep

HOURS = ("day", "overcast", "sunset", "dusk", "night")
_CHANCES = (0.27, 0.2, 0.24, 0.13, 0.16)
# RGB 0..1: the top of the sky, the sky at the horizon, what lights the ground.
_SKIES: dict[str, tuple[tuple[float, ...], ...]] = {
    "day": ((0.25, 0.45, 0.78), (0.70, 0.82, 0.93), (1.0, 0.98, 0.93)),
    "overcast": ((0.55, 0.58, 0.62), (0.78, 0.79, 0.80), (0.72, 0.74, 0.77)),
    "sunset": ((0.30, 0.32, 0.52), (0.98, 0.58, 0.22), (0.72, 0.52, 0.42)),
    "dusk": ((0.10, 0.13, 0.28), (0.62, 0.36, 0.34), (0.32, 0.30, 0.38)),
    "night": ((0.015, 0.02, 0.05), (0.06, 0.07, 0.12), (0.13, 0.15, 0.21)),
}


@dataclass(frozen=True)
class Light:
    """`sky_top`, `sky_low`, `ambient`: RGB 0..1; `hour`: one of HOURS."""

    hour: str
    sky_top: Floats
    sky_low: Floats
    ambient: Floats

    @property
    def is_dark(self) -> bool:
        return self.hour in ("dusk", "night")


def choose_light(rng: np.random.Generator) -> Light:
    hour = str(rng.choice(HOURS, p=_CHANCES))
    top, low, ambient = (np.array(colour, dtype=np.float32) for colour in _SKIES[hour])
    jitter = rng.uniform(0.8, 1.2, (3, 3)).astype(np.float32)
    strength = np.float32(rng.uniform(0.75, 1.1))
    return Light(
        hour,
        np.clip(top * jitter[0], 0, 1),
        np.clip(low * jitter[1], 0, 1),
        ambient * strength * (0.5 + 0.5 * jitter[2]),
    )


def draw_sky(rng: np.random.Generator, light: Light, height: int, width: int, horizon: int) -> Floats:
    """`[height, width, 3]` RGB 0..1: gradient, clouds and sun or moon. Below the horizon the low colour goes on."""
    ramp = np.clip(np.arange(height, dtype=np.float32) / max(horizon, 1), 0, 1) ** np.float32(rng.uniform(0.8, 2.0))
    rows = light.sky_top + ramp[:, None] * (light.sky_low - light.sky_top)
    sky = np.repeat(rows[:, None], width, axis=1)
    if light.hour in ("sunset", "dusk") or rng.random() < 0.15:
        _draw_sun(rng, light, sky, horizon)
    if light.hour == "night":
        _draw_night_lights(rng, sky, horizon)
    if rng.random() < 0.75:
        _draw_clouds(rng, light, sky)
    if light.hour in ("day", "overcast") and rng.random() < 0.35:
        _draw_cloud_tower(rng, sky, horizon)
    return sky


def _draw_sun(rng: np.random.Generator, light: Light, sky: Floats, horizon: int) -> None:
    height, width = sky.shape[:2]
    centre_x = rng.uniform(0.05, 0.95) * width
    centre_y = horizon - rng.uniform(-0.1, 0.45) * horizon if light.hour != "day" else rng.uniform(0.05, 0.4) * horizon
    ys = (np.arange(height, dtype=np.float32) - np.float32(centre_y))[:, None]
    xs = (np.arange(width, dtype=np.float32) - np.float32(centre_x))[None]
    distance = np.sqrt(xs * xs + (ys * np.float32(rng.uniform(1.0, 2.2))) ** 2)
    warm = np.array([1.0, rng.uniform(0.35, 0.75), rng.uniform(0.08, 0.35)], dtype=np.float32)
    if light.hour == "day":
        warm = np.array([1.0, 0.97, 0.88], dtype=np.float32)
    blend(sky, np.exp(distance * np.float32(-1 / rng.uniform(25, 90))) * np.float32(rng.uniform(0.4, 0.95)), warm)
    radius = rng.uniform(4, 17)
    disc = np.array([1.0, rng.uniform(0.75, 0.97), rng.uniform(0.35, 0.85)], dtype=np.float32)
    blend(sky, 1 - smoothstep(distance, radius * 0.8, radius * 1.3), disc)


def _draw_night_lights(rng: np.random.Generator, sky: Floats, horizon: int) -> None:
    stars = int(rng.integers(0, 60))
    ys, xs = rng.integers(0, max(horizon, 1), stars), rng.integers(0, sky.shape[1], stars)
    sky[ys, xs] += rng.uniform(0.1, 0.6, (stars, 1)).astype(np.float32)
    if rng.random() < 0.4:
        centre = (int(rng.integers(0, sky.shape[1])), int(rng.integers(0, max(horizon // 2, 2))))
        colour = (1.0, 0.95, 0.85) if rng.random() < 0.6 else (1.0, 0.72, 0.4)
        cv2.circle(sky, centre, int(rng.integers(3, 9)), colour, -1)


def _draw_clouds(rng: np.random.Generator, light: Light, sky: Floats) -> None:
    height, width = sky.shape[:2]
    noise = fractal_noise(rng, height, width, (rng.uniform(3, 8), rng.uniform(1.5, 4)), 5)
    cover = rng.uniform(0.35, 0.7)
    lit = {
        "day": (0.97, 0.97, 0.98),
        "overcast": (0.62, 0.63, 0.66),
        "sunset": (1.0, rng.uniform(0.35, 0.65), rng.uniform(0.15, 0.45)),
        "dusk": (0.5, rng.uniform(0.2, 0.35), rng.uniform(0.25, 0.4)),
        "night": (0.09, 0.10, 0.13),
    }[light.hour]
    blend(
        sky, smoothstep(noise, cover, cover + 0.3) * np.float32(rng.uniform(0.4, 0.9)), np.array(lit, dtype=np.float32)
    )


def _draw_cloud_tower(rng: np.random.Generator, sky: Floats, horizon: int) -> None:
    """A heap of cumulus above the horizon: as grey and as tall as smoke, but it has no source and no lean."""
    height, width = sky.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    centre, spread = rng.uniform(0, width), rng.uniform(20, 60)
    for _ in range(int(rng.integers(8, 22))):
        x, y = rng.normal(centre, spread), horizon - abs(rng.normal(0, horizon * 0.28))
        cv2.circle(mask, (int(x), int(y)), int(rng.uniform(6, 20)), 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 3).astype(np.float32) / 255
    grey = rng.uniform(0.72, 0.98)
    shade = np.linspace(1.0, rng.uniform(0.6, 0.9), max(horizon, 1), dtype=np.float32)
    tones = np.full((height, width, 3), grey, dtype=np.float32)
    tones[: len(shade)] *= shade[:, None, None]
    texture = fractal_noise(rng, height, width, (8, 10), 3)
    blend(sky, soft * (np.float32(0.6) + np.float32(0.4) * texture), tones)


def draw_fog(rng: np.random.Generator, light: Light, canvas: Floats, horizon: int) -> None:
    """Haze or a bank of mist that lies level around the horizon."""
    height, width = canvas.shape[:2]
    ys = np.arange(height, dtype=np.float32)[:, None]
    centre = horizon + rng.uniform(-0.05, 0.3) * height
    band = np.exp(-(((ys - np.float32(centre)) / np.float32(rng.uniform(12, 60))) ** 2))
    drift = fractal_noise(rng, height, width, (rng.uniform(3, 9), rng.uniform(1, 3)), 4)
    alpha = (
        band
        * (np.float32(0.35) + np.float32(0.65) * smoothstep(drift, 0.25, 0.8))
        * np.float32(rng.uniform(0.25, 0.85))
    )
    grey = np.full(3, float(light.sky_low.mean()), dtype=np.float32)
    blend(canvas, alpha, np.clip((0.6 * grey + 0.4 * light.sky_low) * np.float32(rng.uniform(0.8, 1.15)), 0, 1))
