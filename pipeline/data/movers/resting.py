"""Bodies that lie on whatever touches the ground, and how they get down there slowly and up again."""

from __future__ import annotations

import numpy as np

from pipeline.data.movers.actor import Body
from pipeline.data.movers.skeleton import ANGLES, Array, Joint, Movement, joints_of, mirrored, pose
from pipeline.data.movers.timing import through, wander

# Half the thickness of the body about a joint, in metres, of a slim person; feet rest on their soles.
_THICKNESS = {
    "PELVIS": 0.11, "CHEST": 0.11, "HEAD": 0.09, "CROWN": 0.09, "SHOULDER": 0.07, "ELBOW": 0.04, "WRIST": 0.03,
    "HAND": 0.02, "HIP": 0.1, "KNEE": 0.06, "ANKLE": 0.045,
}  # fmt: skip
_RADII = np.array([_THICKNESS.get(joint.name.split("_")[-1], 0.0) for joint in Joint])


SUPINE = pose(pitch=-88, thigh=12, knee=18, foot=30, out=28, elbow=18, apart=9, nod=8)
PRONE = pose(pitch=86, thigh=2, knee=8, foot=50, l_arm=125, r_arm=140, out=18, elbow=62, look=40, nod=-12)
ON_SIDE = pose(
    roll=86, l_thigh=42, r_thigh=25, l_knee=62, r_knee=40, l_arm=60, r_arm=80, elbow=55, side=-8, foot=25, nod=10
)
SEATED = pose(pitch=-12, bend=14, thigh=98, knee=58, foot=-8, arm=-28, out=16, elbow=8, apart=10)
ON_KNEE = pose(
    pitch=8, bend=12, l_thigh=86, l_knee=92, l_foot=2, r_thigh=-4, r_knee=92, r_foot=35, l_arm=42, l_elbow=30
)
ON_ALL_FOURS = pose(pitch=72, bend=6, thigh=76, knee=88, foot=40, arm=84, elbow=8, out=6, nod=-18)
CROUCHED = pose(pitch=22, bend=24, thigh=112, knee=122, foot=12, arm=48, elbow=35, apart=12, nod=-20)


def lowest_at_ground(relative: Array) -> Array:
    """`[n]` heights of the pelvis at which the joints `[n, len(Joint), 3]`, given from the pelvis, touch the ground."""
    heights: Array = -(relative[:, :, 2] - _RADII).min(1)
    return heights


def lying_and_rising(rng: np.random.Generator, body: Body, duration: float) -> Movement:
    """Somebody lies, gets down slowly or gets up: on the ground, but nobody falls."""
    # Who lies on his face gets up over hands and knees, others sit up first.
    ways = ((SUPINE, SEATED), (PRONE, ON_ALL_FOURS), (ON_SIDE, SEATED))
    lying, between = ways[int(rng.choice(3, p=[0.45, 0.25, 0.3]))]
    lying = lying + rng.normal(0, 5, len(ANGLES))
    upright = pose(bend=4, arm=4, out=7, elbow=14) + rng.normal(0, 1.5, len(ANGLES))
    stages = [lying, between, ON_KNEE if rng.random() < 0.6 else CROUCHED, upright]
    if rng.random() < 0.5:
        stages = [mirrored(stage) for stage in stages]
    if rng.random() < 0.35:
        stages = stages[: int(rng.integers(1, 4))]
    if rng.random() < 0.4:
        stages = stages[::-1]
    gaps = rng.uniform(1.1, 1.9, len(stages) - 1)
    times = np.concatenate([[0.0], np.cumsum(gaps)]) - rng.uniform(0, max(float(gaps.sum()) - duration * 0.6, 0.2))
    stirs = [wander(rng, float(rng.uniform(0.5, 6)), float(rng.uniform(1.5, 4))) for _ in ANGLES]

    def move(t: Array) -> Array:
        angles = through(t, times, np.stack(stages)) + np.stack([stir(t) for stir in stirs], 1)
        return resting_joints(body, np.zeros((len(t), 2)), np.zeros(len(t)), angles)

    return move


def resting_joints(body: Body, feet_xy: Array, heading: Array, angles: Array) -> Array:
    """Joints of a body that stands, kneels or lies on the ground, the middle of its ankles above `feet_xy` `[n, 2]`."""
    joints = joints_of(body, np.zeros((len(angles), 3)), heading, angles)
    ankles = joints[:, [Joint.L_ANKLE, Joint.R_ANKLE], :2].mean(1)
    lift = np.column_stack([feet_xy - ankles, lowest_at_ground(joints)])
    rested: Array = joints + lift[:, None]
    return rested
