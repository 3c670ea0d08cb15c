from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.movers.acting import draw_cast
from pipeline.data.movers.actor import draw_actor
from pipeline.data.movers.falling import falling
from pipeline.data.movers.fighting import fighting
from pipeline.data.movers.resting import lying_and_rising
from pipeline.data.movers.skeleton import ANGLES, Array, Joint, joints_of, mirrored, plant_legs, pose
from pipeline.data.movers.standing import standing

_SECONDS = 2.0
_TIMES = np.arange(0, _SECONDS, 1 / 50)


def _head(joints: Array) -> Array:
    height: Array = joints[:, Joint.HEAD, 2]
    return height


@pytest.mark.parametrize("seed", range(40))
def test_who_falls_lies_within_the_clip(seed: int) -> None:
    rng = np.random.default_rng(seed)
    body = draw_actor(rng).body
    joints = falling(rng, body, _SECONDS)(_TIMES)
    head = _head(joints)
    assert head[0] > 0.8 * body.stature
    assert head[-1] < 0.35 * body.stature, "not on the ground"
    half_way = _TIMES[np.flatnonzero(head < (head[0] + head[-1]) / 2)[0]] / _SECONDS
    assert 0.15 < half_way < 0.85
    assert joints[:, :, 2].min() > -0.02, "in the ground"
    assert np.abs(np.diff(joints, axis=0)).max() < 0.35, "m in 20 ms: somebody jumps from place to place"


@pytest.mark.parametrize("seconds", [0.125, 0.5, 1.0, 4.0])
def test_a_fall_has_its_moment_in_clips_of_any_length(seconds: float) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        body = draw_actor(rng).body
        around = np.arange(-2, seconds + 2, 0.02)
        head = _head(falling(rng, body, seconds)(around))
        half_way = around[np.flatnonzero(head < 0.5 * body.stature)[0]]
        assert -0.25 <= half_way <= seconds + 0.25


def test_falls_are_faster_than_getting_down_or_up() -> None:
    """Lying people are of two classes; how fast they got there says which."""
    fastest: dict[str, list[float]] = {"fall": [], "rest": []}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        body = draw_actor(rng).body
        for name, move in (("fall", falling(rng, body, 2.0)), ("rest", lying_and_rising(rng, body, 2.0))):
            fastest[name].append(float(np.abs(np.diff(_head(move(_TIMES)))).max() * 50))
    assert min(fastest["fall"]) > 2.0, "m/s"
    assert np.percentile(fastest["fall"], 10) > 1.3 * np.percentile(fastest["rest"], 90)
    assert np.median(fastest["fall"]) > 3 * np.median(fastest["rest"])


@pytest.mark.parametrize("seed", range(12))
def test_who_rests_touches_the_ground(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = lying_and_rising(rng, draw_actor(rng).body, _SECONDS)(_TIMES)
    lowest = joints[:, :, 2].min(axis=1)
    assert lowest.min() > -1e-9
    assert lowest.max() < 0.12


@pytest.mark.parametrize("seed", range(20))
def test_fighters_are_within_reach_and_strike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bodies = (draw_actor(rng).body, draw_actor(rng).body)
    first, second = (move(_TIMES) for move in fighting(rng, bodies))
    apart = np.linalg.norm(first[:, Joint.PELVIS, :2] - second[:, Joint.PELVIS, :2], axis=1)
    assert apart.min() > 0.3, "one is inside the other"
    assert np.median(apart) < 1.3
    ahead = first[:, Joint.FACE, :2] - first[:, Joint.HEAD, :2]
    assert (np.einsum("ni,ni->n", ahead, second[:, Joint.PELVIS, :2] - first[:, Joint.PELVIS, :2]) > 0).mean() > 0.8
    nearest = min(_reach(first, second), _reach(second, first))
    assert nearest < 0.25, "m between a hand or foot of one and the body of the other"
    fastest = max(np.linalg.norm(np.diff(who, axis=0), axis=2)[:, _LIMBS].max() for who in (first, second)) * 50
    assert fastest > 2.0
    for who in (first, second):
        assert who[:, :, 2].min() > -1e-6


_LIMBS = [Joint.L_HAND, Joint.R_HAND, Joint.L_TOE, Joint.R_TOE]


def _reach(striker: Array, other: Array) -> float:
    trunk = other[:, [Joint.PELVIS, Joint.CHEST, Joint.HEAD, Joint.L_SHOULDER, Joint.R_SHOULDER]]
    return float(np.linalg.norm(striker[:, _LIMBS, None] - trunk[:, None], axis=3).min())


@pytest.mark.parametrize("habit", ["hangs", "folded", "telephone", "guard"])
def test_who_stands_keeps_his_feet(habit: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        joints = standing(rng, draw_actor(rng).body, habit, origin_xy=(3.0, -2.0), heading=1.0)(_TIMES)
        feet = joints[:, [Joint.L_ANKLE, Joint.R_ANKLE]]
        assert np.ptp(feet, axis=0).max() < 0.01
        assert joints[:, :, 2].min() > -0.01
        assert np.linalg.norm(joints[:, Joint.PELVIS, :2] - (3.0, -2.0), axis=1).max() < 0.5


def test_planted_legs_reach_the_ankles_that_are_given() -> None:
    body = draw_actor(np.random.default_rng(0)).body
    root, heading = np.array([[0.1, 0.0, 0.78 * body.leg]]), np.array([0.7])
    angles = pose(pitch=20, roll=6)[None].copy()
    ankles = np.array([[[0.2, 0.25, body.ankle], [-0.1, -0.2, body.ankle]]])
    plant_legs(body, root, heading, angles, ankles, np.zeros((1, 2)))
    joints = joints_of(body, root, heading, angles)
    assert joints[:, [Joint.L_ANKLE, Joint.R_ANKLE]] == pytest.approx(ankles, abs=1e-6)


def test_mirrored_exchanges_left_and_right() -> None:
    values = pose(pitch=3, roll=5, twist=7, l_arm=11, r_knee=13)
    other = mirrored(values)
    assert dict(zip(ANGLES, other, strict=True)) == dict(
        zip(ANGLES, pose(pitch=3, roll=-5, twist=-7, r_arm=11, l_knee=13), strict=True)
    )
    assert mirrored(other) == pytest.approx(values)


def test_an_angle_that_no_body_has_is_refused() -> None:
    with pytest.raises(KeyError, match="tail"):
        pose(tail=4)


@pytest.mark.parametrize(("label", "slowest", "fastest"), [
    ("walk", 0.95, 1.5), ("fast_walk", 1.75, 2.3), ("run", 2.5, 4.0), ("stand", -0.4, 0.4),
])  # fmt: skip
def test_classes_differ_in_speed(label: str, slowest: float, fastest: float) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cast = draw_cast(rng, draw_actor(rng), label, _SECONDS)
        pelvis = cast.people[0][1](_TIMES)[:, Joint.PELVIS]
        assert slowest < (pelvis[-1, 0] - pelvis[0, 0]) / (_TIMES[-1] - _TIMES[0]) < fastest


def test_people_of_every_class_lie_stand_apart_or_are_two() -> None:
    """What a single frame shows occurs in other classes too."""
    lying, pairs = set(), set()
    for label in ("walk", "fast_walk", "run", "fall", "fight", "stand"):
        for seed in range(30):
            rng = np.random.default_rng(seed)
            cast = draw_cast(rng, draw_actor(rng), label, _SECONDS)
            pairs |= {label} if len(cast.people) == 2 else set()
            lying |= {label} if _head(cast.people[0][1](_TIMES)).min() < 0.5 else set()
    assert lying == {"fall", "stand"}
    assert pairs == {"walk", "fast_walk", "run", "fight", "stand"}
