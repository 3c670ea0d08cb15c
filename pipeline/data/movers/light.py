"""The light of a clip, and what its camera makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.movers.skeleton import Array
from pipeline.data.sprites.materials import Colour


@dataclass(frozen=True)
class Light:
    """`towards` is the unit vector to the sun or lamp; `sun` and `ambient` are RGB strengths; `sky` RGB 0..255 above
    and at the horizon; `shadow` is how dark and `soft` (share of a person's height) how blurred shadows are."""

    towards: Array
    sun: Colour
    ambient: Colour
    sky: tuple[Colour, Colour]
    shadow: float
    soft: float


@dataclass(frozen=True)
class Sensor:
    """White balance `gains` of RGB, mean brightness 0..1 that it exposes for and how fully it does so, gamma, contrast,
    saturation, blur in pixels of a frame 120 high and noise in grey levels."""

    gains: Colour
    key: float
    adapts: float
    gamma: float
    contrast: float
    saturation: float
    blur: float
    noise: float


def draw_light(rng: np.random.Generator, *, indoors: bool) -> Light:
    """Sun, an overcast day, evening, night under lamps; lamps or windows indoors."""
    around = float(rng.uniform(0, 2 * np.pi))
    if indoors:
        high, sun, ambient, tint = float(rng.uniform(50, 85)), rng.uniform(0.15, 0.45), rng.uniform(0.5, 0.75), 0.08
        sky, shadow, soft = ((200, 198, 190), (200, 198, 190)), float(rng.uniform(0.15, 0.4)), 0.03
    else:
        hour = str(rng.choice(["sun", "overcast", "evening", "night"], p=[0.4, 0.28, 0.18, 0.14]))
        high = float(rng.uniform(*{"evening": (16, 28), "night": (50, 80)}.get(hour, (32, 75))))
        sun, ambient, tint, shadow, soft = {
            "sun": (rng.uniform(0.5, 0.8), rng.uniform(0.36, 0.5), 0.03, float(rng.uniform(0.35, 0.6)), 0.006),
            "overcast": (rng.uniform(0.06, 0.16), rng.uniform(0.62, 0.8), -0.03, float(rng.uniform(0.1, 0.25)), 0.05),
            "evening": (rng.uniform(0.45, 0.7), rng.uniform(0.26, 0.36), 0.2, float(rng.uniform(0.3, 0.5)), 0.008),
            "night": (rng.uniform(0.2, 0.35), rng.uniform(0.16, 0.26), 0.1, float(rng.uniform(0.3, 0.5)), 0.012),
        }[hour]
        sky = {
            "sun": ((96, 142, 206), (190, 210, 226)),
            "overcast": ((176, 180, 184), (206, 208, 208)),
            "evening": ((96, 110, 158), (236, 176, 128)),
            "night": ((14, 16, 28), (46, 42, 44)),
        }[hour]
    warmth = float(rng.normal(tint, 0.04))
    flat = np.cos(np.radians(high))
    return Light(
        np.array([flat * np.cos(around), flat * np.sin(around), np.sin(np.radians(high))]),
        (float(sun * (1 + warmth)), float(sun), float(sun * (1 - warmth))),
        (float(ambient * (1 - 0.3 * warmth)), float(ambient), float(ambient * (1 + 0.3 * warmth))),
        sky,
        shadow,
        soft,
    )


def draw_sensor(rng: np.random.Generator, light: Light) -> Sensor:
    red, blue = float(np.exp(rng.normal(0, 0.05))), float(np.exp(rng.normal(0, 0.06)))
    dark = max(0.9 - 0.75 * light.sun[1] - light.ambient[1], 0.0)
    return Sensor(
        (red, 1.0, blue),
        float(rng.uniform(0.33, 0.5)),
        float(rng.uniform(0.6, 0.85)),
        float(rng.uniform(0.85, 1.2)),
        float(rng.uniform(0.8, 1.15)),
        float(rng.choice([1.0, 0.0], p=[0.94, 0.06]) * rng.uniform(0.5, 1.1)),
        min(float(rng.gamma(1.3, 0.28)), 1.1),
        min(float(rng.gamma(1.5, 1.6)) + 8 * dark, 12.0),
    )


def photographed(scene: NDArray[np.uint8], sensor: Sensor, meter: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure, white balance, saturation, gamma, contrast, sharpness and noise of the clip's camera.

    `meter` is the mean brightness 0..1 of the place.
    """
    exposure = float(np.clip((sensor.key / max(meter, 0.02)) ** sensor.adapts, 0.4, 3.0))
    mixing = np.eye(3) * sensor.saturation + (1 - sensor.saturation) / 3
    values = np.arange(256, dtype=np.float64) / 255
    curve = (values**sensor.gamma - 0.45) * sensor.contrast + 0.45
    table = np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8)
    image = cv2.LUT(cv2.transform(scene, exposure * np.array(sensor.gains)[:, None] * mixing), table)
    blur = sensor.blur * scene.shape[0] / 120
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    if sensor.noise > 0.5:
        grain = rng.standard_normal(scene.shape[:2], dtype=np.float32) * np.float32(sensor.noise)
        rough = cv2.merge([np.rint(grain).astype(np.int16)] * 3)
        image = cv2.add(image, rough, dtype=cv2.CV_8U)
    return np.asarray(image, np.uint8)
