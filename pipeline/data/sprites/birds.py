"""Birds, flying and standing: the distractor of drones."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import ellipse, outline, smooth, stroke, turned


def draw_bird(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    feather = pick(rng, "black", "grey", "white", "tan", "bronze", "dark wood", "blued", surprise=0.05)
    pale, beak = feather.shade(rng.uniform(1.1, 1.8)), pick(rng, "orange", "yellow", "black", surprise=0)
    flies = rng.random() < 0.65
    far, near = rng.uniform(-60, -20), rng.uniform(-58, 12)
    span, chord = rng.uniform(44, 62), rng.uniform(14, 20)
    wing = smooth(
        [
            (-6, 0),
            (-12, -span * 0.5),
            (-chord * 1.4, -span),
            (-chord * 0.6, -span * 0.94),
            (chord * 0.5, -span * 0.5),
            (9, 2),
        ],
        2,
    )
    if flies:
        relief.add(turned(wing, far * 0.6 + 40), feather.shade(0.75), edge=3)
    relief.add(smooth([(-18, -2), (-46, -8), (-50, 2), (-44, 8), (-18, 7)], 1), feather.shade(0.85), edge=2)
    relief.add(
        smooth([(-26, 1), (-10, -10), (14, -10), (26, -6), (28, 4), (10, 13), (-12, 11)], 3),
        feather,
        top=1,
        edge=np.inf,
    )
    relief.add(smooth([(-8, 6), (12, 4), (22, 6), (8, 13), (-6, 11)], 2), pale, top=1.5, edge=4)
    head = (28.0, rng.uniform(-9, -4))
    relief.add(
        outline((head[0] + 6, head[1] - 2.5), (head[0] + 18, head[1] + 1.5), (head[0] + 6, head[1] + 3.5)),
        beak,
        top=1,
        edge=1.5,
    )
    relief.add(ellipse(head[0], head[1], 8.5, 7.5), feather.shade(1.1), top=2, edge=np.inf)
    relief.add(ellipse(head[0] + 3, head[1] - 1.5, 1.4), Material((16, 14, 14), 1.0), top=3, edge=1)
    if flies:
        relief.add(turned(wing, near + 10), feather.shade(0.95), top=3, edge=3)
        for share in (0.35, 0.55, 0.75):
            line = turned(
                np.array([[-9 - 4 * share, -span * share], [chord * 0.2 * share, -span * share * 0.98]]), near + 10
            )
            relief.add(stroke(line, 0.9), feather.shade(0.6), top=3.2, edge=0.3)
        return relief, view(rng, yaw=30, pitch=25, roll=25)
    relief.add(smooth([(10, -6), (-4, -8), (-34, 4), (-14, 7), (6, 5)], 2), feather.shade(0.8), top=3, edge=3)
    for x in (-2.0, 6.0):
        relief.add(stroke(outline((x, 10), (x - 1, 24), (x + 5, 25)), 1.7), beak, top=0.5, edge=1)
    return relief, view(rng, yaw=30, pitch=15, roll=12)
