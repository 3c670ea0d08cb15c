"""Hats, pens, phones and umbrellas: distractors that share outlines and materials with knives, sticks and cameras."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import CLOTHS, Material, pick, pick_cloth
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, arc, box, ellipse, outline, smooth, stroke

_COLOURED = (
    "black",
    "white",
    "red",
    "blue",
    "yellow",
    "orange",
    "green",
    "grey",
    "steel",
    "olive",
    "tan",
    "camouflage",
)


def draw_hat(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    cloth = pick(rng, *CLOTHS, "leather", "pale wood", surprise=0)
    half, tall = rng.uniform(24, 30), rng.uniform(26, 38)
    if rng.random() < 0.5:  # a cap
        peak = smooth(
            [
                (half * 0.1, tall - 5),
                (half * 1.1, tall - 5),
                (half * 2, tall + 2),
                (half * 1.9, tall + 6),
                (half * 0.8, tall + 3),
            ],
            2,
        )
        relief.add(peak, cloth.shade(0.8), top=1, edge=3)
        relief.add(smooth([(-half, tall), (-half, tall), (-half * 0.95, tall * 0.3), (-half * 0.3, 0),
                           (half * 0.4, 1), (half, tall * 0.4),
                           (half * 1.1, tall), (half * 1.1, tall)], 2), cloth, edge=np.inf)  # fmt: skip
        relief.add(stroke(smooth([(-half * 0.1, 1), (-half * 0.35, tall * 0.5),
                                  (-half * 0.3, tall)], 1, closed=False), 0.9),
                   cloth.shade(0.6), top=1, edge=0.3)  # fmt: skip
        relief.add(ellipse(0, 1.5, 3, 1.8), cloth.shade(0.8), top=2, edge=1.5)
        return relief, view(rng, yaw=25, pitch=15, roll=20)
    brim = half * rng.uniform(1.5, 2)
    relief.add(ellipse(0, tall, brim, rng.uniform(7, 14)), cloth.shade(0.9), edge=3)
    crown: Outline = smooth([(-half, tall + 3), (-half, tall), (-half * 0.85, 3), (-half * 0.3, 0), (0, 4),
                             (half * 0.3, 0), (half * 0.85, 3),
                             (half, tall), (half, tall + 3), (0, tall + 7)], 2)  # fmt: skip
    relief.add(crown, cloth, top=2, edge=np.inf)
    band = np.concatenate([arc(0, tall - 6, half, 6, 0, 180, 12), arc(0, tall, half * 1.02, 6, 180, 0, 12)])
    relief.add(band, pick_cloth(rng), top=3, edge=2)
    return relief, view(rng, yaw=15, pitch=15, roll=20)


def draw_pen(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    barrel, metal = pick(rng, *_COLOURED, "wood", "blued"), pick(rng, "steel", "brass", "black")
    half, long = rng.uniform(3, 4.6), rng.uniform(92, 112)
    if rng.random() < 0.4:  # a pencil
        relief.add(
            outline((long - 14, -half), (long, -0.8), (long, 0.8), (long - 14, half)),
            pick(rng, "pale wood", surprise=0),
            edge=np.inf,
        )
        relief.add(
            outline((long - 4, -1.4), (long + 1, -0.2), (long + 1, 0.2), (long - 4, 1.4)),
            barrel.shade(0.6),
            top=0.5,
            edge=1,
        )
        relief.add(box(0, -half, long - 13, half), barrel, edge=half * 0.6)
        relief.add(box(0, -half * 0.3, long - 13, half * 0.35), barrel.shade(1.3), top=0.5, edge=0.5)
        relief.add(
            box(-8, -half * 0.95, -1, half * 0.95, 2), pick(rng, "red", "white", "blue", surprise=0), edge=np.inf
        )
        relief.add(box(-3, -half * 1.05, 3, half * 1.05), metal, top=0.5, edge=np.inf)
        return relief, view(rng, yaw=40, pitch=40, roll=40)
    relief.add(smooth([(long - 12, -half), (long - 12, -half), (long, -1), (long + 4, -0.6), (long + 4, 0.6),
                       (long, 1), (long - 12, half),
                       (long - 12, half)], 1), metal, edge=np.inf)  # fmt: skip
    relief.add(box(0, -half, long - 11, half, 2), barrel, edge=np.inf)
    relief.add(box(long * 0.42, -half * 1.05, long * 0.42 + 3, half * 1.05), metal, top=0.5, edge=np.inf)
    relief.add(box(-5, -half * 0.55, 1, half * 0.55, 1.5), metal, edge=np.inf)
    clip = smooth(
        [(2, -half * 0.7), (2, -half - 1.4), (long * 0.36, -half - 1), (long * 0.38, -half + 0.6)], 1, closed=False
    )
    relief.add(stroke(clip, 2), metal, top=2, edge=1)
    return relief, view(rng, yaw=40, pitch=40, roll=40)


def draw_phone(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    case = pick(rng, *_COLOURED)
    wide, tall, thick = rng.uniform(44, 54), rng.uniform(88, 106), rng.uniform(5, 9)
    corner = rng.uniform(5, 11)
    relief.add(
        box(-1, tall * 0.25, wide + 1, tall * 0.35, 1), case.shade(0.7), top=-thick * 0.3, bottom=-thick * 0.7, edge=1
    )
    relief.add(box(0, 0, wide, tall, corner), case, top=0, bottom=-thick, edge=2)
    if rng.random() < 0.6:  # the screen
        screen = Material((18, 20, 26), 1.0) if rng.random() < 0.5 else pick(rng, "blue", "white", "grey", "green")
        rim = rng.uniform(1.5, 4)
        relief.add(box(rim, rim * 2, wide - rim, tall - rim * 2, corner * 0.7), screen, top=0.2, edge=0.3)
        if rng.random() < 0.6:
            for y in np.arange(rim * 2 + 8, tall - 24, 13):
                for x in np.linspace(rim + 5, wide - rim - 13, 4):
                    relief.add(
                        box(float(x), float(y), float(x) + 7.5, float(y) + 7.5, 2),
                        pick(rng, *_COLOURED[:7]),
                        top=0.3,
                        edge=0,
                    )
        return relief, view(rng, yaw=38, pitch=28, roll=35)
    left = 5.0 if rng.random() < 0.7 else wide / 2 - 9
    high = rng.uniform(16, 30)
    relief.add(box(left, 5, left + 18, 5 + high, 5), case.shade(0.75), top=1.5, bottom=0, edge=1.5)
    for y in np.arange(10, 5 + high - 4, 9):
        relief.add(ellipse(left + 6, float(y), 3.4), Material((20, 22, 30), 1.0), top=2.4, edge=2)
    relief.add(ellipse(left + 13.5, 10, 1.6), Material((240, 236, 214), 0.6), top=2, edge=1)
    return relief, view(rng, yaw=38, pitch=28, roll=35)


def draw_umbrella(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    cloth = pick(rng, *CLOTHS, surprise=0)
    shaft, handle = pick(rng, "steel", "black", "wood"), pick(rng, "wood", "dark wood", "black", "red")
    long = rng.uniform(84, 100)
    hook = arc(8, long - 8, 8, 8, 180, rng.uniform(10, 40), 8)
    hook = np.concatenate([outline((0, long - 24)), hook])
    relief.add(stroke(outline((0, -6), (0, long - 20)), 2.6), shaft, edge=np.inf)
    relief.add(stroke(hook, 4.6), handle, top=0.5, edge=np.inf)
    if rng.random() < 0.5:  # closed
        relief.add(smooth([(-2, -2), (2, -2), (8, 26), (9, long * 0.55), (3, long * 0.68), (-3, long * 0.68),
                           (-9, long * 0.55),
                           (-8, 26)], 2), cloth, top=1, edge=np.inf)  # fmt: skip
        for x in (-5.0, 0.5, 5.0):
            relief.add(stroke(outline((x * 0.2, 3), (x, long * 0.58)), 1.2), cloth.shade(0.6), top=1.2, edge=0.4)
        relief.add(box(-9, long * 0.34, 9, long * 0.38, 1), cloth.shade(0.75), top=2, edge=1)
        return relief, view(rng, yaw=30, pitch=30, roll=60)
    wide, deep = rng.uniform(46, 60), rng.uniform(28, 44)
    second = pick_cloth(rng) if rng.random() < 0.4 else cloth
    ribs = np.linspace(-1, 1, 7)
    for i in range(6):
        a, b = ribs[i] * wide, ribs[i + 1] * wide
        left = [(a * (1 - u) ** 0.6, deep * (1 - u * u * 0.5 - u * 0.5)) for u in np.linspace(0, 1, 6)]
        right = [(b * (1 - u) ** 0.6, deep * (1 - u * u * 0.5 - u * 0.5)) for u in np.linspace(1, 0, 6)]
        gore = outline(*left, *right, ((a + b) / 2, deep - 5))
        relief.add(gore, (cloth if i % 2 else second).shade(1.1 - 0.1 * i), top=2, edge=4)
    return relief, view(rng, yaw=25, pitch=25, roll=40)
