"""What is worn over the clothes: vests and backpacks, from the front."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import CLOTHS, Material, pick, pick_cloth
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, arc, box, limb, moved, outline, smooth, stroke, symmetric

_SERVICE = ("black cloth", "olive cloth", "tan cloth", "camouflage cloth", "navy cloth", "grey cloth")


def draw_vest(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    style = str(rng.choice(["carrier", "soft", "work"], p=[0.45, 0.25, 0.3]))
    cloth = pick_cloth(rng) if style == "work" or rng.random() < 0.25 else pick(rng, *_SERVICE, surprise=0)
    wide, tall, neck = rng.uniform(29, 36), rng.uniform(74, 92), rng.uniform(9, 13)
    scoop, hole = rng.uniform(14, 30), rng.uniform(26, 38)
    _back_of_neck(relief, cloth, neck)
    _shell(relief, cloth, style, wide, tall, neck, scoop, hole)
    if style == "carrier":
        _carrier(rng, relief, cloth, wide, tall, hole)
    else:
        _zip(relief, cloth, scoop, tall)
        if style == "work":
            _stripes_and_pockets(rng, relief, cloth, wide, tall, hole)
        else:
            _side_straps(rng, relief, cloth, wide, tall, hole)
    return relief, view(rng, yaw=30, pitch=14, roll=12)


def _back_of_neck(relief: Relief, cloth: Material, neck: float) -> None:
    """The inside of the back, seen through the neck hole."""
    relief.add(smooth([(-neck - 4, 2), (-neck - 2, -3), (0, -1), (neck + 2, -3), (neck + 4, 2), (neck, 16),
                       (-neck, 16)], 2),
               cloth.shade(0.45), top=-10, edge=2)  # fmt: skip


def _shell(
    relief: Relief, cloth: Material, style: str, wide: float, tall: float, neck: float, scoop: float, hole: float
) -> None:
    shoulder = neck + (9 if style == "carrier" else 13)
    half = [(0, scoop), (neck * 0.75, scoop * 0.8), (neck, 0), (neck, 0), (shoulder, 2), (shoulder, 2),
            (shoulder - 1, hole * 0.5), (wide * 0.72, hole * 0.86), (wide, hole), (wide, hole),
            (wide * 0.97, tall * 0.7),
            (wide, tall), (wide, tall), (wide * 0.5, tall + 3), (0, tall + 3)]  # fmt: skip
    relief.add(smooth(symmetric(half), 2), cloth, top=0, bottom=-14, edge=7)


def _carrier(rng: np.random.Generator, relief: Relief, cloth: Material, wide: float, tall: float, hole: float) -> None:
    for side in (-1.0, 1.0):
        strap = outline((side * 15, 4), (side * 15, hole * 0.8))
        relief.add(stroke(strap, 8), cloth.shade(0.85), top=2, edge=1.5)
        relief.add(
            box(side * 15 - 5, hole * 0.55, side * 15 + 5, hole * 0.8, 1),
            pick(rng, "black", "grey", "tan"),
            top=3,
            edge=1,
        )
    for y in np.arange(hole + 2, tall - 2, rng.uniform(7, 9)):
        relief.add(
            box(-wide * 0.85, float(y), wide * 0.85, float(y) + 3), cloth.shade(rng.uniform(0.75, 0.9)), top=1, edge=1
        )
    if rng.random() < 0.7:
        label = pick(rng, "white cloth", "black cloth", "grey cloth", "yellow cloth", surprise=0)
        relief.add(box(-14, hole - 5, 14, hole + 3, 1), label, top=1.5, edge=0.5)
    count = int(rng.integers(2, 5))
    pouch, y = wide * 1.75 / count, tall - rng.uniform(26, 34)
    material = cloth if rng.random() < 0.7 else pick(rng, *_SERVICE, surprise=0)
    for i in range(count):
        x = -wide * 0.88 + i * pouch
        low = tall - rng.uniform(0, 5)
        relief.add(
            box(x + 1, y, x + pouch - 1, low, 2), material.shade(rng.uniform(0.85, 1.1)), top=7, bottom=0, edge=3
        )
        relief.add(box(x + 0.5, y - 2, x + pouch - 0.5, y + 9, 2), material.shade(0.8), top=8.5, bottom=6, edge=2)
        if rng.random() < 0.6:
            middle = x + pouch / 2
            relief.add(box(middle - 1.5, y + 6, middle + 1.5, y + 13, 1), material.shade(0.5), top=9, edge=0.8)
    if rng.random() < 0.35:
        relief.add(
            box(wide * 0.3, hole - 14, wide * 0.62, hole + 12, 2),
            pick(rng, "black", "grey", "olive"),
            top=7,
            bottom=0,
            edge=3,
        )
        relief.add(
            limb((wide * 0.55, hole - 30), (wide * 0.55, hole - 13), 1.1, 1.4), Material((30, 30, 32)), top=5, edge=1
        )


def _zip(relief: Relief, cloth: Material, scoop: float, tall: float) -> None:
    relief.add(stroke(outline((0, scoop), (0, tall + 2)), 2.6), cloth.shade(0.6), top=0.8, edge=1)
    relief.add(box(-1.5, scoop + 1, 1.5, scoop + 7, 1), Material((180, 180, 184), 0.8), top=2, edge=1)


def _stripes_and_pockets(
    rng: np.random.Generator, relief: Relief, cloth: Material, wide: float, tall: float, hole: float
) -> None:
    reflective = Material((206, 208, 204), 0.9, 0.05)
    if rng.random() < 0.6:
        for y in np.linspace(hole + 8, tall - 12, int(rng.integers(1, 3))):
            relief.add(box(-wide * 0.97, float(y), wide * 0.97, float(y) + 6.5), reflective, top=0.6, edge=0.8)
        if rng.random() < 0.6:
            for side in (-1.0, 1.0):
                relief.add(stroke(outline((side * 17, 4), (side * 16, hole + 8)), 5.5), reflective, top=0.7, edge=0.8)
    for side in (-1.0, 1.0):
        for y in rng.choice([hole - 6, hole + 18, tall - 26], 2, replace=False):
            left, right = sorted((side * wide * 0.2, side * wide * 0.78))
            relief.add(box(left, y, right, y + rng.uniform(14, 19), 2), cloth.shade(0.92), top=3, bottom=0, edge=2)
            relief.add(box(left - 0.5, y - 1, right + 0.5, y + 5, 1), cloth.shade(0.75), top=3.8, edge=1)


def _side_straps(
    rng: np.random.Generator, relief: Relief, cloth: Material, wide: float, tall: float, hole: float
) -> None:
    """Soft body armour: broad hook-and-loop straps come round the waist, panels are quilted."""
    for y in np.linspace(hole + 8, tall - 14, int(rng.integers(2, 4))):
        for side in (-1.0, 1.0):
            left, right = sorted((side * wide * 1.02, side * wide * rng.uniform(0.3, 0.55)))
            relief.add(box(left, float(y), right, float(y) + 7, 1.5), cloth.shade(0.7), top=2, edge=1.5)
    if rng.random() < 0.6:
        word = pick(rng, "white cloth", "yellow cloth", surprise=0)
        for i in range(int(rng.integers(4, 7))):
            x = -15 + i * 5.4
            relief.add(box(x, hole - 4, x + 3.8, hole + 3), word, top=1, edge=0.3)
            relief.add(box(x + 1.2, hole - 2.4, x + 2.6, hole + 1.4), cloth, top=1.1, edge=0)


def draw_backpack(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    cloth = pick(rng, *CLOTHS, "leather", surprise=0)
    second = cloth.shade(rng.uniform(0.6, 1.3)) if rng.random() < 0.65 else pick_cloth(rng)
    wide, tall, deep = rng.uniform(27, 36), rng.uniform(76, 98), rng.uniform(20, 32)
    for side in (-1.0, 1.0):  # the carrying straps, behind
        bow = smooth([(side * 10, 4), (side * (wide + 3), 10), (side * (wide + rng.uniform(4, 12)), tall * 0.5),
                      (side * wide * 0.8, tall)],
                     2, closed=False)  # fmt: skip
        relief.add(stroke(bow, 7), second.shade(0.8), top=-deep - 2, bottom=-deep - 5, edge=2)
    relief.add(stroke(arc(0, 3, 9, 10, 180, 360), 3.6), second.shade(0.8), top=-deep * 0.6, edge=1.5)
    _side_pockets(rng, relief, second, wide, tall, deep)
    body = smooth(symmetric([(0, 0), (wide * 0.6, 0), (wide * 0.98, tall * 0.14), (wide, tall * 0.5),
                             (wide, tall * 0.94),
                             (wide * 0.9, tall), (0, tall)]), 2)  # fmt: skip
    relief.add(body, cloth, top=0, bottom=-deep, edge=12)
    _zips_and_pocket(rng, relief, cloth, second, wide, tall)
    return relief, view(rng, yaw=36, pitch=16, roll=14)


def _side_pockets(
    rng: np.random.Generator, relief: Relief, cloth: Material, wide: float, tall: float, deep: float
) -> None:
    if rng.random() < 0.7:
        for side in (-1.0, 1.0):
            left, right = sorted((side * wide * 0.8, side * (wide + 6)))
            relief.add(
                box(left, tall * 0.58, right, tall * 0.97, 4), cloth, top=-deep * 0.3, bottom=-deep * 0.8, edge=4
            )


def _line(cloth: Material) -> Material:
    return cloth.shade(0.45)


def _zips_and_pocket(
    rng: np.random.Generator, relief: Relief, cloth: Material, second: Material, wide: float, tall: float
) -> None:
    pull = Material((186, 186, 190), 0.8)
    main: Outline = smooth([(-wide * 0.9, tall * 0.5), (-wide * 0.86, tall * 0.16), (-wide * 0.4, tall * 0.07),
                            (wide * 0.4, tall * 0.07),
                            (wide * 0.86, tall * 0.16), (wide * 0.9, tall * 0.5)], 2, closed=False)  # fmt: skip
    relief.add(stroke(main, 1.8), _line(cloth), top=0.4, edge=0.6)
    at = main[int(rng.integers(4, len(main) - 4))]
    relief.add(limb(at, moved(at, 1, 6), 1.2, 1), pull, top=2, edge=1)
    if rng.random() < 0.25:  # a flap with two buckled straps, as on a rucksack
        relief.add(smooth(symmetric([(0, -2), (wide * 0.8, 0), (wide * 1.04, tall * 0.16), (wide, tall * 0.44),
                                     (0, tall * 0.5)]), 2),
                   second, top=5, bottom=0, edge=5)  # fmt: skip
        for x in (-wide * 0.45, wide * 0.45):
            relief.add(box(x - 3, tall * 0.1, x + 3, tall * 0.72, 1), cloth.shade(0.6), top=6.5, edge=1)
            relief.add(box(x - 4, tall * 0.5, x + 4, tall * 0.57, 1), pull, top=7.5, edge=1)
        return
    up, low, side = tall * rng.uniform(0.42, 0.56), tall * rng.uniform(0.88, 0.95), wide * rng.uniform(0.68, 0.84)
    relief.add(box(-side, up, side, low, rng.uniform(4, 12)), second, top=8, bottom=0, edge=7)
    relief.add(stroke(outline((-side * 0.85, up + 7), (side * 0.85, up + 7)), 1.8), _line(second), top=8.4, edge=0.6)
    relief.add(limb((side * 0.5, up + 7), (side * 0.5 + 1, up + 13), 1.2, 1), pull, top=9.5, edge=1)
    if rng.random() < 0.5:
        relief.add(box(-9, tall * 0.2, 9, tall * rng.uniform(0.26, 0.36), 2), pick_cloth(rng), top=1, edge=1)
    if rng.random() < 0.4:
        relief.add(box(-wide * 0.98, tall * 0.36, wide * 0.98, tall * 0.39), second.shade(0.8), top=0.5, edge=0.6)
