"""Somebody who stays where he is: shifts his weight, looks about, talks, telephones, bends down, sits, stretches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.data.movers.actor import Body
from pipeline.data.movers.gait import placed
from pipeline.data.movers.skeleton import ANGLES, Array, Movement, joints_of, places, plant_legs, pose
from pipeline.data.movers.timing import ease, pulse, wander

_ARMS = places("l_arm", "l_out", "l_turn", "l_elbow", "r_arm", "r_out", "r_turn", "r_elbow")
# What arms do for a while; the first is what they do at rest.
_HANGING = pose(arm=3, out=8, elbow=14, turn=20)
_HABITS = {
    "hangs": _HANGING,
    "hips": pose(arm=-12, out=42, turn=48, elbow=82),
    "folded": pose(arm=24, out=9, turn=64, elbow=94),
    "pockets": pose(arm=-16, out=18, turn=18, elbow=36),
    "screen": pose(l_arm=3, l_out=8, l_elbow=14, r_arm=30, r_out=6, r_turn=32, r_elbow=98, nod=28),
    "screen in both": pose(arm=26, out=6, turn=36, elbow=96, nod=28),
    "telephone": pose(l_arm=3, l_out=8, l_elbow=14, r_arm=58, r_out=30, r_turn=34, r_elbow=140),
    "raised": pose(arm=155, out=14, elbow=16, nod=-10),
    "guard": pose(arm=44, out=12, turn=24, elbow=102),
}
_GESTURES = (
    pose(l_arm=3, l_out=8, l_elbow=14, r_arm=48, r_out=14, r_turn=10, r_elbow=70),
    pose(arm=40, out=18, turn=-12, elbow=78),
    pose(l_arm=3, l_out=8, l_elbow=14, r_arm=88, r_out=6, r_elbow=10),
    pose(l_arm=3, l_out=8, l_elbow=14, r_arm=100, r_out=50, r_turn=-40, r_elbow=92),
    pose(arm=24, out=34, turn=-26, elbow=52),
    pose(l_arm=62, l_out=12, l_elbow=100, l_turn=40, r_arm=3, r_out=8, r_elbow=14),
)


def standing(
    rng: np.random.Generator,
    body: Body,
    habit: str,
    *,
    gestures: float = 0.15,
    apart: float | None = None,
    origin_xy: tuple[float, float] = (0.0, 0.0),
    heading: float = 0.0,
    dip: Callable[[Array], Array] | None = None,
    arms: Callable[[Array], tuple[Array, Array]] | None = None,
) -> Movement:
    """`gestures` a second of arms that leave their habit; `apart` m between the feet from front to back.

    `dip` gives `[n, 4]`: how far the pelvis sinks and goes back in m, and how far pelvis and back lean in degrees;
    `arms` a share `[n]` and the arms' angles `[n, len(ANGLES)]` that it is taken from.
    """
    stride = (
        float(rng.choice([0.04, 0.12, 0.45], p=[0.5, 0.3, 0.2]) * rng.uniform(0.3, 1.4)) if apart is None else apart
    )
    wide = float(rng.uniform(0.07, 0.2))
    lead = 1.0 if rng.random() < 0.5 else -1.0
    feet = np.array([[lead * stride / 2, wide, body.ankle], [-lead * stride / 2, -wide, body.ankle]])
    shift_y, shift_x = wander(rng, 0.055, float(rng.uniform(2, 5))), wander(rng, 0.025, 2.5)
    look = wander(rng, float(rng.choice([8.0, 45.0])), float(rng.uniform(1.5, 4)))
    nod, twist = wander(rng, float(rng.uniform(3, 12)), 1.8), wander(rng, float(rng.uniform(2, 14)), 3.0)
    side = wander(rng, 4, 3.0)
    stirs = [wander(rng, float(rng.uniform(2, 6)), float(rng.uniform(1, 3))) for _ in _ARMS]
    at_rest, bend = _HABITS[habit] + rng.normal(0, 3, len(ANGLES)), float(rng.uniform(-2, 9))
    waves = _draw_gestures(rng, gestures)

    def move(t: Array) -> Array:
        angles = np.repeat(at_rest[None], len(t), 0)
        for gesture, start, lasts, beats in waves:
            share = pulse(t, start + lasts / 2, lasts / 2, lasts / 2) ** 0.5
            angles[:, _ARMS] += share[:, None] * (gesture - at_rest)[_ARMS]
            angles[:, places("l_elbow", "r_elbow")] += (share * 14 * np.sin(2 * np.pi * beats * t))[:, None]
        for column, stir in zip(_ARMS, stirs, strict=True):
            angles[:, column] += stir(t)
        if arms is not None:
            part, wanted = arms(t)
            angles[:, _ARMS] += part[:, None] * (wanted - angles)[:, _ARMS]
        sunk = np.zeros((len(t), 4)) if dip is None else dip(t)
        angles[:, places("pitch")[0]] = sunk[:, 2]
        angles[:, places("bend")[0]] = bend + sunk[:, 3]
        angles[:, places("side")[0]] = side(t)
        angles[:, places("twist")[0]] = twist(t)
        angles[:, places("look")[0]] = look(t)
        angles[:, places("nod")[0]] += nod(t)
        across, along = shift_y(t), shift_x(t)
        reach = np.hypot(stride / 2 + np.abs(along), wide - body.hip + np.abs(across))
        top = body.ankle + np.sqrt((body.leg * 0.995) ** 2 - np.minimum(reach, 0.7 * body.leg) ** 2)
        root = np.stack([along - sunk[:, 1], across, top - sunk[:, 0]], 1)
        plant_legs(body, root, np.zeros(len(t)), angles, np.repeat(feet[None], len(t), 0), np.zeros((len(t), 2)))
        joints = joints_of(body, root, np.zeros(len(t)), angles)
        return placed(joints, origin_xy, heading)

    return move


def bending(rng: np.random.Generator, body: Body, duration: float) -> Movement:
    """Bends or crouches down to the ground, perhaps comes up again."""
    crouch = rng.random() < 0.5
    depth = np.array([0.5 * body.leg, 0.1, 12, 50]) if crouch else np.array([0.05, 0.14, 42, 55])
    share = _down_and_up(rng, duration)
    busy = wander(rng, 0.08, 0.9)
    down = pose(arm=78, out=6, elbow=12, turn=10) + rng.normal(0, 8, len(ANGLES))

    def dip(t: Array) -> Array:
        deep: Array = (share(t) * (1 + busy(t) * share(t)))[:, None] * depth
        return deep

    def arms(t: Array) -> tuple[Array, Array]:
        return share(t), np.repeat(down[None], len(t), 0)

    return standing(rng, body, "hangs", gestures=0.0, dip=dip, arms=arms)


def sitting(rng: np.random.Generator, body: Body, duration: float, seat: float) -> Movement:
    """Sits on something `seat` m high behind him, sits down or gets up."""
    share, lean = _down_and_up(rng, duration), float(rng.uniform(-6, 30))
    drop = body.leg + body.ankle - seat - 0.1
    habit = str(rng.choice(["hangs", "screen", "folded", "telephone"]))

    def dip(t: Array) -> Array:
        w = share(t)
        forwards = np.sin(np.pi * np.clip(w, 0, 1)) * 34
        return np.stack([drop * w, 0.42 * w, forwards * 0.4, forwards * 0.6 + lean * w], 1)

    return standing(rng, body, habit, gestures=0.2, apart=0.05, dip=dip)


def _down_and_up(rng: np.random.Generator, duration: float) -> Callable[[Array], Array]:
    """From 0 (upright) to 1 and back, or a part of that; each way takes 0.7 to 1.5 s."""
    down, up = float(rng.uniform(0.7, 1.5)), float(rng.uniform(0.7, 1.5))
    begins = float(rng.uniform(-1.2, 0.5)) * duration
    ends = begins + down + float(rng.uniform(0.2, 1.5))

    def at(t: Array) -> Array:
        return ease((t - begins) / down) * (1 - ease((t - ends) / up))

    return at


def _draw_gestures(rng: np.random.Generator, rate: float) -> list[tuple[Array, float, float, float]]:
    """Posture, begin, length in s and beats a second, from before a clip to long after its beginning."""
    waves, t = [], -2.0
    while rate > 0 and t < 20:
        t += float(rng.exponential(1 / rate)) + 0.1
        lasts = float(rng.uniform(0.7, 2.2))
        gesture = _GESTURES[int(rng.integers(len(_GESTURES)))] + rng.normal(0, 6, len(ANGLES))
        waves.append((gesture, t, lasts, float(rng.uniform(0.8, 2.4))))
        t += lasts
    return waves
