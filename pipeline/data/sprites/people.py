"""People, whole: standing, walking, running, with raised arms; from the front, from behind, from the side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.data.sprites.materials import Material, pick, pick_cloth, pick_skin
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, box, ellipse, limb, moved, outline, smooth, stroke

_HAIR: tuple[tuple[float, float, float], ...] = (
    (28, 22, 20),
    (60, 40, 28),
    (110, 76, 44),
    (196, 164, 104),
    (150, 150, 150),
    (120, 52, 28),
)


@dataclass(frozen=True)
class _Figure:
    """Half widths in hundredths of the figure's height; `side`: seen from the side; `facing`: the face shows."""

    skin: Material
    hair: Material
    shirt: Material
    trousers: Material
    shoes: Material
    shoulder: float
    hip: float
    side: bool
    facing: bool
    long_hair: bool


def draw_person(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    side = bool(rng.random() < 0.35)
    build = rng.uniform(0.85, 1.25)
    dark = pick(rng, "black", "leather", "white", "grey", "red", surprise=0)
    hair = Material(_HAIR[int(rng.integers(len(_HAIR)))], 0.3, 0.2, "leather")
    figure = _Figure(
        pick_skin(rng), hair, pick_cloth(rng), pick_cloth(rng), dark,
        shoulder=(7.5 if side else 11.5) * build, hip=(6.5 if side else 7.8) * build, side=side,
        facing=bool(rng.random() < 0.7), long_hair=bool(rng.random() < 0.35),
    )  # fmt: skip
    lean = rng.uniform(-4, 9) if side else rng.uniform(-2, 2)
    hip, neck = np.array([0.0, 51.0]), np.array([lean, 17.5])
    stride = rng.uniform(0, 34) if side else rng.uniform(2, 12)
    arms = _arm_angles(rng, side, stride)
    order = (0, 1) if rng.random() < 0.5 else (1, 0)
    bare = bool(rng.random() < 0.35)
    if side:
        _arm(relief, figure, neck, order[0], arms, bare)
    for i in order:
        _leg(rng, relief, figure, hip, i, stride)
    falls_behind = figure.facing or figure.side
    if figure.long_hair and falls_behind:
        _long_hair(relief, figure, neck)
    _torso(rng, relief, figure, neck)
    _head(rng, relief, figure, neck)
    if figure.long_hair and not falls_behind:
        _long_hair(relief, figure, neck)
    if not side:
        _arm(relief, figure, neck, order[0], arms, bare)
    _arm(relief, figure, neck, order[1], arms, bare)
    return relief, view(rng, yaw=14, pitch=18, roll=7)


def _arm_angles(rng: np.random.Generator, side: bool, stride: float) -> list[tuple[float, float]]:
    """For each arm the angles of upper and lower arm from straight down, outwards or forwards positive."""
    if side:
        swing = stride * rng.uniform(0.6, 1.3)
        bend = rng.uniform(5, 80)
        return [(swing, swing + bend), (-swing, -swing + bend)]
    pose = rng.choice(["down", "hips", "one up", "both up", "out"], p=[0.5, 0.16, 0.14, 0.1, 0.1])
    down = [(float(rng.uniform(4, 22)), float(rng.uniform(-6, 22))) for _ in range(2)]
    up = [(float(rng.uniform(110, 160)), float(rng.uniform(150, 200))) for _ in range(2)]
    if pose == "hips":
        return [
            (float(rng.uniform(35, 55)), float(rng.uniform(-60, -35))),
            down[1] if rng.random() < 0.5 else (45.0, -45.0),
        ]
    if pose == "one up":
        return [up[0], down[1]]
    if pose == "both up":
        return up
    if pose == "out":
        return [(float(rng.uniform(60, 95)), float(rng.uniform(50, 130))) for _ in range(2)]
    return down


def _towards(degrees: float, sign: float) -> Outline:
    direction: Outline = np.array([sign * np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    return direction


def _leg(rng: np.random.Generator, relief: Relief, figure: _Figure, hip: Outline, which: int, stride: float) -> None:
    sign = -1.0 if which == 0 else 1.0
    start = moved(hip, 0.0 if figure.side else sign * figure.hip * 0.5, 1)
    angle = sign * stride if figure.side else stride * 0.5
    # A knee bends backwards only: the leg behind lifts its foot.
    knee_bend = (
        (stride * rng.uniform(0.3, 1.4) if sign < 0 else rng.uniform(0, 6)) if figure.side else rng.uniform(-4, 2)
    )
    way = 1.0 if figure.side else sign
    knee = start + 22.5 * _towards(angle, way)
    ankle = knee + 22 * _towards(angle - knee_bend, way)
    tone = figure.trousers.shade(0.8 if which == 0 and figure.side else 1.0)
    thick = figure.hip * 0.62
    toe = (6.5, 1.5) if figure.side else (sign * 2.2, 3.4)
    relief.add(limb(moved(ankle, 0, 2.4), moved(ankle, *toe), 2.3, 1.9), figure.shoes, edge=np.inf)
    bare = figure.trousers.pattern == "woven" and stride > 20
    relief.add(limb(knee, ankle, thick * 0.62, 2.4 if bare else 3.1), figure.skin if bare else tone, edge=np.inf)
    relief.add([limb(start, knee, thick, thick * 0.74)], tone, top=0.4, edge=np.inf)


def _arm(
    relief: Relief, figure: _Figure, neck: Outline, which: int, angles: list[tuple[float, float]], bare: bool
) -> None:
    sign = -1.0 if which == 0 else 1.0
    shoulder = moved(neck, 0.0 if figure.side else sign * (figure.shoulder - 2.2), 4.0)
    upper, lower = angles[which]
    way = 1.0 if figure.side else sign
    elbow = shoulder + 15.5 * _towards(upper, way)
    hand = elbow + 14 * _towards(lower, way)
    sleeve = figure.shirt.shade(0.78 if which == 0 and figure.side else 0.95)
    palm = hand + 2 * _towards(lower, way)
    relief.add(ellipse(palm[0], palm[1], 2.3, 2.9), figure.skin, top=1.5, edge=np.inf)
    relief.add(limb(elbow, hand, 2.6, 1.9), figure.skin if bare else sleeve, top=1.5, edge=np.inf)
    relief.add(limb(shoulder, elbow, 3.7, 2.9), sleeve, top=2, edge=np.inf)


def _torso(rng: np.random.Generator, relief: Relief, figure: _Figure, neck: Outline) -> None:
    wide, base, lean = figure.shoulder, figure.hip, float(neck[0])
    hem = float(rng.choice([53.0, 56.0, 60.0, 70.0], p=[0.4, 0.3, 0.2, 0.1]))
    if rng.random() < 0.18:
        flare = base * rng.uniform(1.2, 1.9)
        relief.add(smooth([(-base * 0.8, 46), (base * 0.8, 46), (flare, 72), (flare, 72), (-flare, 72),
                           (-flare, 72)], 1),
                   figure.trousers, top=1, edge=6)  # fmt: skip
    relief.add(limb(moved(neck, 0, -3), moved(neck, 0, 3), 2.6, 3), figure.skin.shade(0.85), edge=np.inf)
    left, right = -base * 1.06, base * 1.06
    shape = smooth([(lean - 3.4, 16.5), (lean + 3.4, 16.5), (lean + wide * 0.8, 19), (lean + wide, 24),
                    (lean * 0.5 + wide * 0.8, 36),
                    (right * 0.95, 46), (right, hem), (right, hem), (left, hem), (left, hem), (left * 0.95, 46),
                    (lean * 0.5 - wide * 0.8, 36), (lean - wide, 24), (lean - wide * 0.8, 19)], 2)  # fmt: skip
    relief.add(shape, figure.shirt, top=1, edge=7)
    if rng.random() < 0.45 and not figure.side and figure.facing:
        relief.add(stroke(outline((lean, 19), (0, hem)), 0.9), figure.shirt.shade(0.5), top=1.4, edge=0.3)
        inner = pick_cloth(rng)
        relief.add(outline((lean - 3, 16.6), (lean + 3, 16.6), (lean, 27)), inner, top=1.5, edge=0.5)
    elif rng.random() < 0.3:
        y = rng.uniform(24, 34)
        relief.add(box(-wide * 0.5, y, wide * 0.5, y + rng.uniform(3, 9), 1), pick_cloth(rng), top=1.3, edge=0)
    if hem < 54:
        relief.add(
            box(left * 0.97, hem - 2.4, right * 0.97, hem), pick(rng, "black", "leather", surprise=0), top=1.6, edge=0.6
        )


def _head(rng: np.random.Generator, relief: Relief, figure: _Figure, neck: Outline) -> None:
    x, y = float(neck[0]) + (1.2 if figure.side else 0), float(neck[1]) - 9.5
    wide = 5.0 if figure.side else 4.7
    if not figure.facing and not figure.side:
        relief.add(ellipse(x, y, wide, 6.2), figure.hair, top=1, edge=np.inf)
        relief.add(ellipse(x, y + 4.4, 3, 1.7), figure.skin.shade(0.9), top=1.2, edge=1)
    else:
        relief.add(ellipse(x, y, wide, 6.2), figure.skin, top=1, edge=np.inf)
        if figure.side:
            relief.add(smooth([(x + 4, y - 1), (x + 6.4, y + 1.6), (x + 4, y + 2.4)], 1), figure.skin, top=2, edge=1)
        _face(relief, figure, x, y)
        crown = [(x - wide - 0.5, y + 1.2), (x - wide - 0.4, y - 4), (x - 1, y - 7.4), (x + wide * 0.9, y - 5),
                 (x + wide + 0.3, y - 0.6),
                 (x + wide * 0.7, y - 3.2), (x - wide * 0.4, y - 3.4), (x - wide * 0.75, y + 0.5)]  # fmt: skip
        if figure.side:
            crown = [
                (x + 4, y - 3.8),
                (x + 2, y - 7.2),
                (x - 3, y - 6.8),
                (x - 6, y - 2),
                (x - 5, y + 3.6),
                (x - 2, y + 3),
                (x - 1, y - 2),
            ]
        relief.add(smooth(crown, 2), figure.hair, top=2.4, edge=2)
    if rng.random() < 0.22:
        cap = pick_cloth(rng)
        relief.add(
            smooth(
                [(x - wide - 1, y - 2), (x - wide, y - 6), (x, y - 8.6), (x + wide, y - 6), (x + wide + 1, y - 2)], 2
            ),
            cap,
            top=3,
            edge=3,
        )
        brim = (
            limb((x, y - 2.4), (x + 8.5, y - 1.8), 1.2, 0.8)
            if figure.side
            else limb((x - 4, y - 2.2), (x + 4, y - 2.2), 1.2, 1.2)
        )
        relief.add(brim, cap.shade(0.7), top=3.5, edge=1)


def _long_hair(relief: Relief, figure: _Figure, neck: Outline) -> None:
    x, y = float(neck[0]) - (1.0 if figure.side else 0), float(neck[1]) - 9.5
    relief.add(smooth([(x - 5.6, y - 3), (x, y - 7), (x + 5, y - 3), (x + 4.6, y + 13), (x, y + 15),
                       (x - 5.4, y + 13)], 2),
               figure.hair, top=3, edge=3)  # fmt: skip


def _face(relief: Relief, figure: _Figure, x: float, y: float) -> None:
    dark = figure.skin.shade(0.35)
    for eye in (x + 3.4,) if figure.side else (x - 1.9, x + 1.9):
        relief.add(ellipse(eye, y - 0.3, 0.75, 0.55), dark, top=2, edge=0)
        relief.add(stroke(outline((eye - 1, y - 1.8), (eye + 1, y - 1.9)), 0.6), figure.hair, top=2, edge=0)
    mouth = x + 3.6 if figure.side else x
    relief.add(limb((mouth - 1.1, y + 3.2), (mouth + 1.1, y + 3.2), 0.45, 0.45), Material((150, 70, 66)), top=2, edge=0)
    if not figure.side:
        relief.add(limb((x, y), (x, y + 1.4), 0.6, 0.9), figure.skin.shade(0.92), top=2, edge=0.8)
