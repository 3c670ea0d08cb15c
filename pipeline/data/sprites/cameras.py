"""Cameras from the front: compact, reflex, rangefinder and film camcorder."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import arc, box, ellipse, outline, smooth, stroke

_BODY = ("black", "black", "grey", "steel", "white", "red", "blue", "gunmetal")
_GLASS: tuple[tuple[float, float, float], ...] = ((26, 28, 60), (24, 50, 52), (60, 26, 52), (18, 18, 22), (58, 40, 22))


def draw_camera(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    draw = (_compact, _reflex, _rangefinder, _camcorder)[int(rng.choice(4, p=[0.32, 0.36, 0.2, 0.12]))]
    draw(rng, relief)
    return relief, view(rng, yaw=36, pitch=22, roll=12)


def _lens(
    rng: np.random.Generator, relief: Relief, x: float, y: float, radius: float, reach: float, metal: Material
) -> None:
    """A barrel of rings towards the viewer, with the glass at its end."""
    rings = int(rng.integers(2, 5))
    z = 0.0
    for ring in range(rings):
        wide = radius * (1 - 0.13 * ring / rings + (0.06 if ring % 2 else 0))
        tone = metal.shade(rng.uniform(0.7, 1.15)) if rng.random() < 0.8 else pick(rng, "steel", "red", "brass", "grey")
        relief.add(ellipse(x, y, wide), tone, top=z + reach / rings, bottom=z, edge=1.2)
        z += reach / rings
        if rng.random() < 0.5:
            relief.add(ellipse(x, y, wide * 0.93), tone.shade(0.55), top=z + 0.1, edge=0.5)
    glass = Material(_GLASS[int(rng.integers(len(_GLASS)))], 1.0, 0.02)
    inner = radius * rng.uniform(0.55, 0.72)
    relief.add(ellipse(x, y, inner * 1.12), Material((20, 20, 22), 0.4), top=z + 0.2, edge=1.5)
    relief.add(ellipse(x, y, inner), glass, top=z + 0.1, edge=inner)
    relief.add(ellipse(x, y, inner * 0.55), glass.shade(0.5), top=z + 0.1, edge=inner * 0.3)
    shine = Material((235, 240, 250), 0.2)
    relief.add(
        ellipse(x - inner * 0.35, y - inner * 0.42, inner * 0.22, inner * 0.13, turn=-40), shine, top=z + 0.2, edge=0.5
    )
    relief.add(ellipse(x + inner * 0.4, y + inner * 0.35, inner * 0.1), glass.shade(2.6), top=z + 0.2, edge=0.5)


def _compact(rng: np.random.Generator, relief: Relief) -> None:
    body, trim = pick(rng, *_BODY, "orange", "yellow", surprise=0.2), pick(rng, "grey", "steel", "black")
    wide, tall, thick = rng.uniform(88, 104), rng.uniform(52, 66), rng.uniform(14, 26)
    relief.add(box(12, -4, 26, 4, 2), trim, top=-4, bottom=-thick + 4)
    relief.add(box(0, 0, wide, tall, rng.uniform(3, 14)), body, top=0, bottom=-thick, edge=4)
    if rng.random() < 0.5:
        relief.add(smooth([(4, 5), (20, 4), (16, tall * 0.5), (20, tall - 4), (4, tall - 5)], 2), trim, top=1.5, edge=3)
    if rng.random() < 0.4:
        relief.add(box(2, 2, wide - 2, tall * rng.uniform(0.15, 0.3), 4), trim, top=0.3, edge=1)
    x, y = wide * rng.uniform(0.5, 0.68), tall * rng.uniform(0.52, 0.6)
    _lens(
        rng,
        relief,
        x,
        y,
        tall * rng.uniform(0.28, 0.4),
        rng.uniform(6, 24),
        pick(rng, "steel", "grey", "black", "gunmetal"),
    )
    flash = wide * rng.uniform(0.08, 0.3)
    relief.add(box(flash, 5, flash + 17, 14, 2), Material((228, 230, 226), 0.8), top=0.8, edge=1)
    for line in range(4):
        relief.add(
            box(flash + 3 + 3.4 * line, 6, flash + 3.8 + 3.4 * line, 13), Material((170, 174, 178)), top=0.9, edge=0
        )
    relief.add(box(wide * 0.44, 5, wide * 0.44 + 8, 11, 1), Material((22, 24, 32), 0.9), top=0.8, edge=1)
    relief.add(box(5, tall - 12, 5 + rng.uniform(10, 24), tall - 8.5), body.shade(0.45), top=0.4, edge=0)


def _reflex(rng: np.random.Generator, relief: Relief) -> None:
    body, thick = pick(rng, "black", "black", "grey", "gunmetal", "steel", "white"), rng.uniform(20, 30)
    wide, tall = rng.uniform(92, 108), rng.uniform(56, 66)
    middle = wide * rng.uniform(0.5, 0.58)
    top = rng.uniform(14, 21)
    hump = smooth([(middle - 24, 3), (middle - 15, -top), (middle - 12, -top), (middle + 12, -top), (middle + 15, -top),
                   (middle + 24, 3)], 2)  # fmt: skip
    relief.add(hump, body.shade(0.95), top=-1, bottom=-thick, edge=5)
    relief.add(ellipse(14, -2, 8, 4), body.shade(0.8), top=-6, bottom=-14, edge=2)
    relief.add(box(wide - 24, -6, wide - 10, 3, 2), body.shade(0.7), top=-6, bottom=-thick + 6, edge=2)
    relief.add(smooth([(0, 4), (10, 0), (wide - 6, 0), (wide, 8), (wide, tall - 6), (wide - 4, tall), (4, tall),
                       (0, tall - 6)], 2),
               body, top=0, bottom=-thick, edge=5)  # fmt: skip
    grip = pick(rng, "black", "grey", "leather") if rng.random() < 0.5 else body.shade(0.8)
    relief.add(
        smooth([(-2, 8), (8, 3), (20, 5), (22, tall - 4), (2, tall), (-3, tall * 0.5)], 2),
        grip,
        top=8,
        bottom=-4,
        edge=7,
    )
    if rng.random() < 0.7:
        relief.add(box(middle - 9, -top * 0.6, middle + 9, -top * 0.25, 1),
                   pick(rng, "white", "steel", "red", surprise=0),
                   top=-0.5, edge=0.5)  # fmt: skip
    _lens(rng, relief, middle, tall * 0.52, tall * rng.uniform(0.4, 0.52), rng.uniform(18, 62), body.shade(0.9))


def _rangefinder(rng: np.random.Generator, relief: Relief) -> None:
    plate, skin = (
        pick(rng, "steel", "steel", "brass", "black"),
        pick(rng, "black", "leather", "tan", "dark wood", "grey"),
    )
    wide, tall, thick = rng.uniform(94, 112), rng.uniform(52, 62), rng.uniform(16, 22)
    for x in (10.0, wide - 26, wide - 44):
        relief.add(
            box(x, -6, x + rng.uniform(9, 15), 4, 2),
            plate.shade(rng.uniform(0.8, 1.1)),
            top=-3,
            bottom=-thick + 3,
            edge=2,
        )
    relief.add(box(0, 0, wide, tall, 9), plate, top=0, bottom=-thick, edge=3)
    relief.add(box(0, tall * 0.28, wide, tall * 0.9), skin, top=0.5, edge=1)
    for x in (wide * 0.12, wide * 0.5, wide * 0.78):
        relief.add(box(x, 4, x + rng.uniform(7, 12), 11, 1), Material((24, 26, 34), 0.9), top=0.6, edge=1)
    _lens(
        rng,
        relief,
        wide * rng.uniform(0.48, 0.56),
        tall * 0.56,
        tall * rng.uniform(0.3, 0.38),
        rng.uniform(10, 26),
        plate,
    )


def _camcorder(rng: np.random.Generator, relief: Relief) -> None:
    """From the side: a long body, a lens in front, a viewfinder behind, a handle above."""
    body, thick = pick(rng, "black", "grey", "gunmetal", "steel"), rng.uniform(20, 34)
    tall = rng.uniform(30, 42)
    relief.add(stroke(smooth([(10, 2), (14, -16), (62, -18), (72, 0)], 2, closed=False), 6), body.shade(0.8),
               top=-thick * 0.35, bottom=-thick * 0.65, edge=3)  # fmt: skip
    relief.add(box(-22, -4, 12, 9, 3), body.shade(0.85), top=-4, bottom=-thick + 8, edge=3)
    relief.add(ellipse(-22, 2.5, 4, 8), Material((28, 28, 30)), top=-5, bottom=-thick + 8, edge=2)
    relief.add(box(78, tall * 0.12, 100, tall * 0.82, 3), body.shade(0.7), top=-3, bottom=-thick + 3, edge=np.inf)
    relief.add(outline((99, tall * 0.05), (112, -1), (112, tall * 0.98), (99, tall * 0.88)), body.shade(0.6),
               top=-1, bottom=-thick + 1, edge=3)  # fmt: skip
    relief.add(box(0, 0, 82, tall, 5), body, top=0, bottom=-thick, edge=4)
    relief.add(box(14, 6, 54, tall - 5, 3), body.shade(rng.uniform(0.7, 1.6)), top=2, bottom=0, edge=2)
    relief.add(stroke(arc(66, tall * 0.5, 6, 6, 0, 360), 2), pick(rng, "steel", "red", "grey"), top=1, edge=1)
    for x in (60.0, 66.0, 72.0):
        relief.add(ellipse(x, tall - 5, 1.5), pick(rng, "red", "white", "grey"), top=1, edge=1)
