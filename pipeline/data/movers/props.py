"""Things that stand about: lamp posts, trees, benches, boxes."""

from __future__ import annotations

import numpy as np

from pipeline.data.movers.figure import Shapes
from pipeline.data.movers.skeleton import Array
from pipeline.data.sprites.materials import Colour

_GREYS: tuple[Colour, ...] = ((70, 72, 76), (110, 112, 110), (48, 60, 52), (150, 146, 138))
_WOODS: tuple[Colour, ...] = ((130, 92, 58), (96, 68, 46), (160, 130, 96))


def post(rng: np.random.Generator, at_xy: Array, *, slim: bool = False) -> Shapes:
    """A lamp post or, where it need not be slim, the trunk of a tree."""
    trunk = rng.random() < 0.35 and not slim
    radius = float(rng.uniform(0.1, 0.2)) if trunk else float(rng.uniform(0.035, 0.07))
    colour = _one(rng, _WOODS if trunk else _GREYS)
    foot, top = np.array([*at_xy, 0.02]), np.array([*at_xy, float(rng.uniform(2.6, 5))])
    return _shapes([([foot, top], [radius, radius * 0.8], colour)])


def bench(rng: np.random.Generator, at_xy: Array, heading: float, seat: float = 0.45) -> Shapes:
    """A bench that looks along `heading`, its seat `seat` m high, its middle at `at_xy`."""
    wood, iron, half = _one(rng, _WOODS), _one(rng, _GREYS), float(rng.uniform(0.5, 0.9))
    parts = []
    for ahead, up in (
        (-0.17, seat - 0.03),
        (0.0, seat - 0.03),
        (0.17, seat - 0.03),
        (-0.25, seat + 0.22),
        (-0.28, seat + 0.4),
    ):
        ends = [np.array([ahead, side * half, up]) for side in (-1, 1)]
        parts.append((ends, [0.045, 0.045], wood))
    for side in (-0.8, 0.8):
        for ahead in (-0.2, 0.17):
            parts.append(
                (
                    [np.array([ahead, side * half, 0.02]), np.array([ahead, side * half, seat - 0.05])],
                    [0.025, 0.025],
                    iron,
                )
            )
    turn = np.array([[np.cos(heading), np.sin(heading), 0], [-np.sin(heading), np.cos(heading), 0], [0, 0, 1]])
    middle = np.array([*at_xy, 0.0])
    return _shapes([([point @ turn + middle for point in ends], radii, colour) for ends, radii, colour in parts])


def _shapes(parts: list[tuple[list[Array], list[float], Colour]]) -> Shapes:
    spans, first = [], 0
    for points, _, colour in parts:
        spans.append((slice(first, first + len(points)), colour, 0.0))
        first += len(points)
    centres = np.array([point for points, _, _ in parts for point in points])[None]
    return Shapes(centres, np.array([radius for _, radii, _ in parts for radius in radii]), tuple(spans))


def _one(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = (
        float(c) for c in np.clip(np.array(colours[int(rng.integers(len(colours)))]) * rng.normal(1, 0.1), 8, 240)
    )
    return (red, green, blue)
