"""What the frames of one recording share and those of another do not: place, light, camera, pose and clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from pipeline.data.people.person import Colour

_Name = TypeVar("_Name", bound=str)

Headwear = Literal["none", "beanie", "cap", "band", "hood"]
GlassesHabit = Literal["as ever", "taken off", "other ones"]


@dataclass(frozen=True)
class Lamp:
    """A far light: unit direction towards it (x right, y down, z to the camera), RGB strength, shadows 0..1."""

    direction: tuple[float, float, float]
    strength: Colour
    hardness: float


@dataclass(frozen=True)
class Camera:
    """White balance (gains of red and blue), exposure, gamma, contrast, saturation, blur in pixels of a frame 320 high,
    noise 0..1, how near the lens is (0 is a far one without perspective)."""

    red: float
    blue: float
    exposure: float
    gamma: float
    contrast: float
    saturation: float
    blur: float
    noise: float
    nearness: float


@dataclass(frozen=True)
class Motion:
    """One slow movement through a recording: a mean and two harmonics, by amplitude and start (in turns)."""

    mean: float
    amplitudes: tuple[float, float]
    starts: tuple[float, float]

    def at(self, phase: float) -> float:
        """The value at `phase` 0..1 of the recording."""
        value = self.mean
        for cycles, (amplitude, start) in enumerate(zip(self.amplitudes, self.starts, strict=True), start=1):
            value += amplitude * np.sin(2 * np.pi * (cycles * phase + start))
        return float(value)


@dataclass(frozen=True)
class Recording:
    """Angles in degrees; `size` is the height of a unit of the head and `x`, `y` its place, as shares of the frame."""

    background_seed: int
    background_blur: float
    background_gain: Colour
    key: Lamp
    fill: Lamp
    ambient: Colour
    camera: Camera
    yaw: Motion
    pitch: Motion
    roll: Motion
    x: Motion
    y: Motion
    size: Motion
    smile: Motion
    mouth_open: Motion
    brow_lift: Motion
    eyes_open: Motion
    gaze: Motion
    headwear: Headwear
    glasses: GlassesHabit
    hair_bulk: float
    hair_tumbled: float
    cloth: Colour
    cloth_second: Colour
    collar: Literal["round", "open", "high"]
    seed: int


def draw_recording(rng: np.random.Generator) -> Recording:
    """A new recording. Light and camera vary more than people do: the colour of a pixel says little of who it is."""
    warmth = rng.normal(0, 0.13)
    key = _draw_lamp(rng, rng.uniform(-80, 80), rng.uniform(-15, 60), rng.uniform(0.3, 1.05), warmth)
    fill = _draw_lamp(rng, rng.uniform(-90, 90), rng.uniform(-40, 30), rng.uniform(0.0, 0.4), rng.normal(0, 0.16))
    ambient = _tinted(rng.uniform(0.22, 0.6), rng.normal(0, 0.08))
    cloth = _cloth(rng)
    return Recording(
        background_seed=int(rng.integers(2**31)),
        background_blur=rng.uniform(0.5, 6),
        background_gain=_tinted(rng.uniform(0.6, 1.2), warmth / 2),
        key=key,
        fill=fill,
        ambient=ambient,
        camera=_draw_camera(rng),
        yaw=_motion(rng, rng.normal(0, 12), 9, 30),
        pitch=_motion(rng, rng.normal(0, 8), 5, 17),
        roll=_motion(rng, rng.normal(0, 5), 4, 14),
        x=_motion(rng, rng.uniform(0.42, 0.58), 0.025),
        y=_motion(rng, rng.uniform(0.4, 0.52), 0.02),
        size=_motion(rng, rng.uniform(0.165, 0.29), 0.012),
        smile=_motion(rng, rng.uniform(-0.3, 0.8), 0.4),
        mouth_open=_motion(rng, rng.uniform(-0.4, 0.5), 0.4),
        brow_lift=_motion(rng, rng.uniform(-0.3, 0.4), 0.3),
        eyes_open=_motion(rng, rng.uniform(0.75, 1.1), 0.15),
        gaze=_motion(rng, rng.uniform(-0.3, 0.3), 0.35),
        headwear=_chosen(rng, ("none", "beanie", "cap", "band", "hood"), (0.76, 0.07, 0.06, 0.05, 0.06)),
        glasses=_chosen(rng, ("as ever", "taken off", "other ones"), (0.86, 0.08, 0.06)),
        hair_bulk=rng.uniform(0.7, 1.4),
        hair_tumbled=rng.uniform(-0.12, 0.12),
        cloth=cloth,
        cloth_second=_cloth(rng),
        collar=_chosen(rng, ("round", "open", "high"), (0.45, 0.35, 0.2)),
        seed=int(rng.integers(2**31)),
    )


def _draw_lamp(rng: np.random.Generator, side: float, height: float, strength: float, warmth: float) -> Lamp:
    across, up = np.radians(side), np.radians(height)
    direction = (float(np.sin(across) * np.cos(up)), float(-np.sin(up)), float(np.cos(across) * np.cos(up)))
    return Lamp(direction, _tinted(strength, warmth), rng.uniform(0.1, 1.0))


def _draw_camera(rng: np.random.Generator) -> Camera:
    return Camera(
        red=float(np.exp(rng.normal(0, 0.11))),
        blue=float(np.exp(rng.normal(0, 0.13))),
        exposure=float(np.exp(rng.normal(0, 0.22))),
        gamma=rng.uniform(0.78, 1.3),
        contrast=rng.uniform(0.75, 1.2),
        saturation=rng.uniform(0.4, 1.15),
        blur=float(rng.gamma(1.3, 0.5)),
        noise=min(float(rng.gamma(1.5, 0.007)), 0.035),
        nearness=rng.uniform(0.0, 0.16),
    )


def _motion(rng: np.random.Generator, mean: float, amplitude: float, most: float | None = None) -> Motion:
    first, second = rng.uniform(0.3, 1) * amplitude, rng.uniform(0, 0.4) * amplitude
    if most is not None:
        mean = float(np.clip(mean, -most + first + second, most - first - second))
    return Motion(mean, (first, second), (rng.random(), rng.random()))


def _tinted(strength: float, warmth: float) -> Colour:
    return (float(strength * (1 + warmth)), float(strength), float(strength * (1 - warmth)))


def _cloth(rng: np.random.Generator) -> Colour:
    value, grey = rng.uniform(25, 225), rng.random()
    red, green, blue = (float(np.clip(value * (1 + (1 - grey) * tint), 10, 240)) for tint in rng.uniform(-0.6, 0.6, 3))
    return (red, green, blue)


def _chosen(rng: np.random.Generator, names: tuple[_Name, ...], chances: tuple[float, ...]) -> _Name:
    return names[int(rng.choice(len(names), p=chances))]
