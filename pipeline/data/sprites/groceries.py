"""Bananas, bottles and cups: distractors that share outlines and materials with guns, sticks and grenades."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import arc, box, ellipse, limb, outline, smooth, stroke, symmetric, turned

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


def draw_banana(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    peel = pick(rng, "yellow", "yellow", "green", "olive", surprise=0)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        lean, long, fat = rng.uniform(-14, 14), rng.uniform(36, 46), rng.uniform(8, 12)
        bend = rng.uniform(18, 32)
        t = np.linspace(-1, 1, 13)
        middle = np.stack([t * long, bend * (1 - t**2)], 1)
        half = fat * np.sqrt(np.maximum(1 - t**4, 0)) * 0.9 + 1.4
        shade = rng.uniform(0.85, 1.1)
        body = np.concatenate([middle + np.stack([0 * t, half], 1), (middle - np.stack([0 * t, half], 1))[::-1]])
        relief.add(turned(smooth(body, 1), lean), peel.shade(shade), edge=np.inf)
        stem = turned(np.array([[-long, 0.0], [-long - 6, -3.0], [-long - 11, -3.5]]), lean)
        relief.add(stroke(stem, 5, 4), peel.shade(0.6 * shade), top=0.5, edge=np.inf)
        relief.add(stroke(turned(outline((long, 0), (long + 3, -1)), lean), 4.4, 2.8), Material((44, 34, 24)), edge=1)
        ridge = turned(np.stack([t * long * 0.9, bend * (1 - t**2) + fat * 0.3], 1), lean)
        relief.add(stroke(ridge, 1), peel.shade(0.75 * shade), top=1, edge=0.3)
        for x, y in rng.uniform(-0.6, 0.6, (int(rng.integers(0, 8)), 2)):
            spot = turned(np.array([[x * long, bend * (1 - x**2) + y * fat]]), lean)[0]
            relief.add(ellipse(spot[0], spot[1], rng.uniform(0.6, 2), 0.8), Material((90, 62, 30)), top=1, edge=0)
    return relief, view(rng, yaw=25, pitch=25, roll=40)


def draw_bottle(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    glass = pick(rng, *_COLOURED, "blued", "bronze")
    wide, tall, neck = rng.uniform(11, 18), rng.uniform(70, 96), rng.uniform(4, 6.5)
    slope = rng.uniform(0.22, 0.46)
    relief.add(smooth(symmetric([(neck, 0), (neck, 0), (neck, tall * slope * 0.5), (wide, tall * slope),
                                 (wide, tall * 0.95),
                                 (wide * 0.9, tall), (0, tall)]), 2), glass, edge=np.inf)  # fmt: skip
    relief.add(box(-neck * 1.15, -6, neck * 1.15, rng.uniform(2, 6), 1.5), pick(rng, *_COLOURED), top=1, edge=np.inf)
    if rng.random() < 0.75:
        up = tall * rng.uniform(slope + 0.06, 0.55)
        label = pick(rng, "white", "red", "blue", "yellow", "green", "tan", surprise=0)
        relief.add(box(-wide, up, wide, up + tall * rng.uniform(0.15, 0.34)), label, top=0.3, edge=0)
        for i in range(int(rng.integers(1, 4))):
            y = up + 3 + 4 * i
            relief.add(box(-wide * 0.6, y, wide * rng.uniform(0.1, 0.7), y + 1.8), label.shade(0.4), top=1, edge=0)
    relief.add(
        limb((-wide * 0.6, tall * slope + 6), (-wide * 0.62, tall * 0.88), 1, 0.7), glass.shade(1.8), top=1, edge=1
    )
    return relief, view(rng, yaw=25, pitch=25, roll=40)


def draw_cup(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    clay = pick(rng, *_COLOURED, "wood")
    half, tall, narrow = rng.uniform(22, 28), rng.uniform(44, 62), rng.uniform(0.7, 1.0)
    lid = half * rng.uniform(0.15, 0.32)
    ring = ellipse(half * 1.05, tall * 0.48, rng.uniform(10, 14), tall * rng.uniform(0.24, 0.32))
    middle = ring.mean(axis=0)
    relief.add(ring, clay.shade(0.9), edge=3, holes=((ring - middle) * 0.62 + middle,))
    side = np.concatenate([outline((half, 0)), arc(0, tall, half * narrow, lid * 0.9, 0, 180, 14), outline((-half, 0))])
    relief.add(side, clay, top=1, edge=np.inf)
    if rng.random() < 0.6:
        relief.add(
            box(-half * 0.9, tall * 0.35, half * 0.9, tall * rng.uniform(0.45, 0.7)),
            pick(rng, *_COLOURED),
            top=1,
            edge=0,
        )
    relief.add(ellipse(0, 0, half, lid), clay.shade(1.15), top=2, edge=1.5)
    relief.add(ellipse(0, 0.5, half * 0.9, lid * 0.82), clay.shade(0.5), top=1, edge=0)
    drink = Material(((70, 40, 24), (190, 120, 50), (120, 60, 30))[int(rng.integers(3))], 0.9)
    relief.add(ellipse(0, lid * 0.35, half * 0.84, lid * 0.6), drink, top=1, edge=0)
    return relief, view(rng, yaw=20, pitch=12, roll=15)
