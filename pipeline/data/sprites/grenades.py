"""Hand grenades, fuse up: ribbed, smooth, canister and stick."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import arc, box, ellipse, limb, outline, smooth, stroke, symmetric

_SHELL = ("olive", "olive", "gunmetal", "black", "green", "tan", "grey", "bronze", "camouflage")


def draw_grenade(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    shell = pick(rng, *_SHELL)
    kind = str(rng.choice(["ribbed", "smooth", "canister", "stick"], p=[0.42, 0.26, 0.2, 0.12]))
    if kind == "stick":
        _stick_grenade(rng, relief, shell)
        return relief, view(rng, yaw=25, pitch=25, roll=35)
    if kind == "canister":
        half, tall = rng.uniform(13, 18), rng.uniform(52, 70)
        _canister(rng, relief, shell, half, tall)
    else:
        half, tall = rng.uniform(22, 29), rng.uniform(48, 68)
        _egg(rng, relief, shell, half, tall, kind == "ribbed")
    _fuse(rng, relief, pick(rng, "steel", "olive", "gunmetal", "brass", "tan"), half, tall)
    return relief, view(rng, yaw=30, pitch=20, roll=30)


def _egg(rng: np.random.Generator, relief: Relief, shell: Material, half: float, tall: float, ribbed: bool) -> None:
    neck, low = half * rng.uniform(0.35, 0.5), rng.uniform(0.3, 1.0)
    belly = half * (0.75 + 0.2 * low)
    half_line = [(neck, 0), (neck, 0), (half * 0.9, tall * 0.16), (half, tall * 0.45), (belly, tall * 0.8),
                 (half * 0.55, tall), (half * 0.3, tall)]  # fmt: skip
    body = smooth(symmetric(half_line), 2)
    relief.add(body, shell, edge=np.inf)
    if ribbed:
        _ribs(rng, relief, shell, half, tall)
    else:
        y = rng.uniform(0.25, 0.6) * tall
        if rng.random() < 0.6:
            stripe = arc(0, y - half * 0.18, half * 0.93, half * 0.22, 12, 168)
            relief.add(stroke(stripe, rng.uniform(1.5, 5)), pick(rng, "yellow", "red", "white", "black"), top=1, edge=1)
        seam = arc(0, tall * 0.5, half * 0.96, half * 0.15, 8, 172)
        relief.add(stroke(seam, 1.3), shell.shade(0.6), top=1.1, edge=0.3)


def _ribs(rng: np.random.Generator, relief: Relief, shell: Material, half: float, tall: float) -> None:
    """The pineapple: raised blocks in rows that bend with the round of the body and grow narrow at its sides."""
    rows, columns = int(rng.integers(5, 8)), int(rng.integers(5, 8))
    longitudes = np.linspace(-1.25, 1.25, columns + 1)
    for row in range(rows):
        y = tall * (0.1 + 0.84 * (row + 0.5) / rows)
        reach = half * np.sqrt(max(1 - ((y - tall * 0.46) / (tall * 0.6)) ** 2, 0.1)) * 1.02
        high = tall * 0.84 / rows * 0.4
        for a, b in pairwise(longitudes):
            left, right = reach * np.sin(a), reach * np.sin(b)
            sag = half * 0.1 * np.cos((a + b) / 2)
            inset = (right - left) * 0.1
            relief.add(box(left + inset, y - high + sag, right - inset, y + high + sag, 1.5),
                       shell.shade(rng.uniform(1.0, 1.2)),
                       top=1.5 + 2 * float(np.cos((a + b) / 2)), edge=2.2)  # fmt: skip


def _canister(rng: np.random.Generator, relief: Relief, shell: Material, half: float, tall: float) -> None:
    relief.add(box(-half, 2, half, tall, 3), shell, edge=np.inf)
    for y in (3.0, tall - 3):
        relief.add(box(-half * 1.05, y - 1.5, half * 1.05, y + 2, 1.5), shell.shade(0.8), top=0.5, edge=np.inf)
    band = pick(rng, "yellow", "red", "white", "green", "blue", "black")
    y = rng.uniform(0.2, 0.7) * tall
    relief.add(box(-half, y, half, y + rng.uniform(4, 14)), band, top=0.2, edge=0)
    if rng.random() < 0.5:
        for row in range(3):
            for x in np.array([-0.5, 0, 0.5]) * half:
                relief.add(ellipse(float(x), tall * (0.3 + 0.2 * row), half * 0.13), shell.shade(0.3), top=0.4, edge=0)


def _fuse(rng: np.random.Generator, relief: Relief, metal: Material, half: float, tall: float) -> None:
    neck, rise = rng.uniform(6.5, 9), rng.uniform(11, 16)
    relief.add(box(-neck, -rise * 0.6, neck, 3, 1), metal.shade(0.8), top=1, edge=np.inf)
    relief.add(smooth([(-neck * 0.8, -rise * 0.5), (-neck * 0.9, -rise), (neck, -rise),
                       (neck * 1.1, -rise * 0.5)], 1), metal,
               top=2, bottom=-3, edge=3)  # fmt: skip
    # The safety lever hugs the body down one side.
    away, reach = half * rng.uniform(1.02, 1.2), tall * rng.uniform(0.45, 0.85)
    lever = smooth([(-neck, -rise - 1), (neck * 0.8, -rise - 2), (neck + 5, -rise * 0.6), (away, tall * 0.18),
                    (away + 1, tall * 0.45),
                    (away - 2, reach)], 2, closed=False)  # fmt: skip
    relief.add(stroke(lever, rng.uniform(3.6, 5.2)), metal.shade(rng.uniform(0.85, 1.2)), top=3, bottom=-2, edge=1.2)
    if rng.random() < 0.85:
        radius = rng.uniform(6.5, 10)
        x, y = -neck - radius * 0.8, -rise * 0.75 + rng.uniform(-1, 6)
        ring = ellipse(x, y, radius, radius * rng.uniform(0.55, 1), turn=rng.uniform(-40, 40))
        hole = (ring - (x, y)) * 0.76 + (x, y)
        relief.add(ring, pick(rng, "steel", "brass", "gunmetal", surprise=0), top=3.5, edge=1, holes=(hole,))
        relief.add(limb((x + radius * 0.6, y), (neck, -rise * 0.75), 1, 1), metal.shade(1.2), top=3.6, edge=1)


def _stick_grenade(rng: np.random.Generator, relief: Relief, shell: Material) -> None:
    half, head, reach = rng.uniform(12, 15), rng.uniform(28, 38), rng.uniform(52, 72)
    handle = pick(rng, "wood", "pale wood", "dark wood", surprise=0.05)
    relief.add(smooth([(-4.5, head), (-4.5, head), (-4, head + reach * 0.7), (-5.5, head + reach), (5.5, head + reach),
                       (4, head + reach * 0.7), (4.5, head), (4.5, head)], 2), handle, edge=np.inf)  # fmt: skip
    relief.add(box(-5.6, head + reach - 6, 5.6, head + reach + 1, 1.5), shell.shade(0.8), top=1, edge=np.inf)
    relief.add(
        outline((-half, head - 2), (half, head - 2), (5.5, head + 7), (-5.5, head + 7)), shell.shade(0.85), edge=np.inf
    )
    relief.add(box(-half, 0, half, head, 2.5), shell, top=1, edge=np.inf)
    relief.add(box(-half * 1.03, 3, half * 1.03, 5.5, 1), shell.shade(0.7), top=1.4, edge=np.inf)
    clip = box(half * 0.5, 4, half * 0.75, head * 0.9, 1)
    relief.add(clip, pick(rng, "steel", "gunmetal", "black"), top=5, bottom=0, edge=1)
