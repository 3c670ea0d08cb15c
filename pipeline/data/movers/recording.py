"""A clip of an actor: what he does, where, in which light, before which camera."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.data.movers.acting import CLASSES, draw_cast, draw_passer_by
from pipeline.data.movers.actor import Actor, draw_actor
from pipeline.data.movers.camera import Camera, draw_camera
from pipeline.data.movers.figure import Shapes, figure
from pipeline.data.movers.light import draw_light, draw_sensor, photographed
from pipeline.data.movers.painting import Painter
from pipeline.data.movers.place import draw_place
from pipeline.data.movers.props import bench, post
from pipeline.data.movers.skeleton import Array, Movement

# Streams of random numbers that must not meet.
_ACTOR, _RECORDING, _NOISE = 1, 2, 3


def draw_action(
    seed: int, actor: int, index: int, label: str, fps: float, n_frames: int, height: int, width: int
) -> NDArray[np.uint8]:
    """`[n_frames, height, width, 3]` RGB 0..255: recording `index` of what `label` names, by actor number `actor`.

    Body, skin, hair and clothes of the actor depend on (seed, actor) only; all else on (seed, actor, label, index), on
    the length in seconds (n_frames / fps) and the shape. The same clip at twice the rate has every moment of it, and
    those between; only the noise of the sensor differs. Raises ValueError for an unknown label or an empty clip.
    """
    if label not in CLASSES:
        raise ValueError(f"no movement is called {label!r}; there are {', '.join(CLASSES)}")
    if n_frames < 1 or height < 1 or width < 1 or not fps > 0:
        raise ValueError(f"a clip of {n_frames} frames, {width} × {height}, {fps} a second cannot be drawn")
    key = [seed, _RECORDING, actor, CLASSES.index(label), index]
    rng, duration = np.random.default_rng(key), n_frames / fps
    t = np.arange(n_frames) / fps
    indoors = bool(rng.random() < 0.35)
    light = draw_light(rng, indoors=indoors)
    sensor = draw_sensor(rng, light)
    cast = draw_cast(rng, _actor(seed, actor), label, duration)
    camera = draw_camera(rng, [move for _, move in cast.people], duration, width / height)
    others = _passers_by(rng, camera, duration)
    joints = [(who, move(t)) for who, move in (*cast.people, *others)]
    view = camera.view(t, height, width)
    cover = np.concatenate([points[:, :, :2].reshape(-1, 2) for _, points in joints] + [_course(camera, duration)])
    place = draw_place(rng, light, cover, indoors=indoors)
    shapes = [figure(who, points) for who, points in joints] + cast.things + _things(rng, camera, duration)
    painter = Painter(shapes, view, light)
    meter = float(place.seen(view, 0).mean()) / 255
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    for i in range(n_frames):
        noise = np.random.default_rng([*key, _NOISE, i])
        frames[i] = photographed(painter.paint(place.seen(view, i), i), sensor, meter, noise)
    return frames


@lru_cache(maxsize=16)
def _actor(seed: int, number: int) -> Actor:
    return draw_actor(np.random.default_rng([seed, _ACTOR, number]))


def _course(camera: Camera, duration: float) -> Array:
    """`[k, 2]`: where the camera is."""
    return camera.place_at(np.linspace(0, duration, 5))[:, :2]


def _passers_by(rng: np.random.Generator, camera: Camera, duration: float) -> list[tuple[Actor, Movement]]:
    """Smaller than the people whom the clip is about, for they are farther away."""
    people = []
    for _ in range(int(rng.choice(4, p=[0.6, 0.22, 0.12, 0.06]))):
        ahead, right, distance = _look(camera, duration)
        far = distance * float(rng.uniform(1.7, 3.2))
        side = far * float(rng.uniform(-0.5, 0.5)) / camera.focal
        start = camera.place_at(np.array([duration / 2]))[0, :2] + far * ahead + side * right
        people.append(draw_passer_by(rng, (float(start[0]), float(start[1])), float(np.arctan2(ahead[1], ahead[0]))))
    return people


def _things(rng: np.random.Generator, camera: Camera, duration: float) -> list[Shapes]:
    """Posts and benches behind the people, now and then before them."""
    things = []
    ahead, right, distance = _look(camera, duration)
    eye = camera.place_at(np.array([duration / 2]))[0, :2]
    for _ in range(int(rng.choice(3, p=[0.4, 0.4, 0.2]))):
        before = rng.random() < 0.3
        far = distance * float(rng.uniform(0.45, 0.75) if before else rng.uniform(1.35, 2.6))
        side = far * float(rng.uniform(-0.6, 0.6)) / camera.focal
        at = eye + far * ahead + side * right
        if before or rng.random() < 0.6:
            things.append(post(rng, at, slim=before))
        else:
            things.append(bench(rng, at, float(rng.uniform(0, 2 * np.pi))))
    return things


def _look(camera: Camera, duration: float) -> tuple[Array, Array, float]:
    """Unit vectors `[2]` on the ground ahead and to the right in the middle of the clip, and the distance aimed at."""
    middle = np.array([duration / 2])
    way = (camera.aim_at(middle) - camera.place_at(middle))[0, :2]
    distance = float(np.hypot(*way))
    ahead = way / distance
    return ahead, np.array([ahead[1], -ahead[0]]), distance
