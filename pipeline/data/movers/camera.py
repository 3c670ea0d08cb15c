"""A camera in the scene: where it is, where it looks, how it moves; and what it makes of the light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.movers.skeleton import Array, Joint, Movement
from pipeline.data.movers.timing import wander

_NEAREST = 0.25
_TRIALS = 24


@dataclass(frozen=True)
class View:
    """The camera in every frame: place `[n, 3]`, right, up and forward as the rows of `axes` `[n, 3, 3]`; `focal`
    and the frame's sides in pixels."""

    place: Array
    axes: Array
    focal: float
    height: int
    width: int

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels `[n, k, 2]` and depths `[n, k]` in m of points `[n, k, 3]`."""
        seen = np.einsum("nij,nkj->nki", self.axes, points - self.place[:, None])
        depth = np.maximum(seen[:, :, 2], _NEAREST)
        x = self.width / 2 + self.focal * seen[:, :, 0] / depth
        y = self.height / 2 - self.focal * seen[:, :, 1] / depth
        return np.stack([x, y], 2), seen[:, :, 2]


@dataclass(frozen=True)
class Camera:
    """`place_at` and `aim_at` give points `[n, 3]`; `focal` is in heights of the frame, angles are in degrees."""

    place_at: Callable[[Array], Array]
    aim_at: Callable[[Array], Array]
    focal: float
    roll: Callable[[Array], Array]
    shake: tuple[Callable[[Array], Array], Callable[[Array], Array]]

    def view(self, t: Array, height: int, width: int) -> View:
        place = self.place_at(t)
        forward = self.aim_at(t) - place
        forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
        right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
        right /= np.linalg.norm(right, axis=1, keepdims=True)
        up = np.cross(right, forward)
        yaw, pitch, roll = (np.radians(turn(t))[:, None] for turn in (*self.shake, self.roll))
        forward = forward + yaw * right + pitch * up
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        right = np.cos(roll) * right + np.sin(roll) * up
        up = np.cross(right, forward)
        right = np.cross(forward, up)
        axes = np.stack([right, up, forward], 1)
        axes /= np.linalg.norm(axes, axis=2, keepdims=True)
        return View(place, axes, self.focal * height, height, width)


def draw_camera(rng: np.random.Generator, people: list[Movement], duration: float, aspect: float) -> Camera:
    """A camera that keeps the people in its frame (`aspect` is width to height): it stands, pans after them or goes
    with them.

    Who hardly moves is also filmed by cameras that pass by, so that what the background does does not tell the class.
    """
    t = np.linspace(0, duration, 9)
    joints = np.concatenate([move(t) for move in people], 1)
    middle = joints[:, :: len(Joint), :].mean(1)
    best, best_miss = None, np.inf
    for _ in range(_TRIALS):
        camera = _draw(rng, middle, t)
        miss = _missed(camera, joints, t, aspect)
        if miss < best_miss:
            best, best_miss = camera, miss
        if miss <= 0:
            break
    assert best is not None
    return best


def _draw(rng: np.random.Generator, path: Array, t: Array) -> Camera:
    mode = str(rng.choice(["stands", "pans", "goes along"], p=[0.4, 0.3, 0.3]))
    share, focal = float(rng.uniform(0.5, 0.88)), float(np.exp(rng.uniform(np.log(0.8), np.log(2.4))))
    distance = focal * 1.75 / share
    around = float(rng.uniform(0, 2 * np.pi))
    eye = float(rng.choice([1.5, 2.6, 4.2], p=[0.5, 0.3, 0.2]) * rng.uniform(0.6, 1.25))
    eye = min(eye, 0.75 * distance)
    flat = float(np.sqrt(distance**2 - (eye - 0.9) ** 2))
    centre = path[len(path) // 2] * (1, 1, 0)
    place = centre + np.array([flat * np.cos(around), flat * np.sin(around), eye])
    aim = float(rng.uniform(0.7, 1.1))
    duration = max(float(t[-1]), 1e-3)
    speed_xy = (path[-1, :2] - path[0, :2]) / duration
    moved = float(np.hypot(*speed_xy))
    if mode == "goes along" and moved < 0.5:  # passes by somebody who stays
        direction, rate = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.15, 1.3))
        drift = rate * np.array([np.cos(direction), np.sin(direction), 0.0])
    elif mode == "goes along":
        drift = np.array([*(speed_xy * rng.uniform(0.8, 1.12)), 0.0])
    else:
        drift = np.zeros(3)
    follow = {"stands": 0.0, "pans": float(rng.uniform(0.75, 1.0)), "goes along": 1.0}[mode]
    lead = np.array([*(speed_xy * duration * rng.uniform(-0.08, 0.08)), 0.0])
    sweep = float(rng.normal(0, 0.18)) if mode == "pans" and moved < 0.5 else 0.0
    across = np.array([-np.sin(around), np.cos(around), 0.0])
    offset = across * distance * float(rng.uniform(-0.09, 0.09)) + lead

    def place_at(times: Array) -> Array:
        return place + (times - duration / 2)[:, None] * drift

    def aim_at(times: Array) -> Array:
        followed = np.stack([np.interp(times, t, path[:, i]) for i in range(2)], 1)
        # Before the clip they came from where their first steps point back to.
        followed = followed + np.minimum(times - t[0], 0)[:, None] * (path[2, :2] - path[0, :2]) / (t[2] - t[0])
        target = centre[:2] + follow * (followed - centre[:2])
        swept = across[:2] * (sweep * (times - duration / 2))[:, None]
        return np.column_stack([target + offset[:2] + swept, np.full(len(times), aim)])

    by_hand = rng.random() < 0.5
    shake = float(rng.uniform(0.15, 0.7)) / focal if by_hand else 0.0
    tilt, sway = float(rng.normal(0, 2.0)), wander(rng, 1.0 if by_hand else 0.0, 2.0)
    return Camera(
        place_at,
        aim_at,
        focal,
        lambda times: tilt + sway(times),
        (wander(rng, shake, 0.9), wander(rng, shake, 0.7)),
    )


def _missed(camera: Camera, joints: Array, t: Array, aspect: float) -> float:
    """0 or less where all that happens is in the frame and large enough; else how badly it is not."""
    points, depth = camera.view(t, 1000, max(int(1000 * aspect), 1)).project(joints)
    across, down = points[:, :, 0] / (1000 * aspect), points[:, :, 1] / 1000
    # Somebody may enter or leave within the first or last eighth of the clip.
    inner = slice(1, -1)
    out = max(float(-across[inner].min()), float(across[inner].max() - 1), float(-down[inner].min() - 0.05), 0.0)
    out += max(float(down[inner].max()) - 1.05, 0.0)
    tall = np.ptp(points, axis=1).max(1) / 1000
    small = max(0.36 * min(1.0, aspect) - float(tall.max()), 0.0)
    near = max(1.2 - float(depth.min()), 0.0)
    return out + 2 * small + near
