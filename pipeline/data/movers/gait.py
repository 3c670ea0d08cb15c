"""Walking and running: steps whose feet stand still on the ground, a pelvis over them, arms against legs.

Walking takes stride and support time from its speed as Boulic, Magnenat-Thalmann & Thalmann (1990), "A global human
walking model with real-time kinematic personification", do; running takes 2.5 to 3.1 steps a second (Cavagna et al.
1988, "The determinants of the step frequency in running, trotting and hopping") and stands on a foot for 39 % of the
cycle or less (Novacheck 1998, "The biomechanics of running"), so that it flies between two steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.data.movers.actor import Body
from pipeline.data.movers.skeleton import Array, Movement, joints_of, places, plant_legs, pose
from pipeline.data.movers.timing import ease


@dataclass(frozen=True)
class Gait:
    """Speed in m/s, cycle (two steps) in s, share of it on one foot, step width and lift in m, angles in degrees."""

    speed: float
    cycle: float
    duty: float
    runs: bool
    start: float
    width: float
    lift: float
    bob: float
    toe_off: float
    heel_strike: float
    arm_swing: float
    elbow: tuple[float, float]
    arm_out: float
    lean: float
    pelvis_turn: float
    nod: float
    look: float
    held: Array | None  # angles of an arm that does not swing; nan where it does


def draw_gait(rng: np.random.Generator, body: Body, speed: float, *, runs: bool) -> Gait:
    """Somebody's way to go at this speed. Arms and trunk overlap between the gaits: one picture does not tell them."""
    if runs:
        cycle = 2 / (2.62 + 0.13 * (speed - 2.5)) * float(rng.uniform(0.93, 1.05)) * (body.stature / 1.71) ** 0.5
        duty = float(np.clip(0.41 - 0.032 * (speed - 2.2) + rng.normal(0, 0.008), 0.27, 0.4))
    else:
        relative = speed / body.leg
        cycle = 1.346 * relative**0.5 * body.leg / speed * float(rng.uniform(0.93, 1.07))
        duty = float(np.clip((0.752 * cycle - 0.143) / cycle, 0.56, 0.66))
    brisk = float(np.clip((speed - 1.0) / 2, 0, 1))
    tucked = rng.random() < (0.85 if runs else 0.12 + 0.3 * brisk)
    elbow = float(rng.uniform(55, 100)) if tucked else float(rng.uniform(8, 45))
    return Gait(
        speed=speed,
        cycle=cycle,
        duty=duty,
        runs=runs,
        start=float(rng.random()),
        width=float(rng.uniform(0.015, 0.05)) if runs else float(rng.uniform(0.04, 0.1)),
        lift=float(rng.uniform(0.12, 0.3)) if runs else float(rng.uniform(0.02, 0.06)) + 0.02 * brisk,
        bob=float(rng.uniform(0.022, 0.04)),
        toe_off=float(rng.uniform(45, 60)) if runs else float(rng.uniform(38, 52)),
        heel_strike=float(rng.uniform(0, 12)) if runs else float(rng.uniform(12, 24)),
        arm_swing=float(rng.uniform(8, 28)) + 14 * brisk,
        elbow=(elbow, float(rng.uniform(4, 22))),
        arm_out=float(rng.uniform(3, 14)),
        lean=float(rng.uniform(-1, 9)) + 4 * brisk,
        pelvis_turn=float(rng.uniform(3, 7)) + 3 * brisk,
        nod=float(rng.uniform(-4, 14)),
        look=float(rng.normal(0, 12)),
        held=_held_arms(rng) if rng.random() < 0.22 else None,
    )


def going(body: Body, gait: Gait, origin_xy: tuple[float, float] = (0.0, 0.0), heading: float = 0.0) -> Movement:
    """Straight on from `origin_xy` at t = 0."""

    def move(t: Array) -> Array:
        root, angles, turned = gait_frames(body, gait, t)
        return joints_of(body, placed(root, origin_xy, heading), turned + heading, angles)

    return move


def placed(points: Array, origin_xy: tuple[float, float], heading: float) -> Array:
    """Points `[..., 3]` turned by `heading` about z and moved to the origin."""
    cosine, sine = np.cos(heading), np.sin(heading)
    turned = points @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    moved: Array = turned + np.array([*origin_xy, 0.0])
    return moved


def gait_frames(body: Body, gait: Gait, t: Array) -> tuple[Array, Array, Array]:
    """Pelvis `[n, 3]`, angles `[n, len(ANGLES)]` and heading `[n]` in radians, going along x."""
    phase = t / gait.cycle + gait.start
    steps = [_ankle(body, gait, phase + offset, sign) for offset, sign in ((0.0, 1.0), (0.5, -1.0))]
    ankles, pitches = np.stack([step[0] for step in steps], 1), np.stack([step[1] for step in steps], 1)
    along = gait.speed * t
    ankles[:, :, 0] += along[:, None]
    swing = np.cos(2 * np.pi * phase)  # 1 as the left foot meets the ground
    sway = 0.3 * gait.width * np.sin(2 * np.pi * (phase + (0.25 - gait.duty / 2)))
    root = np.stack([along, sway, _pelvis_height(body, gait, phase, ankles[:, :, 0] - along[:, None], ankles)], 1)
    heading = -np.radians(gait.pelvis_turn) * swing
    angles = np.repeat(pose(bend=gait.lean, nod=gait.nod - gait.lean * 0.6, out=gait.arm_out, turn=15)[None], len(t), 0)
    angles[:, places("twist")[0]] = gait.pelvis_turn * swing * 1.8
    angles[:, places("look")[0]] = -gait.pelvis_turn * swing * 0.8 + gait.look
    for letter, sign in (("l", 1.0), ("r", -1.0)):
        forwards = -sign * swing
        angles[:, places(f"{letter}_arm")[0]] = gait.arm_swing * (forwards - 0.1) + (
            -0.12 * gait.elbow[0] if gait.elbow[0] > 50 else 0
        )
        angles[:, places(f"{letter}_elbow")[0]] = gait.elbow[0] + gait.elbow[1] * (forwards + 1) / 2
    if gait.held is not None:
        stays = ~np.isnan(gait.held)
        angles[:, stays] = gait.held[stays] + 0.1 * angles[:, stays]
    plant_legs(body, root, heading, angles, ankles, pitches)
    return root, angles, heading


def _ankle(body: Body, gait: Gait, phase: Array, sign: float) -> tuple[Array, Array]:
    """Where an ankle is, `[n, 3]` with x measured from the pelvis, and the pitch of its sole `[n]` in degrees."""
    p, stride = phase % 1.0, gait.speed * gait.cycle
    # The foot stands where the pelvis is in the middle of the stance, a little behind: a leg reaches farther back.
    behind = body.stature * (0.03 if gait.runs else 0.02 + 0.012 * gait.speed / body.leg)
    stands_at = stride * (gait.duty / 2 - p) - behind
    stance, swing = p / gait.duty, (p - gait.duty) / (1 - gait.duty)
    pitch = np.where(
        p < gait.duty,
        -gait.heel_strike * (1 - ease(stance / 0.2)) + gait.toe_off * np.clip((stance - 0.55) / 0.45, 0, 1) ** 1.6,
        gait.toe_off + (-gait.heel_strike - gait.toe_off) * ease(np.clip(swing * 1.15, 0, 1)),
    )
    rolled = _rolled(body, np.where(p < gait.duty, pitch, 0))
    off, strike = _rolled(body, np.array([gait.toe_off])), _rolled(body, np.array([-gait.heel_strike]))
    u = np.clip(swing, 0, 1)
    share = u * u * (3 - 2 * u)
    x = np.where(p < gait.duty, stands_at + rolled[:, 0], stands_at + off[0, 0] * (1 - share))
    x = np.where(p < gait.duty, x, x + share * (stride + strike[0, 0]))
    rise = gait.lift * np.sin(np.pi * u ** (0.8 if gait.runs else 0.9))
    z = np.where(p < gait.duty, rolled[:, 1], off[0, 1] + share * (strike[0, 1] - off[0, 1]) + rise)
    # A swinging foot clears the ground.
    z = np.maximum(z, _rolled(body, pitch)[:, 1] + 0.022 * np.sqrt(np.sin(np.pi * u) * (u < 1)))
    return np.stack([x, np.full_like(p, sign * gait.width), z], 1), pitch


def _rolled(body: Body, pitch_degrees: Array) -> Array:
    """`[n, 2]`: x (from where it stands flat) and z of the ankle of a foot that rolls over its heel or its ball."""
    angle = np.radians(pitch_degrees)
    arm = np.where(angle < 0, body.heel, -body.ball)
    x = arm * np.cos(angle) + body.ankle * np.sin(angle) - arm
    return np.stack([x, -arm * np.sin(angle) + body.ankle * np.cos(angle)], 1)


def _pelvis_height(body: Body, gait: Gait, phase: Array, away_x: Array, ankles: Array) -> Array:
    """As high as both legs reach, softly; a runner sinks over the standing foot and rises in flight."""
    reach = (body.leg * 0.992) ** 2 - away_x**2
    limits = ankles[:, :, 2] + np.sqrt(np.maximum(reach, (0.5 * body.leg) ** 2))
    if gait.runs:
        height = body.ankle + 0.945 * body.leg - gait.bob * np.cos(4 * np.pi * (phase - gait.duty / 2))
    else:
        ahead = gait.speed * gait.cycle * gait.duty / 2 - body.stature * 0.03
        stretched = body.ankle + np.sqrt(max((body.leg * 0.992) ** 2 - ahead**2, (0.5 * body.leg) ** 2))
        height = np.full(len(phase), min(body.ankle + 0.975 * body.leg, stretched + 1.6 * gait.bob))
    choices = np.concatenate([limits, height[:, None]], 1)
    least = choices.min(1)
    soft: Array = least - 0.008 * np.log(np.exp(-(choices - least[:, None]) / 0.008).sum(1))
    return soft


def _held_arms(rng: np.random.Generator) -> Array:
    """One arm or both do something else than swing: a telephone, pockets, folded arms."""
    kinds = (
        pose(r_arm=25, r_out=10, r_turn=25, r_elbow=100),
        pose(r_arm=62, r_out=28, r_turn=35, r_elbow=138),
        pose(l_arm=-18, l_out=18, l_turn=20, l_elbow=38, r_arm=-18, r_out=18, r_turn=20, r_elbow=38),
        pose(l_arm=20, l_out=8, l_turn=62, l_elbow=92, r_arm=20, r_out=8, r_turn=62, r_elbow=98),
    )
    held = kinds[int(rng.integers(len(kinds)))]
    held[held == 0] = np.nan
    return held
