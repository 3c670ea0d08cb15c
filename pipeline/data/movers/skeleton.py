"""Joints in space from the angles of a body: forward kinematics, and the bend of a leg whose foot is given.

The world has z upwards and the ground at z = 0, in metres. A body looks along x of its own frame, y is to its left.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.data.movers.actor import Body

Array = NDArray[np.float64]
# From times `[n]` in seconds to joints `[n, len(Joint), 3]` in the world.
Movement = Callable[[Array], Array]

ANGLES = (
    "pitch", "roll", "bend", "side", "twist", "nod", "look",
    "l_arm", "l_out", "l_turn", "l_elbow", "r_arm", "r_out", "r_turn", "r_elbow",
    "l_thigh", "l_apart", "l_knee", "l_foot", "r_thigh", "r_apart", "r_knee", "r_foot",
)  # fmt: skip
_PLACE = {name: i for i, name in enumerate(ANGLES)}
_OTHER_SIDE = {"l_": "r_", "r_": "l_"}
_EXCHANGED = [_PLACE[_OTHER_SIDE.get(name[:2], name[:2]) + name[2:]] for name in ANGLES]


class Joint(IntEnum):
    PELVIS = 0
    CHEST = 1
    HEAD = 2
    FACE = 3
    CROWN = 4
    BACK = 5
    L_SHOULDER = 6
    L_ELBOW = 7
    L_WRIST = 8
    L_HAND = 9
    R_SHOULDER = 10
    R_ELBOW = 11
    R_WRIST = 12
    R_HAND = 13
    L_HIP = 14
    L_KNEE = 15
    L_ANKLE = 16
    L_HEEL = 17
    L_TOE = 18
    R_HIP = 19
    R_KNEE = 20
    R_ANKLE = 21
    R_HEEL = 22
    R_TOE = 23


def pose(**degrees: float) -> Array:
    """`[len(ANGLES)]` degrees, 0 (upright, arms and legs straight down) where nothing is said.

    Positive is forwards (`pitch`, `bend`, `nod`, `arm`, `thigh`), outwards (`out`, `apart`), to the left (`roll` and
    `side` to the right; `twist`, `look`), bent (`elbow`, `knee`), inwards (`turn` of the forearm), toes down (`foot`).
    `arm`, `out`, … without a side stand for both.
    """
    values = np.zeros(len(ANGLES))
    for name, value in degrees.items():
        for full in (name,) if name in _PLACE else (f"l_{name}", f"r_{name}"):
            values[_PLACE[full]] = value
    return values


def places(*names: str) -> list[int]:
    """Columns of the named angles."""
    return [_PLACE[name] for name in names]


def mirrored(values: Array) -> Array:
    """The same posture `[len(ANGLES)]` with left and right exchanged."""
    result = values[_EXCHANGED].copy()
    result[places("roll", "side", "twist", "look")] *= -1
    return result


def joints_of(body: Body, root_xyz: Array, heading: Array, angles: Array) -> Array:
    """`[n, len(Joint), 3]` from the pelvis `[n, 3]`, the heading `[n]` in radians and angles `[n, len(ANGLES)]`."""
    turn = dict(zip(ANGLES, np.radians(angles).T, strict=True))
    joints = np.empty((len(root_xyz), len(Joint), 3))
    pelvis = _about_z(heading) @ _about_y(turn["pitch"]) @ _about_x(turn["roll"])
    chest = pelvis @ _about_z(turn["twist"]) @ _about_y(turn["bend"]) @ _about_x(turn["side"])
    head = chest @ _about_z(turn["look"]) @ _about_y(turn["nod"])
    joints[:, Joint.PELVIS] = root_xyz
    # A spine bends along its whole length: its lower half keeps the direction of the pelvis.
    waist = root_xyz + pelvis @ np.array([0, 0, 0.38 * body.trunk])
    joints[:, Joint.CHEST] = waist + chest @ np.array([0, 0, 0.62 * body.trunk])
    joints[:, Joint.BACK] = joints[:, Joint.CHEST] + chest @ np.array([-0.15, 0, -0.42 * body.trunk])
    neck = joints[:, Joint.CHEST] + chest @ np.array([0.01, 0, body.neck])
    joints[:, Joint.HEAD] = neck + head @ np.array([0.015, 0, body.head])
    joints[:, Joint.FACE] = joints[:, Joint.HEAD] + head @ np.array([body.head * 0.45, 0, -body.head * 0.45])
    joints[:, Joint.CROWN] = joints[:, Joint.HEAD] + head @ np.array([-body.head * 0.25, 0, body.head * 0.3])
    for letter, sign in (("l", 1.0), ("r", -1.0)):
        _arm(body, joints, chest, turn, letter, sign)
        _leg(body, joints, pelvis, turn, letter, sign)
    return joints


def plant_legs(body: Body, root_xyz: Array, heading: Array, angles: Array, ankles: Array, foot_pitch: Array) -> None:
    """Set the angles of the legs, in place, so that the ankles `[n, 2, 3]` (left, right) are where they are given.

    `foot_pitch` `[n, 2]` in degrees is that of the sole against the ground, toes down positive. Ankles out of reach are
    approached by a straight leg.
    """
    pitch, roll = (np.radians(angles[:, i]) for i in places("pitch", "roll"))
    pelvis = _about_z(heading) @ _about_y(pitch) @ _about_x(roll)
    for i, (letter, sign) in enumerate((("l", 1.0), ("r", -1.0))):
        away = _inverse(pelvis, ankles[:, i] - root_xyz) - np.array([0, sign * body.hip, 0])
        x, y, z = away.T
        apart, down = np.arctan2(y, -z), np.hypot(y, z)
        distance = np.clip(np.hypot(x, down), abs(body.thigh - body.shank) + 0.02, body.leg * 0.9999)
        knee = np.pi - _corner(body.thigh, body.shank, distance)
        thigh = np.arctan2(x, down) + _corner(body.thigh, distance, np.full_like(distance, body.shank))
        columns = places(f"{letter}_thigh", f"{letter}_apart", f"{letter}_knee", f"{letter}_foot")
        foot = foot_pitch[:, i] - np.degrees(pitch - thigh + knee)
        angles[:, columns] = np.stack([np.degrees(thigh), sign * np.degrees(apart), np.degrees(knee), foot], 1)


def _corner(first: float | Array, second: float | Array, opposite: float | Array) -> Array:
    """The angle between two sides of a triangle."""
    cosine = (np.square(first) + np.square(second) - np.square(opposite)) / (2 * np.asarray(first) * second)
    angle: Array = np.arccos(np.clip(cosine, -1, 1))
    return angle


def _arm(body: Body, joints: Array, chest: Array, turn: dict[str, Array], letter: str, sign: float) -> None:
    first = Joint[f"{letter.upper()}_SHOULDER"]
    upper = chest @ _about_x(sign * turn[f"{letter}_out"]) @ _about_y(-turn[f"{letter}_arm"])
    upper = upper @ _about_z(-sign * turn[f"{letter}_turn"])
    lower = upper @ _about_y(-turn[f"{letter}_elbow"])
    joints[:, first] = joints[:, Joint.CHEST] + chest @ np.array([0, sign * body.shoulder, -0.02])
    joints[:, first + 1] = joints[:, first] + upper @ np.array([0, 0, -body.upper_arm])
    joints[:, first + 2] = joints[:, first + 1] + lower @ np.array([0, 0, -body.forearm])
    joints[:, first + 3] = joints[:, first + 1] + lower @ np.array([0, 0, -body.forearm - body.hand])


def _leg(body: Body, joints: Array, pelvis: Array, turn: dict[str, Array], letter: str, sign: float) -> None:
    first = Joint[f"{letter.upper()}_HIP"]
    thigh = pelvis @ _about_x(sign * turn[f"{letter}_apart"]) @ _about_y(-turn[f"{letter}_thigh"])
    shank = thigh @ _about_y(turn[f"{letter}_knee"])
    foot = shank @ _about_y(turn[f"{letter}_foot"])
    joints[:, first] = joints[:, Joint.PELVIS] + pelvis @ np.array([0, sign * body.hip, 0])
    joints[:, first + 1] = joints[:, first] + thigh @ np.array([0, 0, -body.thigh])
    joints[:, first + 2] = joints[:, first + 1] + shank @ np.array([0, 0, -body.shank])
    joints[:, first + 3] = joints[:, first + 2] + foot @ np.array([-body.heel, 0, -body.ankle])
    joints[:, first + 4] = joints[:, first + 2] + foot @ np.array([body.ball, 0, -body.ankle])


def _inverse(rotation: Array, vectors: Array) -> Array:
    back: Array = np.einsum("nji,nj->ni", rotation, vectors)
    return back


def _about_x(angle: Array) -> Array:
    return _rotation(angle, 1, 2)


def _about_y(angle: Array) -> Array:
    return _rotation(angle, 2, 0)


def _about_z(angle: Array) -> Array:
    return _rotation(angle, 0, 1)


def _rotation(angle: Array, first: int, second: int) -> Array:
    matrix = np.zeros((len(angle), 3, 3))
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[:, [0, 1, 2], [0, 1, 2]] = 1
    matrix[:, first, first] = matrix[:, second, second] = cosine
    matrix[:, second, first], matrix[:, first, second] = sine, -sine
    return matrix
