"""Long thin things that lie along x: knives with the tip to the right, sticks and bats."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pipeline.data.scene_noise import fractal_line
from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, box, ellipse, limb, outline, smooth, stroke, turned

_HANDLE = (
    "black",
    "wood",
    "dark wood",
    "pale wood",
    "grey",
    "red",
    "blue",
    "orange",
    "olive",
    "tan",
    "leather",
    "steel",
)


def draw_knife(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    steel = pick(rng, "steel", "steel", "steel", "gunmetal", "black", surprise=0.05)
    handle = pick(rng, *_HANDLE)
    kind = str(rng.choice(["kitchen", "combat", "dagger", "folding", "cleaver"], p=[0.36, 0.24, 0.14, 0.18, 0.08]))
    long, wide = rng.uniform(58, 100), rng.uniform(11, 21)
    if kind == "cleaver":
        long, wide = rng.uniform(52, 70), rng.uniform(26, 36)
    elif kind == "dagger":
        wide = rng.uniform(9, 14)
    _blade(rng, relief, steel, kind, long, wide)
    if kind in ("combat", "dagger"):
        guard = wide * rng.uniform(0.6, 0.95)
        relief.add(box(-3, -guard, 2, guard, 1.5), pick(rng, "steel", "black", "brass"), top=3, bottom=-3, edge=1.5)
    _handle(rng, relief, handle, kind, rng.uniform(38, 54), max(8.5, min(wide * 0.62, 13)))
    return relief, view(rng, yaw=38, pitch=38, roll=18)


def _blade(rng: np.random.Generator, relief: Relief, steel: Material, kind: str, long: float, wide: float) -> None:
    half = wide / 2
    if kind == "dagger":
        relief.add(smooth([(-2, -half), (-2, -half), (long * 0.6, -half), (long, 0), (long, 0), (long * 0.6, half),
                           (-2, half),
                           (-2, half)], 2), steel, top=1, bottom=0, edge=half)  # fmt: skip
        relief.add(limb((0, 0), (long * 0.7, 0), 1.2, 0.5), steel.shade(0.6), top=1.1, edge=0)
        return
    if kind == "cleaver":
        edge = smooth([(0, -half), (0, -half), (long, -half - 2), (long, -half - 2), (long + 1, half), (long + 1, half),
                       (4, half + 2), (2, half - 6)], 1)  # fmt: skip
        relief.add(edge, steel, top=1, bottom=-1, edge=1, holes=(ellipse(long - 7, -half + 5, 2.4),))
        relief.add(
            outline((4, half - 3), (long, half - 4), (long + 1, half), (4, half + 1)),
            steel.shade(1.25),
            top=1.1,
            edge=0,
        )
        return
    clip = rng.uniform(-0.35, 0.25) * wide  # a drop point, a straight back or a clip point
    spine = [(-2, -half), (-2, -half), (long * 0.62, -half), (long * 0.85, -half * 0.75 + clip * 0.5)]
    belly = [(long * 0.86, half * rng.uniform(0.2, 0.7)), (long * 0.66, half), (-2, half), (-2, half)]
    tip = (long, rng.uniform(-0.9, 0.3) * half)
    relief.add(smooth([*spine, tip, tip, *belly], 2), steel, top=1, bottom=0, edge=1.2)
    ground = rng.uniform(0.1, 0.5) * half
    relief.add(smooth([(0, ground), (0, ground), (long * 0.6, ground), tip, tip, *belly[:2], (0, half), (0, half)], 2),
               steel.shade(rng.uniform(1.1, 1.35)), top=1, edge=0.8)  # fmt: skip
    if kind == "combat" and rng.random() < 0.6:
        for x in np.arange(4, long * 0.42, 4.2):
            tooth = outline((x, -half - 0.4), (x + 3, -half - 0.4), (x + 1.5, -half + 2.6))
            relief.add(tooth, steel.shade(0.4), top=1.2, edge=0)
    if rng.random() < 0.25:
        relief.add(limb((6, -half * 0.3), (long * 0.55, -half * 0.3), 1, 1), steel.shade(0.65), top=1.1, edge=0)


def _handle(rng: np.random.Generator, relief: Relief, material: Material, kind: str, long: float, wide: float) -> None:
    half, drop = wide / 2, rng.uniform(-1, 5)
    if rng.random() < 0.3 and kind != "folding":
        shape = box(-long, -half, 0, half, half * 0.6)
    else:
        shape = smooth([(1, -half), (1, -half), (-long * 0.4, -half * 0.9), (-long * 0.8, -half + drop * 0.4),
                        (-long, -half + drop), (-long - 2, half + drop), (-long + 3, half + drop + 1.5),
                        (-long * 0.75, half + drop * 0.4), (-long * 0.4, half * 1.15), (1, half),
                        (1, half)], 2)  # fmt: skip
    relief.add(shape, material, top=4, bottom=-4, edge=half * rng.uniform(0.5, 1.0))
    style = rng.random()
    if style < 0.4:
        for x in np.linspace(-long * 0.85, -long * 0.15, 3):
            relief.add(ellipse(float(x), drop * 0.15, 1.5), pick(rng, "steel", "brass"), top=4.6, edge=1.2)
    elif style < 0.75:
        for x in np.arange(-long * 0.85, -4, rng.uniform(4, 7)):
            relief.add(
                limb((float(x), -half * 0.7), (float(x), half * 0.8), 0.8, 0.8), material.shade(0.55), top=4.4, edge=0.6
            )
    if kind == "folding":
        relief.add(ellipse(-4, 0, 3), pick(rng, "steel", "gunmetal"), top=4.8, edge=1.5)
    elif rng.random() < 0.3:
        relief.add(
            box(-long - 3, -half - 0.5 + drop, -long + 3, half + 0.5 + drop, 2),
            pick(rng, "steel", "brass"),
            top=4.6,
            bottom=-4,
        )


def draw_stick(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    draw = (_branch, _bat, _baton, _tonfa)[int(rng.choice(4, p=[0.34, 0.26, 0.25, 0.15]))]
    draw(rng, relief)
    return relief, view(rng, yaw=40, pitch=40, roll=30)


def _branch(rng: np.random.Generator, relief: Relief) -> None:
    material = pick(rng, "wood", "dark wood", "pale wood", surprise=0)
    xs = np.linspace(0, 130, 12)
    bend = (fractal_line(rng, 12, 3, 3) - 0.5) * rng.uniform(4, 16)
    radii = rng.uniform(3.2, 5.5) * (1 - 0.5 * xs / 130) * rng.uniform(0.9, 1.1, 12)
    line = np.stack([xs, bend], 1)
    for at in rng.choice(np.arange(2, 10), int(rng.integers(0, 4)), replace=False):
        side = rng.choice([-1.0, 1.0])
        reach = rng.uniform(4, 22)
        twig = (
            turned(outline((0, 0), (reach, rng.uniform(-2, 2)), (reach * 1.8, 0)), side * rng.uniform(25, 60))
            + line[at]
        )
        relief.add(stroke(twig, radii[at] * 1.1, radii[at] * 0.6), material.shade(0.85), top=-1, edge=np.inf)
    relief.add([limb(line[i], line[i + 1], radii[i], radii[i + 1]) for i in range(11)], material, edge=np.inf)
    relief.add(ellipse(0, float(bend[0]), radii[0] * 0.6, radii[0] * 0.92), material.shade(1.4), top=0.5, edge=0.5)
    for at in rng.choice(np.arange(1, 11), int(rng.integers(1, 5)), replace=False):
        x, y = line[at]
        relief.add(
            ellipse(x, y, rng.uniform(1, 2.4), 1, turn=rng.uniform(0, 180)), material.shade(0.5), top=0.3, edge=0.5
        )


def _bat(rng: np.random.Generator, relief: Relief) -> None:
    """A baseball bat, a club, a broomstick: turned wood or metal with a grip."""
    material = pick(rng, "wood", "pale wood", "dark wood", "steel", "black", "red", "blue", surprise=0.05)
    thin, fat = rng.uniform(2.2, 3.4), rng.uniform(4.5, 8.5)
    profile = [(0, thin), (35, thin), (70, (thin + fat) / 2), (100, fat), (122, fat), (128, fat * 0.8), (130, 0)]
    relief.add(_turned_on_a_lathe(profile), material, edge=np.inf)
    relief.add(limb((-1, 0), (1, 0), thin * 1.6, thin * 1.3), material.shade(0.85), edge=np.inf)
    if rng.random() < 0.7:
        wrap = pick(rng, "black", "leather", "red", "grey", "white", "blue")
        relief.add(box(3, -thin * 1.1, rng.uniform(24, 36), thin * 1.1), wrap, top=0.5, edge=np.inf)
        for x in np.arange(5, 24, 4):
            relief.add(stroke(outline((float(x), -thin), (float(x) + 2.5, thin)), 0.8), wrap.shade(0.5), top=1, edge=0)
    if rng.random() < 0.4:
        relief.add(box(84, -fat * 0.4, 112, fat * 0.4, 2), pick(rng, "red", "black", "white", "blue"), top=2, edge=0)


def _turned_on_a_lathe(profile: ArrayLike) -> Outline:
    half = smooth(profile, 2, closed=False)
    return np.concatenate([half, half[::-1] * (1, -1)])


def _baton(rng: np.random.Generator, relief: Relief) -> None:
    """A police baton: telescopic in three tubes, or one rubber rod."""
    material = pick(rng, "black", "gunmetal", "steel", "blued", "grey")
    grip = pick(rng, "black", "grey", "olive", "orange")
    radius, shrink = rng.uniform(3.4, 5), rng.uniform(0.7, 1)
    ends = [0.0, rng.uniform(36, 48), rng.uniform(74, 92), 130.0]
    for i in (2, 1, 0):
        tube = radius * shrink**i
        relief.add(
            box(ends[i] - 1, -tube, ends[i + 1], tube, 1), grip if i == 0 else material, top=-float(i), edge=np.inf
        )
    relief.add(
        limb((129, 0), (131, 0), radius * shrink**2 * 1.3, radius * shrink**2 * 1.2), material.shade(0.8), edge=np.inf
    )
    relief.add(box(-4, -radius * 1.15, 1, radius * 1.15, 1), material.shade(0.8), top=0.5, edge=np.inf)
    for x in np.arange(4, ends[1] - 4, rng.uniform(3, 6)):
        relief.add(box(float(x), -radius * 0.9, float(x) + 1.2, radius * 0.9), grip.shade(0.6), top=0.3, edge=0.3)


def _tonfa(rng: np.random.Generator, relief: Relief) -> None:
    material = pick(rng, "black", "wood", "dark wood", "blued")
    radius, at = rng.uniform(3.4, 4.8), rng.uniform(26, 40)
    reach = rng.uniform(22, 30)
    relief.add(stroke(outline((at, 0), (at, -reach)), radius * 1.8), material.shade(0.9), top=-1, edge=np.inf)
    relief.add(limb((at, -reach), (at, -reach - 3), radius * 1.3, radius * 1.2), material.shade(0.8), edge=np.inf)
    relief.add(limb((0, 0), (125, 0), radius, radius * rng.uniform(0.8, 1.05)), material, edge=np.inf)
    for x in np.linspace(at + 14, 118, int(rng.integers(2, 5))):
        relief.add(box(float(x), -radius, float(x) + 1.4, radius), material.shade(0.6), top=0.2, edge=0.3)
