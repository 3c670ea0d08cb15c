"""Two who fight: blows, kicks, pushes and what they do to the other; or they hold and wrestle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.movers.actor import Body
from pipeline.data.movers.skeleton import ANGLES, Array, Movement, joints_of, mirrored, places, plant_legs, pose
from pipeline.data.movers.timing import ease, pulse, wander

_GUARD = pose(l_arm=48, r_arm=34, out=12, turn=26, elbow=108, bend=10, nod=8)
_LOW_GUARD = pose(l_arm=22, r_arm=14, out=16, turn=12, elbow=58, bend=8)
_HOLD = pose(arm=70, out=16, turn=10, elbow=28, bend=20, nod=6)
_COVER = {"l_arm": 42.0, "l_out": 12.0, "l_turn": 26.0, "l_elbow": 110.0}
_BLOWS = {
    "straight": pose(r_arm=92, r_out=2, r_turn=4, r_elbow=6, **_COVER, twist=34, bend=16),
    "hook": pose(r_arm=72, r_out=52, r_turn=66, r_elbow=82, **_COVER, twist=48, bend=12),
    "push": pose(arm=84, out=6, elbow=8, bend=24),
    "swing": pose(r_arm=136, r_out=24, r_turn=12, r_elbow=30, l_arm=46, l_out=20, l_elbow=80, twist=30, bend=20),
    "kick": pose(arm=22, out=36, elbow=68, bend=-8, pitch=-14),
}  # fmt: skip
_HIT = pose(bend=-20, nod=-26, look=28, twist=-18, arm=34, out=38, elbow=74)
# Seconds from one step of a foot to its next.
_PERIOD = 0.42
# From times `[n]` and 0 or 1 for the fighter to where he stands `[n, 2]` and looks `[n]`.
Course = Callable[[Array, int], tuple[Array, Array]]


@dataclass(frozen=True)
class _Blow:
    at: float
    kind: str
    by: int
    left: bool
    lunge: float
    harm: float


def fighting(rng: np.random.Generator, bodies: tuple[Body, Body]) -> tuple[Movement, Movement]:
    """Both move within reach of one another, about the origin."""
    wrestle = bool(rng.random() < 0.3)
    arm = float(np.mean([body.upper_arm + body.forearm for body in bodies]))
    gap = float(rng.uniform(0.6, 0.76)) if wrestle else arm + float(rng.uniform(0.2, 0.42))
    spin_rate = float(rng.normal(0, 0.35))
    turn, drift = wander(rng, 0.35, 2.6), (wander(rng, 0.22, 3.0), wander(rng, 0.22, 3.6))
    near, tug = wander(rng, 0.07, 1.3), wander(rng, 0.16 if wrestle else 0.05, 1.2)
    blows = _draw_blows(rng, wrestle)
    fighters = [_Fighter(rng, body, wrestle) for body in bodies]

    def course(t: Array, who: int) -> tuple[Array, Array]:
        """Where a fighter stands `[n, 2]` and where he looks `[n]`."""
        angle = turn(t) + spin_rate * t + np.pi * who
        away = gap / 2 + near(t) / 2
        for blow in blows:
            step = blow.lunge * pulse(t, blow.at, 0.16, 0.4)
            back = blow.harm * pulse(t, blow.at + 0.16, 0.16, 0.6)
            away = away - step if blow.by == who else away + back
        away = np.maximum(away, 0.24)
        middle = np.stack([drift[0](t), drift[1](t)], 1)
        axis = np.stack([np.cos(turn(t) + spin_rate * t), np.sin(turn(t) + spin_rate * t)], 1)
        middle = middle + axis * tug(t)[:, None]
        sign = 1.0 if who == 0 else -1.0
        return middle - sign * axis * away[:, None], angle

    def movement(who: int) -> Movement:
        def move(t: Array) -> Array:
            return fighters[who].joints(t, who, course, blows)

        return move

    return movement(0), movement(1)


class _Fighter:
    """One of the two; feet follow the body in small steps."""

    def __init__(self, rng: np.random.Generator, body: Body, wrestle: bool) -> None:
        self.body = body
        self.rest = (_HOLD if wrestle else (_GUARD if rng.random() < 0.65 else _LOW_GUARD)) + rng.normal(
            0, 6, len(ANGLES)
        )
        self.low = float(rng.uniform(0.0, 0.07)) + (0.03 if wrestle else 0.0)
        self.stride, self.wide = float(rng.uniform(0.24, 0.42)), float(rng.uniform(0.1, 0.17))
        self.lead = 1.0 if rng.random() < 0.7 else -1.0
        self.bounce, self.rate = float(rng.uniform(0.005, 0.03)), float(rng.uniform(1.6, 2.6))
        self.stirs = [wander(rng, float(rng.uniform(3, 12)), float(rng.uniform(0.6, 1.4))) for _ in ANGLES[:15]]
        self.offset = float(rng.uniform(0, _PERIOD))

    def joints(self, t: Array, who: int, course: Course, blows: list[_Blow]) -> Array:
        body, (xy, heading) = self.body, course(t, who)
        angles = np.repeat(self.rest[None], len(t), 0)
        for column, stir in enumerate(self.stirs):
            angles[:, column] += stir(t) * (0.4 if column < 2 else 1.0)
        kicks: list[tuple[Array, bool]] = []
        for blow in blows:
            if blow.by == who:
                share = pulse(t, blow.at, 0.15, 0.3)
                angles += share[:, None] * (_sided(_BLOWS[blow.kind], blow) - angles)
                if blow.kind == "kick":
                    kicks.append((share, blow.left))
            else:
                share = pulse(t, blow.at + 0.12, 0.12, 0.4) * min(blow.harm / 0.2, 1.0)
                angles += share[:, None] * 0.85 * (_sided(_HIT, blow) - angles)
        angles[:, places("l_elbow")[0]] = np.maximum(angles[:, places("l_elbow")[0]], 2)
        angles[:, places("r_elbow")[0]] = np.maximum(angles[:, places("r_elbow")[0]], 2)
        ankles, pitch = self._feet(t, who, course)
        for share, left in kicks:
            ankles[:, 0 if left else 1, 2] += 0.12 * np.minimum(4 * share, 1)
        away = np.hypot(*(ankles[:, :, :2] - xy[:, None]).transpose(2, 0, 1)).max(1)
        height = body.ankle + np.sqrt(np.maximum((body.leg * 0.985) ** 2 - np.minimum(away, 0.58 * body.leg) ** 2, 0))
        height = height - self.low + self.bounce * np.sin(2 * np.pi * self.rate * t)
        root = np.column_stack([xy, np.minimum(height, body.ankle + 0.97 * body.leg)])
        plant_legs(body, root, heading, angles, ankles, pitch)
        for share, left in kicks:
            thigh, knee, foot = places(*(f"{'l' if left else 'r'}_{part}" for part in ("thigh", "knee", "foot")))
            folded = np.clip(share * 2, 0, 1)
            angles[:, thigh] += share * (92 - angles[:, thigh])
            angles[:, knee] += folded * ((1 - share) * 95 + share * 8 - angles[:, knee])
            angles[:, foot] += share * (20 - angles[:, foot])
        joints = joints_of(body, root, heading, angles)
        # A kick ends where it ends; the other foot gives way.
        joints[:, :, 2] += np.maximum(-joints[:, :, 2].min(1), 0)[:, None]
        return joints

    def _feet(self, t: Array, who: int, course: Course) -> tuple[Array, Array]:
        ankles, pitch = np.empty((len(t), 2, 3)), np.zeros((len(t), 2))
        for i, side in enumerate((1.0, -1.0)):
            clock = (t + self.offset) / _PERIOD + 0.5 * i
            before = np.floor(clock)
            stand = [self._stand(((before + k) - 0.5 * i) * _PERIOD - self.offset, who, course, side) for k in (0, 1)]
            share = ease((clock - before) / 0.45)
            ankles[:, i, :2] = stand[0] + share[:, None] * (stand[1] - stand[0])
            far = np.hypot(*(stand[1] - stand[0]).T)
            rise = np.sin(np.pi * share) * np.minimum(0.4 * far, 0.09)
            ankles[:, i, 2] = self.body.ankle + rise
        return ankles, pitch

    def _stand(self, t: Array, who: int, course: Course, side: float) -> Array:
        """Where a foot stands that was put down for what the body does at these times."""
        xy, heading = course(t + 0.5 * _PERIOD, who)
        ahead, left = side * self.lead * self.stride / 2, side * self.wide
        cosine, sine = np.cos(heading), np.sin(heading)
        stand: Array = xy + np.stack([ahead * cosine - left * sine, ahead * sine + left * cosine], 1)
        return stand


def _draw_blows(rng: np.random.Generator, wrestle: bool) -> list[_Blow]:
    """From before a clip to long after its beginning; one fighter may be stronger than the other."""
    blows, t, stronger = [], -1.0, float(rng.uniform(0.25, 0.75))
    kinds, chances = ("straight", "hook", "push", "swing", "kick"), [0.34, 0.2, 0.16, 0.14, 0.16]
    while t < 15:
        t += float(rng.uniform(0.7, 1.8)) if wrestle else float(rng.uniform(0.28, 0.75))
        kind = str(rng.choice(["push", "hook", "swing"])) if wrestle else str(rng.choice(kinds, p=chances))
        harm = float(rng.uniform(0.25, 0.5)) if kind == "push" and not wrestle else float(rng.uniform(0.04, 0.22))
        lunge = float(rng.uniform(0.0, 0.08)) if kind == "kick" or wrestle else float(rng.uniform(0.08, 0.24))
        blows.append(_Blow(t, kind, int(rng.random() < stronger), bool(rng.random() < 0.45), lunge, harm))
    return blows


def _sided(values: Array, blow: _Blow) -> Array:
    return mirrored(values) if blow.left else values
