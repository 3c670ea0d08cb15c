"""Trees and bushes, drawn on a `[H, W, 4]` uint8 canvas: RGB and how much of it is the thing's own light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Colour = tuple[float, float, float]

_GREENS: tuple[Colour, ...] = ((38, 66, 34), (58, 92, 44), (84, 108, 52), (46, 78, 60), (96, 104, 62))
_AUTUMN: tuple[Colour, ...] = (
    (224, 112, 24),
    (206, 70, 22),
    (236, 168, 36),
    (178, 46, 28),
    (240, 196, 70),
    (150, 84, 36),
)


def paint(colour: Colour, gain: float = 1.0, own_light: float = 0.0) -> tuple[float, float, float, float]:
    """The four canvas channels of an RGB colour 0..255 made lighter or darker by `gain`."""
    red, green, blue = (min(255.0, max(0.0, channel * gain)) for channel in colour)
    return red, green, blue, own_light * 255


def leaf_colour(rng: np.random.Generator, autumn: float) -> Colour:
    """A green, or with the chance `autumn` one of the flame-like colours of autumn; never twice the same."""
    red, green, blue = (_AUTUMN if rng.random() < autumn else _GREENS)[int(rng.integers(5))]
    shift = rng.uniform(0.8, 1.2, 3)
    return float(red * shift[0]), float(green * shift[1]), float(blue * shift[2])


def draw_tree(rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, size: float, autumn: float) -> None:
    """One tree whose trunk stands at (x, base_y), `size` pixels high."""
    kind = rng.random()
    if kind < 0.42:
        _draw_conifer(rng, canvas, x, base_y, size, leaf_colour(rng, autumn * 0.15))
    elif kind < 0.85:
        _draw_broadleaf(rng, canvas, x, base_y, size, leaf_colour(rng, autumn))
    else:
        _draw_bare(rng, canvas, x, base_y, size)


def draw_bush(rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, size: float, autumn: float) -> None:
    _draw_leaves(rng, canvas, x, base_y - size * 0.2, size * 0.42, size * 0.24, leaf_colour(rng, autumn), 9)


def _draw_conifer(rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, size: float, colour: Colour) -> None:
    trunk = max(1, int(size * 0.05))
    cv2.rectangle(canvas, (x - trunk // 2, int(base_y - size * 0.2)), (x + trunk // 2, base_y), paint((70, 50, 36)), -1)
    half = size * rng.uniform(0.16, 0.3)
    tiers = int(rng.integers(4, 7))
    for tier in range(tiers):
        top = base_y - size * (0.3 + 0.7 * (tier + 1) / tiers) + size * 0.02
        bottom = base_y - size * (0.12 + 0.7 * tier / tiers)
        reach = half * (1 - tier / tiers * 0.85)
        sag = rng.uniform(-0.12, 0.12, 2) * reach
        corners = np.array([[x, top], [x - reach, bottom + sag[0]], [x + reach, bottom + sag[1]]], dtype=np.int32)
        cv2.fillPoly(canvas, [corners], paint(colour, 0.75 + 0.08 * tier), lineType=cv2.LINE_AA)
        lit = np.array([[x, top], [x, bottom], [x + reach, bottom + sag[1]]], dtype=np.int32)
        cv2.fillPoly(canvas, [lit], paint(colour, 0.9 + 0.1 * tier), lineType=cv2.LINE_AA)


def _draw_broadleaf(rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, size: float, colour: Colour) -> None:
    bark: Colour = (196, 192, 180) if rng.random() < 0.2 else (74, 56, 42)
    cv2.line(canvas, (x, base_y), (x, int(base_y - size * 0.55)), paint(bark), max(1, int(size * 0.06)), cv2.LINE_AA)
    wide = size * rng.uniform(0.24, 0.4)
    _draw_leaves(rng, canvas, x, base_y - size * 0.65, wide, size * 0.34, colour, 34)


def _draw_leaves(
    rng: np.random.Generator,
    canvas: Canvas,
    x: float,
    y: float,
    half_width: float,
    half_height: float,
    colour: Colour,
    clumps: int,
) -> None:
    angles, reaches = rng.uniform(0, 2 * np.pi, clumps), np.sqrt(rng.random(clumps))
    jitter = rng.uniform(0.85, 1.15, clumps)
    radius = max(1, int(half_width * 0.27))
    # Lit from above, and the lower clumps stand behind.
    for i in np.argsort(-np.sin(angles) * reaches):
        dx, dy = float(np.cos(angles[i]) * reaches[i]), float(np.sin(angles[i]) * reaches[i])
        shade = (0.9 - 0.35 * dy) * jitter[i]
        centre = (int(x + dx * half_width), int(y + dy * half_height))
        cv2.circle(canvas, centre, max(1, int(radius * jitter[i])), paint(colour, shade), -1, cv2.LINE_AA)


def _draw_bare(rng: np.random.Generator, canvas: Canvas, x: int, base_y: int, size: float) -> None:
    bark = paint((88, 76, 66), rng.uniform(0.6, 1.3))
    top = base_y - size * 0.9
    cv2.line(canvas, (x, base_y), (x, int(top)), bark, max(1, int(size * 0.04)), cv2.LINE_AA)
    for _ in range(int(rng.integers(4, 9))):
        y = rng.uniform(top, base_y - size * 0.35)
        reach, rise = rng.uniform(-0.25, 0.25) * size, rng.uniform(0.05, 0.25) * size
        cv2.line(canvas, (x, int(y)), (int(x + reach), int(y - rise)), bark, 1, cv2.LINE_AA)
