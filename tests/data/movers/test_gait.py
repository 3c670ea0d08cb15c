from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.movers.actor import draw_actor
from pipeline.data.movers.gait import draw_gait, going
from pipeline.data.movers.skeleton import Array, Joint

_RATE = 200
_FEET = [Joint.L_HEEL, Joint.L_TOE, Joint.R_HEEL, Joint.R_TOE]
_TIMES = np.arange(0, 3, 1 / _RATE)
_WAYS = [(1.0, False), (1.4, False), (1.8, False), (2.25, False), (2.6, True), (3.9, True)]


def _walked(speed: float, runs: bool, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    body = draw_actor(rng).body
    return going(body, draw_gait(rng, body, speed, runs=runs))(_TIMES)


def _stands(joints: Array) -> Array:
    """`[n, 4]`: whether the heels and toes of both feet touch the ground."""
    touching: Array = joints[:, _FEET, 2] < 0.002
    return touching


@pytest.mark.parametrize(("speed", "runs"), _WAYS)
@pytest.mark.parametrize("seed", range(6))
def test_feet_neither_sink_nor_slide(speed: float, runs: bool, seed: int) -> None:
    joints = _walked(speed, runs, seed)
    assert joints[:, _FEET, 2].min() > -1e-6, "a foot is in the ground"
    stands = _stands(joints)
    sliding = np.linalg.norm(np.diff(joints[:, _FEET, :2], axis=0), axis=2) * _RATE
    assert sliding[stands[1:] & stands[:-1]].max() < 0.1 * speed + 0.15, "m/s on the ground"


@pytest.mark.parametrize(("speed", "runs"), _WAYS)
@pytest.mark.parametrize("seed", range(6))
def test_runners_fly_and_walkers_do_not(speed: float, runs: bool, seed: int) -> None:
    in_the_air = ~_stands(_walked(speed, runs, seed)).any(axis=1)
    if runs:
        assert 0.12 < in_the_air.mean() < 0.55
    else:
        assert not in_the_air.any()


@pytest.mark.parametrize(("speed", "runs", "fewest", "most"), [
    (1.2, False, 1.5, 2.1), (1.4, False, 1.6, 2.2), (2.0, False, 1.9, 2.7), (3.0, True, 2.4, 3.1),
])  # fmt: skip
def test_steps_a_second_are_those_of_people(speed: float, runs: bool, fewest: float, most: float) -> None:
    for seed in range(6):
        on_foot = _stands(_walked(speed, runs, seed))
        for foot in (on_foot[:, :2].any(axis=1), on_foot[:, 2:].any(axis=1)):
            landings = np.flatnonzero(foot[1:] & ~foot[:-1])
            assert fewest < 2 / (np.diff(landings).mean() / _RATE) < most


@pytest.mark.parametrize(("speed", "runs"), _WAYS)
def test_body_keeps_its_lengths_and_moves_smoothly(speed: float, runs: bool) -> None:
    rng = np.random.default_rng(3)
    body = draw_actor(rng).body
    joints = going(body, draw_gait(rng, body, speed, runs=runs))(_TIMES)
    for start, end, length in (
        (Joint.L_HIP, Joint.L_KNEE, body.thigh),
        (Joint.R_KNEE, Joint.R_ANKLE, body.shank),
        (Joint.L_SHOULDER, Joint.L_ELBOW, body.upper_arm),
    ):
        assert np.linalg.norm(joints[:, start] - joints[:, end], axis=1) == pytest.approx(length)
    pelvis = joints[:, Joint.PELVIS]
    assert np.ptp(pelvis[:, 2]) < 0.16
    assert (pelvis[-1, 0] - pelvis[0, 0]) / (_TIMES[-1] - _TIMES[0]) == pytest.approx(speed, rel=0.01)
    assert np.abs(np.diff(joints, axis=0)).max() * _RATE < 3.6 * speed + 1.5, "m/s of the fastest joint"


def test_arms_swing_against_legs() -> None:
    rng = np.random.default_rng(12)
    body = draw_actor(rng).body
    gait = draw_gait(rng, body, 1.3, runs=False)
    assert gait.held is None
    joints = going(body, gait)(_TIMES)
    hand = joints[:, Joint.L_HAND, 0] - joints[:, Joint.PELVIS, 0]
    foot = joints[:, Joint.L_ANKLE, 0] - joints[:, Joint.PELVIS, 0]
    assert np.corrcoef(hand, foot)[0, 1] < -0.7
