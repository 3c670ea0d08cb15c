"""Guns from the side, muzzle to the right: pistols, revolvers and long guns."""

from __future__ import annotations

import numpy as np

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, arc, box, ellipse, moved, outline, smooth, stroke, turned

_METAL = ("gunmetal", "blued", "black", "steel", "tan", "olive", "bronze")
_GRIP = ("black", "wood", "dark wood", "grey", "leather", "white", "tan", "olive")


def draw_gun(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    draw = (_pistol, _revolver, _long_gun)[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    draw(rng, relief)
    return relief, view(rng, yaw=32, pitch=18, roll=14)


def _pistol(rng: np.random.Generator, relief: Relief) -> None:
    metal, thick = pick(rng, *_METAL), rng.uniform(9, 12)
    frame = pick(rng, *_METAL) if rng.random() < 0.45 else metal.shade(rng.uniform(0.8, 1.1))
    grip = pick(rng, *_GRIP) if rng.random() < 0.6 else frame
    long, tall = rng.uniform(66, 96), rng.uniform(10, 14)
    rake, reach, wide = rng.uniform(8, 24), rng.uniform(36, 50), rng.uniform(17, 22)
    handle = turned(
        smooth([(2, 6), (3, 14), (1, 26), (-1, reach), (-1, reach), (wide - 2, reach), (wide - 2, reach),
                (wide - 1, 26), (wide, 12), (wide + 1, 6)], 2),
        rake, (8, 6),
    )  # fmt: skip
    relief.add(handle, frame, bottom=-thick, top=-1, edge=4)
    relief.add(turned(box(-2, reach - 2, wide, reach + rng.uniform(1, 6), 1.5), rake, (8, 6)), frame.shade(0.8),
               bottom=-thick, top=-0.5, edge=1.5)  # fmt: skip
    dust = rng.uniform(0.72, 0.97) * long
    lower = tall + rng.uniform(5, 8)
    _trigger_guard(rng, relief, frame, wide + 3, lower, rng.uniform(17, 23), thick)
    relief.add(smooth([(-3, tall - 2), (-9, tall - 1), (-4, tall + 5), (4, lower + 6), (wide + 4, lower + 2),
                       (dust, lower), (dust, lower), (dust, tall - 2), (dust, tall - 2)], 2),
               frame, bottom=-thick, top=-0.5, edge=2)  # fmt: skip
    slope = rng.uniform(0, 7)
    slide = outline((-1, 1), (1, 0), (long - 2, 0), (long, 1.5), (long - slope, tall), (-1, tall))
    relief.add(slide, metal, bottom=-thick, top=0, edge=2.5)
    relief.add(box(long * 0.42, 1, long * 0.62, tall * 0.45), metal.shade(0.45), top=0.1, edge=0)
    _ribs(relief, metal, 3, rng.uniform(14, 20), 2, tall - 2, int(rng.integers(5, 9)))
    if rng.random() < 0.4:
        _ribs(relief, metal, long - 20, long - 10, 2, tall - 2, 4)
    for x in (2.0, long - 5):
        relief.add(box(x, -2.5, x + rng.uniform(2, 4), 0.5), metal.shade(0.7), top=0, bottom=-thick, edge=0.5)
    panel = turned(smooth([(4, 14), (wide - 3, 14), (wide - 4, reach - 4), (2, reach - 4)], 1), rake, (8, 6))
    relief.add(panel, grip, top=0.5, edge=2.5)
    for row in range(int(rng.integers(0, 5))):
        line = turned(outline((5, 18 + row * 4.5), (wide - 5, 18 + row * 4.5)), rake, (8, 6))
        relief.add(stroke(line, 1.4), grip.shade(0.6), top=0.6, edge=0.4)
    if rng.random() < 0.2:
        relief.add(box(long * 0.6, lower, long * 0.95, lower + 9, 2), pick(rng, "black", "grey"), top=0, bottom=-8)
    if rng.random() < 0.15:
        relief.add(box(long, 0.5, long + rng.uniform(25, 45), tall - 1, 2), pick(rng, "black", "steel"),
                   top=-1, bottom=-thick + 1, edge=6)  # fmt: skip


def _trigger_guard(
    rng: np.random.Generator, relief: Relief, metal: Material, x: float, y: float, long: float, thick: float
) -> None:
    deep = rng.uniform(11, 15)
    bow = smooth([(x - 4, y - 3), (x - 1, y + deep - 3), (x + 3, y + deep), (x + long - 5, y + deep),
                  (x + long, y + deep - 3),
                  (x + long + 1, y - 3)], 2, closed=False)  # fmt: skip
    relief.add(stroke(bow, 2.6), metal, top=-thick * 0.35, bottom=-thick * 0.65, edge=1.2)
    trigger = arc(x + long * 0.62, y + 1, 6, 9, 185, 100, 6)
    relief.add(stroke(trigger, 3, 1.5), metal.shade(0.8), top=-thick * 0.4, edge=1)


def _ribs(relief: Relief, metal: Material, left: float, right: float, up: float, down: float, count: int) -> None:
    for x in np.linspace(left, right, count):
        relief.add(box(float(x), up, float(x) + 0.9, down), metal.shade(0.5), top=0.1, edge=0)


def _revolver(rng: np.random.Generator, relief: Relief) -> None:
    metal, thick = pick(rng, "blued", "steel", "gunmetal", "black", "bronze"), rng.uniform(8, 11)
    grip = pick(rng, "wood", "dark wood", "black", "white", "leather", "tan")
    barrel, bore = rng.uniform(26, 72), rng.uniform(4, 5.5)
    full_lug = rng.random() < 0.5
    relief.add(box(28, 6 - bore, 34 + barrel, 6 + bore, 1), metal, top=-1, bottom=-thick + 1, edge=np.inf)
    lug = rng.uniform(0.55, 0.97) if full_lug else rng.uniform(0.3, 0.6)
    relief.add(
        box(30, 6 + bore - 2, 34 + barrel * lug, 12 + bore, 2), metal.shade(0.9), top=-2, bottom=-thick + 2, edge=3
    )
    relief.add(outline((30 + barrel, 3 - bore), (33 + barrel, 8 - bore), (24 + barrel, 8 - bore)), metal.shade(0.8),
               top=-3, bottom=-thick + 3, edge=0.5)  # fmt: skip
    frame = smooth([(-2, 2), (4, -1), (30, -1), (34, 2), (34, 20), (30, 25), (8, 25), (-2, 30), (-8, 24), (-5, 12)], 2)
    relief.add(frame, metal, top=-1, bottom=-thick, edge=3)
    drum = box(6, 1, 6 + rng.uniform(19, 24), 21, 3)
    relief.add(drum, metal.shade(1.05), top=2, bottom=-thick - 3, edge=np.inf)
    for y in rng.uniform(3, 6) + np.array([0.0, 6.5, 13.0]):
        relief.add(stroke(outline((17, y), (28, y)), 2.6), metal.shade(0.55), top=2.2, edge=1)
    hammer = rng.uniform(-4, 6)
    relief.add(smooth([(-6, 6), (-9, -4 + hammer), (-15, -7 + hammer), (-9, -9 + hammer), (-1, -3), (0, 8)], 2),
               metal.shade(0.85), top=-2, bottom=-thick + 2, edge=1)  # fmt: skip
    _trigger_guard(rng, relief, metal, 8, 24, rng.uniform(17, 22), thick)
    reach, sweep = rng.uniform(30, 46), rng.uniform(8, 22)
    butt = smooth([(-8, 14), (-3, 24), (9, 27), (8, 36), (9 - sweep * 0.5, 26 + reach * 0.6), (12 - sweep, 26 + reach),
                   (6 - sweep, 30 + reach), (-7 - sweep, 26 + reach), (-8 - sweep, 20 + reach),
                   (-9 - sweep * 0.6, 26 + reach * 0.4), (-12, 28)], 3)  # fmt: skip
    relief.add(butt, grip, top=0.5, bottom=-thick - 1, edge=rng.uniform(5, 9))
    relief.add(ellipse(-2 - sweep * 0.4, 26 + reach * 0.45, 1.8), pick(rng, "steel", "brass"), top=1, edge=1)


def _long_gun(rng: np.random.Generator, relief: Relief) -> None:
    metal, thick = pick(rng, "gunmetal", "black", "blued", "tan", "olive"), rng.uniform(9, 13)
    body = pick(rng, "wood", "dark wood", "black", "camouflage", "tan", "olive") if rng.random() < 0.7 else metal
    receiver, barrel, fore = rng.uniform(42, 60), rng.uniform(28, 95), rng.uniform(28, 46)
    relief.add(box(receiver, 3, receiver + fore + barrel, 8, 1), metal, top=-3, bottom=-thick + 3, edge=np.inf)
    if rng.random() < 0.6:
        tip = receiver + fore + barrel
        relief.add(box(tip - 8, 2, tip + 3, 9, 1), metal.shade(0.8), top=-2, bottom=-thick + 2, edge=np.inf)
        relief.add(outline((tip - 12, 4), (tip - 10, -6), (tip - 8, -6), (tip - 7, 4)), metal.shade(0.8),
                   top=-4, bottom=-thick + 4, edge=0.5)  # fmt: skip
    relief.add(smooth([(receiver - 2, 1), (receiver + fore, 2), (receiver + fore, 2), (receiver + fore, 13),
                       (receiver + fore, 13), (receiver - 2, 15)], 1), body, top=-0.5, bottom=-thick,
                       edge=5)  # fmt: skip
    for x in np.arange(receiver + 6, receiver + fore - 5, rng.uniform(6, 10)):
        relief.add(box(float(x), 5, float(x) + 3, 8, 1), body.shade(0.5), top=-0.3, edge=0)
    _magazine(rng, relief, metal, rng.uniform(0.55, 0.75) * receiver, thick)
    handle = turned(smooth([(0, 10), (13, 10), (12, 26), (12, 38), (1, 39), (1, 24)], 2), rng.uniform(10, 28), (6, 10))
    relief.add(moved(handle, 2, 2), body if rng.random() < 0.6 else metal, top=-1, bottom=-thick + 1, edge=4)
    _trigger_guard(rng, relief, metal, 15, 16, 15, thick)
    relief.add(_stock(rng), body, top=-0.5, bottom=-thick, edge=5)
    relief.add(smooth([(-2, 0), (-2, 0), (receiver, -1), (receiver, -1), (receiver + 2, 15), (receiver + 2, 15),
                       (10, 17), (-3, 15)], 1), metal, top=0, bottom=-thick, edge=3)  # fmt: skip
    relief.add(box(receiver * 0.5, 3, receiver * 0.85, 7, 1), metal.shade(0.5), top=0.1, edge=0)
    if rng.random() < 0.5:
        relief.add(
            stroke(outline((receiver * 0.2, -9), (receiver * 0.95, -9)), 8, 9),
            metal.shade(0.7),
            top=0,
            bottom=-8,
            edge=9,
        )
        relief.add(box(receiver * 0.35, -6, receiver * 0.8, 0), metal.shade(0.6), top=-1, bottom=-7)
    else:
        relief.add(outline((receiver * 0.6, 0), (receiver * 0.65, -5), (receiver * 0.8, -5), (receiver * 0.9, 0)),
                   metal.shade(0.8), top=-2, bottom=-7, edge=1)  # fmt: skip


def _magazine(rng: np.random.Generator, relief: Relief, metal: Material, x: float, thick: float) -> None:
    shape = int(rng.integers(3))
    if shape == 2:  # a shotgun has a tube under the barrel instead
        return
    bend, deep = (rng.uniform(10, 22), rng.uniform(34, 50)) if shape else (rng.uniform(-2, 4), rng.uniform(22, 42))
    curve = smooth([(x, 12), (x + 1, 12 + deep * 0.5), (x + bend, 12 + deep)], 2, closed=False)
    wide = rng.uniform(10, 14)
    sides: Outline = np.concatenate([moved(curve, -wide / 2, 0), moved(curve, wide / 2, 0)[::-1]])
    relief.add(sides, metal.shade(rng.uniform(0.7, 1.2)), top=-2, bottom=-thick + 2, edge=2)


def _stock(rng: np.random.Generator) -> Outline:
    reach, drop = rng.uniform(42, 66), rng.uniform(4, 14)
    butt = rng.uniform(20, 28)
    return smooth(
        [(2, 3), (-12, 3), (-reach, 1 + drop * 0.5), (-reach, 1 + drop * 0.5), (-reach - 2, 1 + drop * 0.5 + butt),
         (-reach - 2, 1 + drop * 0.5 + butt), (-reach + 8, drop * 0.5 + butt), (-14, 14 + drop * 0.3), (2, 14)], 2,
    )  # fmt: skip
