"""Flames, smoke and steam as layers: a colour, and how densely it covers each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.data.scene_noise import Floats, fractal_line, fractal_noise, smoothstep

# Heat 0..1 to colour: the dark red rim, orange, yellow, and the nearly white core.
_HEAT = np.array([0.0, 0.18, 0.4, 0.62, 0.82, 1.0], dtype=np.float32)
_HEAT_RGB = np.array(
    [
        (0.30, 0.03, 0.0),
        (0.70, 0.13, 0.02),
        (0.96, 0.38, 0.05),
        (1.0, 0.64, 0.14),
        (1.0, 0.86, 0.38),
        (1.0, 0.97, 0.80),
    ],
    dtype=np.float32,
)
_PALETTE = np.stack([np.interp(np.linspace(0, 1, 256), _HEAT, _HEAT_RGB[:, c]) for c in range(3)], axis=1).astype(
    np.float32
)


@dataclass(frozen=True)
class Layer:
    """`alpha_hw` 0..1 and `colour` (`[3]` or `[h, w, 3]`, 0..1), whose first pixel lies at (top, left) of the scene."""

    top: int
    left: int
    alpha_hw: Floats
    colour: Floats

    def cut(self, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Where the layer meets a scene of this size: (rows and columns there, rows and columns here)."""
        rows, columns = self.alpha_hw.shape
        top, bottom = max(self.top, 0), min(self.top + rows, height)
        left, right = max(self.left, 0), min(self.left + columns, width)
        if top >= bottom or left >= right:
            return None
        here = (slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left))
        return (slice(top, bottom), slice(left, right)), here


def flame(rng: np.random.Generator, x: float, base_y: float, tall: float, wide: float) -> Layer:
    """Tongues of flame above (x, base_y), about `tall` by `wide` pixels, torn by noise that is stretched upwards."""
    rows, columns = max(int(tall * 1.25), 4), max(int(wide * 1.7), 4)
    up = ((rows - np.arange(rows, dtype=np.float32)) / np.float32(tall))[:, None]
    across = ((np.arange(columns, dtype=np.float32) - columns / 2) / np.float32(wide / 2))[None]
    aspect = max(wide / tall, 0.2)
    sway = fractal_noise(rng, rows, columns, (2.5, 2.5 * aspect), 3)
    across = across + (sway - np.float32(0.5)) * np.clip(up, 0, 1.2) * np.float32(rng.uniform(0.5, 1.3))
    heat = np.full((rows, columns), -1.0, dtype=np.float32)
    tongues = int(np.clip(rng.poisson(1.2 + 2.2 * aspect), 1, 8))
    for _ in range(tongues):
        reach = rng.uniform(0.5, 1.0) if tongues > 1 else 1.0
        centre = rng.uniform(-0.75, 0.75) if tongues > 1 else 0.0
        girth = rng.uniform(0.22, 0.5) if tongues > 1 else rng.uniform(0.5, 0.9)
        taper = np.sqrt(np.clip(1 - up * np.float32(1 / reach), 0, 1)) * np.float32(girth) + np.float32(1e-3)
        side = (across - np.float32(centre)) / taper
        np.maximum(heat, 1.05 - side * side - up * np.float32(0.55 / reach), out=heat)
    torn = fractal_noise(rng, rows, columns, (4, 7 * aspect), 4)
    heat += (torn - np.float32(0.55)) * np.float32(rng.uniform(0.5, 0.95))
    heat *= smoothstep(up, 0.0, 0.08)
    heat = np.clip(heat * np.float32(rng.uniform(0.75, 1.3)), 0, 1)
    alpha = smoothstep(heat, 0.03, 0.3)
    return Layer(int(base_y) - rows, int(x - columns / 2), alpha, _PALETTE[(heat * 255).astype(np.uint8)])


def plume(
    rng: np.random.Generator,
    size_hw: tuple[int, int],
    x: float,
    base_y: float,
    tall: float,
    wide: float,
    spread: float,
    lean: float,
) -> Floats:
    """`[H, W]` 0..1: how dense a plume is that rises `tall` pixels from (x, base_y).

    It is `wide` pixels wide at its foot, grows by `spread` and drifts by `lean` pixels for each pixel of height.
    """
    height, width = size_hw
    xs = np.arange(width, dtype=np.float32)[None]
    climbed = np.float32(base_y) - np.arange(height, dtype=np.float32)
    share = np.clip(climbed / np.float32(tall), 0, 1)
    wander = (
        (fractal_line(rng, height, rng.uniform(2, 6), 3) - np.float32(0.5))
        * np.float32(wide + spread * tall * 0.7)
        * share
    )
    centre = np.float32(x) + np.float32(lean * tall) * share ** np.float32(1.3) + wander
    half = np.float32(wide / 2) + np.float32(spread * tall) * share
    side = (xs - centre[:, None]) / half[:, None]
    body = np.exp(side * side * np.float32(-1.1))
    cells = np.clip(height / max(wide + spread * tall, 4), 2, 24)
    billows = fractal_noise(rng, height, width, (float(cells), float(cells) * 1.3), 4)
    density = smoothstep(body * (np.float32(0.45) + np.float32(0.95) * billows), 0.22, 0.78)
    fade = smoothstep(climbed, -1, 4) * (1 - share ** np.float32(rng.uniform(1.2, 3.5)))
    density *= fade[:, None]
    return density
