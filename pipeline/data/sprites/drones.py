"""Drones: arms with rotors around a body, from the side, from above and from below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.sprites.materials import Material, pick
from pipeline.data.sprites.relief import Relief, View, view
from pipeline.data.sprites.shapes import Outline, box, ellipse, limb, moved, outline, smooth, stroke

_SHELL = ("white", "white", "grey", "black", "black", "red", "orange", "steel", "olive")


@dataclass(frozen=True)
class _Eye:
    """Where the drone is seen from: turned about its upright axis, `above` it (negative: below); radians."""

    turn: float
    above: float

    def seen(self, points_xyz: NDArray[np.float64]) -> Outline:
        """`[n, 3]` (right, up, towards the viewer) to `[n, 2]` of the drawing."""
        x, y, z = points_xyz.T
        right = x * np.cos(self.turn) + z * np.sin(self.turn)
        near = -x * np.sin(self.turn) + z * np.cos(self.turn)
        down = -y * np.cos(self.above) + near * np.sin(self.above)
        closer = 1 / (1 - (near * np.cos(self.above) + y * np.sin(self.above)) / 420)
        flat: Outline = np.stack([right * closer, down * closer], 1)
        return flat

    def depth(self, x: float, y: float, z: float) -> float:
        near = -x * np.sin(self.turn) + z * np.cos(self.turn)
        return float(near * np.cos(self.above) + y * np.sin(self.above))


def draw_drone(rng: np.random.Generator) -> tuple[Relief, View]:
    relief = Relief()
    above = rng.uniform(-32, 38) if rng.random() < 0.72 else rng.uniform(40, 86)
    eye = _Eye(np.radians(rng.uniform(-60, 60)), np.radians(above))
    shell = pick(rng, *_SHELL, surprise=0.06)
    dark = pick(rng, "black", "grey", "gunmetal", surprise=0.05)
    count = int(rng.choice([4, 4, 4, 4, 6, 6, 8, 3]))
    reach, lift = rng.uniform(48, 62), rng.uniform(-2, 12)
    size, tall, long = rng.uniform(15, 25), rng.uniform(9, 18), rng.uniform(0.8, 1.6)
    arms = shell if rng.random() < 0.6 else dark
    legs, hanging = rng.choice(["skids", "feet", "none"], p=[0.55, 0.3, 0.15]), rng.random() < 0.65
    angles = np.radians(45 + np.arange(count) * 360 / count + rng.uniform(-8, 8))
    motors = [(reach * float(np.cos(a)), lift, reach * float(np.sin(a)) * rng.uniform(0.85, 1.0)) for a in angles]
    motors.sort(key=lambda motor: eye.depth(*motor))
    behind = [motor for motor in motors if eye.depth(motor[0], 0, motor[2]) < 0]
    if above < 0:
        _rotors(rng, relief, eye, motors, dark)
    for motor in behind:
        _arm(rng, relief, eye, motor, arms, dark, str(legs))
    if legs == "skids":
        _skids(rng, relief, eye, arms, size, tall)
    if hanging and above >= 0:
        _gimbal(rng, relief, eye, tall)
    _body(rng, relief, eye, shell, dark, size, tall, long)
    if hanging and above < 0:
        _gimbal(rng, relief, eye, tall)
    for motor in motors:
        if motor not in behind:
            _arm(rng, relief, eye, motor, arms, dark, str(legs))
    if above >= 0:
        _rotors(rng, relief, eye, motors, dark)
    return relief, view(rng, yaw=8, pitch=8, roll=22)


def _arm(
    rng: np.random.Generator,
    relief: Relief,
    eye: _Eye,
    motor: tuple[float, float, float],
    arm: Material,
    dark: Material,
    legs: str,
) -> None:
    x, y, z = motor
    if legs == "feet":
        foot = eye.seen(np.array([[x, y, z], [x * 0.98, y - 20, z * 0.98]]))
        relief.add(stroke(foot, 4, 2.4), arm.shade(0.85), edge=np.inf)
    path = eye.seen(np.array([[x * 0.12, 0, z * 0.12], [x * 0.6, y * 0.8, z * 0.6], [x, y, z]]))
    relief.add(stroke(path, 9, 6.5), arm, edge=np.inf)
    pod = eye.seen(np.array([[x, y - 4, z], [x, y + 6, z]]))
    relief.add(limb(pod[0], pod[1], 4.6, 4.2), dark if rng.random() < 0.6 else arm.shade(0.9), top=1, edge=np.inf)
    if rng.random() < 0.35:
        relief.add(ellipse(pod[0, 0], pod[0, 1], 1.8), pick(rng, "red", "green", "orange", surprise=0), top=3, edge=1)


def _rotors(
    rng: np.random.Generator, relief: Relief, eye: _Eye, motors: list[tuple[float, float, float]], dark: Material
) -> None:
    """Blades stand still, as a short exposure shows them, or there is a ring that guards them."""
    blade = dark if rng.random() < 0.6 else pick(rng, "white", "grey", "orange", "black")
    count, radius = int(rng.choice([2, 2, 3])), rng.uniform(25, 34)
    guarded = rng.random() < 0.15
    for x, y, z in motors:
        up = y + 8
        start = rng.uniform(0, 2 * np.pi)
        for i in range(count):
            angle = start + i * 2 * np.pi / count
            along, across = np.array([np.cos(angle), 0, np.sin(angle)]), np.array([-np.sin(angle), 0.12, np.cos(angle)])
            shape = smooth(
                [(0, -1.2), (radius * 0.35, -3.6), (radius, -1.5), (radius, 0.8), (radius * 0.3, 2.2), (0, 1.4)], 1
            )
            flat = eye.seen(np.array([x, up, z]) + shape[:, :1] * along + shape[:, 1:] * across)
            # Edge-on a blade would be too thin to see; a real one is curved.
            relief.add([flat, moved(flat, 0, 0.9)], blade, top=1.5, edge=0.6)
        hub = eye.seen(np.array([[x, up, z]]))[0]
        relief.add(ellipse(hub[0], hub[1], 2.2, 1.6), blade.shade(1.3), top=2.5, edge=1.5)
        if guarded:
            t = np.linspace(0, 2 * np.pi, 20)
            ring = np.stack([x + (radius + 3) * np.cos(t), np.full(20, y), z + (radius + 3) * np.sin(t)], 1)
            relief.add(stroke(eye.seen(ring), 2.4), dark, top=1, edge=1.2)


def _body(
    rng: np.random.Generator,
    relief: Relief,
    eye: _Eye,
    shell: Material,
    dark: Material,
    size: float,
    tall: float,
    long: float,
) -> None:
    t = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    ring = np.stack(
        [
            np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.7,
            np.zeros(32),
            np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.7 * long,
        ],
        1,
    )
    level = np.array([0.0, 1.0, 0.0])
    rings = [eye.seen(ring * size * w + level * h) for w, h in ((0.75, -tall * 0.6), (1.05, 0.0), (0.7, tall * 0.7))]
    hull = cv2.convexHull(np.concatenate(rings).astype(np.float32))[:, 0].astype(np.float64)
    relief.add(hull, shell, top=1, edge=np.inf)
    lid = eye.seen(ring * size * rng.uniform(0.4, 0.65) + level * tall * 0.72)
    base = eye.seen(ring * size * 0.6 - level * tall * 0.62)
    relief.add(
        lid if eye.above > 0 else base,
        shell.shade(rng.uniform(0.6, 1.2)) if rng.random() < 0.6 else dark,
        top=1.5,
        edge=2,
    )
    if rng.random() < 0.6:
        t = np.linspace(0.15, 0.85, 9) * np.pi + eye.turn
        band = np.stack([np.cos(t), np.zeros(9), np.sin(t) * long], 1) * size * 1.04
        colour = pick(rng, "red", "blue", "black", "grey", "orange", surprise=0)
        relief.add(stroke(eye.seen(band), rng.uniform(1.5, 3.5)), colour, top=2.5, edge=1)


def _skids(rng: np.random.Generator, relief: Relief, eye: _Eye, arm: Material, size: float, tall: float) -> None:
    drop, wide, deep = rng.uniform(26, 40), rng.uniform(16, 26), rng.uniform(12, 20)
    for side in (-1.0, 1.0):
        corner = [side * size * 0.6, -tall * 0.3, 0.0]
        for end in (-1.0, 1.0):
            post = np.array([[corner[0], corner[1], end * deep * 0.6], [side * wide, -drop, end * deep]])
            relief.add(stroke(eye.seen(post), 4.2, 3), arm.shade(0.9), edge=np.inf)
        bar = np.array([[side * wide, -drop, -deep * 1.4], [side * wide, -drop, deep * 1.4]])
        relief.add(stroke(eye.seen(bar), 3.4), arm.shade(0.8), top=0.5, edge=np.inf)


def _gimbal(rng: np.random.Generator, relief: Relief, eye: _Eye, tall: float) -> None:
    """A camera on a short neck under the body."""
    dark = pick(rng, "black", "grey", "steel", "white", surprise=0.03)
    x, y = eye.seen(np.array([[0.0, -tall * 0.6 - 9, 6.0]]))[0]
    neck = eye.seen(np.array([[0.0, -tall * 0.4, 4.0], [0.0, -tall * 0.6 - 8, 5.0]]))
    relief.add(stroke(neck, 5), dark.shade(0.8), edge=np.inf)
    relief.add(box(x - 7, y - 5.5, x + 7, y + 5.5, 3), dark, top=1, edge=2.5)
    relief.add(ellipse(x, y, 4), Material((24, 26, 40), 1.0), top=2, edge=3)
    relief.add(
        outline((x - 1.8, y - 2), (x - 0.6, y - 2), (x - 0.6, y - 0.9), (x - 1.8, y - 0.9)),
        Material((230, 235, 245)),
        top=2.2,
        edge=0,
    )
