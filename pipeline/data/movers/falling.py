"""Falls of somebody who walks, stands or runs: trips, slips, faints; forwards, backwards or sideways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.data.movers.actor import Body
from pipeline.data.movers.gait import Gait, draw_gait, gait_frames
from pipeline.data.movers.resting import lowest_at_ground
from pipeline.data.movers.skeleton import ANGLES, Array, Joint, Movement, joints_of, mirrored, places, pose
from pipeline.data.movers.timing import ease, through, wander

_TRIP = (
    (pose(pitch=24, bend=22, l_thigh=62, r_thigh=-18, l_knee=50, r_knee=62, arm=55, out=22, elbow=30, nod=-10), 0.4),
    (pose(pitch=58, bend=14, l_thigh=48, r_thigh=12, knee=66, foot=20, arm=112, out=22, elbow=22, nod=-22), 0.72),
    (pose(pitch=84, bend=4, thigh=5, knee=22, foot=45, l_arm=135, r_arm=120, out=26, elbow=52, nod=-16), 1.0),
    (pose(pitch=86, thigh=3, knee=9, foot=50, l_arm=140, r_arm=118, out=24, elbow=64, nod=-6, look=30), 1.5),
)
_SLIP = (
    (pose(pitch=-16, bend=12, l_thigh=58, r_thigh=28, l_knee=18, r_knee=46, arm=35, out=58, elbow=30), 0.34),
    (pose(pitch=-44, bend=20, l_thigh=74, r_thigh=58, knee=36, arm=-22, out=48, elbow=16, nod=16), 0.7),
    (pose(pitch=-84, bend=6, l_thigh=52, r_thigh=34, knee=44, arm=-12, out=56, elbow=22, nod=14), 1.0),
    (pose(pitch=-88, l_thigh=22, r_thigh=12, l_knee=34, r_knee=16, foot=22, out=46, elbow=24, nod=6, apart=8), 1.6),
)
_SIDEWAYS = (
    (
        pose(roll=22, side=-12, l_thigh=14, r_thigh=26, l_knee=18, r_knee=40, l_out=70, r_out=42, elbow=22, apart=14),
        0.42,
    ),
    (pose(roll=56, side=-14, l_thigh=20, r_thigh=30, knee=36, l_out=62, r_out=85, elbow=22, apart=16), 0.74),
    (pose(roll=86, side=-8, l_thigh=36, r_thigh=26, knee=42, l_out=32, r_out=30, arm=48, elbow=34, nod=12), 1.0),
    (pose(roll=88, side=-6, l_thigh=42, r_thigh=22, l_knee=58, r_knee=34, arm=58, elbow=52, foot=22, nod=10), 1.5),
)
_FAINT = (
    (pose(pitch=-6, bend=20, thigh=38, knee=66, foot=-10, arm=8, out=10, elbow=14, nod=34, look=14), 0.4),
    (pose(pitch=-14, bend=34, thigh=78, knee=118, foot=10, arm=16, out=18, elbow=18, nod=42, look=22), 0.72),
    (pose(roll=66, pitch=12, bend=26, thigh=62, knee=84, foot=22, arm=32, out=14, elbow=22, nod=20), 1.0),
    (pose(roll=86, bend=10, l_thigh=52, r_thigh=34, knee=66, foot=26, arm=46, elbow=30, nod=14), 1.35),
)
_KINDS = ("trip", "slip", "sideways", "faint")
_COURSES = {"trip": _TRIP, "slip": _SLIP, "sideways": _SIDEWAYS, "faint": _FAINT}
# How far the feet go on, in seconds of the speed before, and by themselves in metres.
_FEET = {"trip": (0.1, -0.05), "slip": (0.25, 0.4), "sideways": (0.15, 0.0), "faint": (0.15, 0.0)}

# The share of a fall's length after which the head has lost about half of its height.
_HALF_WAY = 0.72


def falling(rng: np.random.Generator, body: Body, duration: float) -> Movement:
    """Goes until a moment in the middle 60 % of the clip, falls within 0.6 to 0.95 s and stays on the ground.

    The body topples about its feet with the acceleration of a falling stick, limbs out; it is always held by what
    touches the ground.
    """
    kind = _KINDS[int(rng.choice(4, p=[0.34, 0.22, 0.24, 0.2]))]
    gait = _gait_before(rng, body, kind)
    lasts = float(rng.uniform(0.6, 0.95))
    # The head is half-way down; all of the fall is in the clip where the clip is long enough for it.
    moment = float(rng.uniform(0.2, 0.8)) * duration
    if duration > 1.25 * lasts:
        moment = float(np.clip(moment, 0.75 * lasts, duration - 0.5 * lasts))
    begins = moment - _HALF_WAY * lasts
    other_side, turned = bool(rng.random() < 0.5), float(rng.normal(0, 12))
    times, poses = _course(rng, kind, other_side)
    powers = np.array([1.5, 1.1, 1.0, 0.0])
    stirs = [wander(rng, float(rng.uniform(0.2, 4)), float(rng.uniform(1, 3))) for _ in ANGLES]
    slides, by_itself = _FEET[kind]
    feet_then = _feet_at(body, gait, begins)

    def move(t: Array) -> Array:
        since = np.maximum(t - begins, 0)
        # Steps do not stop at once, they fade.
        clock = np.where(t < begins, t, begins + 0.16 * (1 - np.exp(-since / 0.16)))
        root, angles, heading = gait_frames(body, gait, clock)
        given_up = ease(since / (0.42 * lasts))[:, None]
        course = through(since / lasts, times, np.concatenate([poses[:1], poses]), powers)
        settled = ease((since / lasts - 1) / 0.8)[:, None]
        angles = angles * (1 - given_up) + course * given_up
        angles = angles + np.stack([stir(t) for stir in stirs], 1) * (0.3 * given_up + 0.7 * settled)
        heading = heading + np.radians(turned) * ease(since / lasts)
        joints = joints_of(body, np.zeros_like(root), heading, angles)
        ankles = joints[:, [Joint.L_ANKLE, Joint.R_ANKLE], :2].mean(1)
        slid = gait.speed * slides * (1 - np.exp(-since / slides)) + by_itself * ease(since / (0.7 * lasts))
        # From the beginning of the fall on the pelvis is where the feet hold it.
        fallen = (since > 0)[:, None]
        held = feet_then + np.column_stack([slid, np.zeros_like(slid)]) - ankles
        xy = np.where(fallen, held, root[:, :2])
        low = lowest_at_ground(joints)
        sinking = root[:, 2] + (low - root[:, 2]) * ease(since / (0.25 * lasts))
        height = np.where(fallen[:, 0], np.maximum(sinking, low), root[:, 2])
        moved: Array = joints + np.column_stack([xy, height])[:, None]
        return moved

    return move


def _feet_at(body: Body, gait: Gait, begins: float) -> Array:
    """`[2]`: the middle between the ankles."""
    root, angles, heading = gait_frames(body, gait, np.array([begins]))
    joints = joints_of(body, root, heading, angles)
    middle: Array = joints[0, [Joint.L_ANKLE, Joint.R_ANKLE], :2].mean(0)
    return middle


def _gait_before(rng: np.random.Generator, body: Body, kind: str) -> Gait:
    way = rng.random()
    if kind == "trip" and way < 0.2:
        return draw_gait(rng, body, float(rng.uniform(2.4, 3.2)), runs=True)
    gait = draw_gait(rng, body, float(rng.uniform(0.9, 1.7)), runs=False)
    if kind in ("faint", "sideways") and way < 0.4:
        # Hardly a step: somebody who stands and sways.
        slow = draw_gait(rng, body, 0.35, runs=False)
        return replace(slow, cycle=1.9, duty=0.68, arm_swing=4.0, lift=0.02, toe_off=14.0, heel_strike=5.0)
    return gait


def _course(rng: np.random.Generator, kind: str, other_side: bool) -> tuple[Array, Array]:
    """Times in units of the fall's length, and the postures at them."""
    course = _COURSES[kind]
    times = np.array([0.0] + [time for _, time in course])
    poses = np.stack([values + rng.normal(0, 5, len(ANGLES)) for values, _ in course])
    knees = places("l_knee", "r_knee", "l_elbow", "r_elbow")
    poses[:, knees] = np.maximum(poses[:, knees], 2)
    if kind in ("trip", "slip"):
        poses[1:, places("roll")[0]] += np.array([0.4, 1.0, 1.0]) * rng.normal(0, 14)
    if other_side:
        poses = np.stack([mirrored(values) for values in poses])
    return times, poses
