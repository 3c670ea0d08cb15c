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
from pipeline.data.movers.place import Place, draw_place
from pipeline.data.movers.props import bench, post
from pipeline.data.movers.skeleton import Array, Movement

# Streams of random numbers that must not meet.
_ACTOR, _RECORDING, _NOISE, _NOISE_BEFORE = 1, 2, 3, 4


def draw_action(
    seed: int, actor: int, index: int, label: str, fps: float, n_frames: int, height: int, width: int
) -> NDArray[np.uint8]:
    """`[n_frames, height, width, 3]` RGB 0..255: recording `index` of what `label` names, by actor number `actor`.

    Body, skin, hair and clothes of the actor depend on (seed, actor) only; all else on (seed, actor, label, index), on
    the length in seconds (n_frames / fps) and the shape. The same clip at twice the rate has every moment of it, and
    those between; only the noise of the sensor differs. Raises ValueError for an unknown label or an empty clip.
    """
    return draw_with_past(seed, actor, index, label, fps, n_frames, height, width, 0)[1]


def draw_with_past(
    seed: int, actor: int, index: int, label: str, fps: float, n_frames: int, height: int, width: int, n_before: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What the same camera saw just before, `[k, height, width, 3]` with k up to `n_before`, and `draw_action`'s clip.

    There are fewer frames before where the camera or somebody would come out of a wall. They change no byte of the
    clip. Raises ValueError as draw_action does.
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
    people = [*cast.people, *_passers_by(rng, camera, duration)]
    cover = np.concatenate([_on_ground(people, t), _course(camera, duration)])
    place = draw_place(rng, light, cover, indoors=indoors)
    things = cast.things + _things(rng, camera, duration)
    meter = float(place.seen(camera.view(t, height, width), 0).mean()) / 255

    # Before and clip are painted apart, for the last bits of sums may depend on how many there are.
    def filmed(times: Array, noise: int, numbers: range) -> NDArray[np.uint8]:
        if not len(times):
            return np.empty((0, height, width, 3), np.uint8)
        view = camera.view(times, height, width)
        painter = Painter([figure(who, move(times)) for who, move in people] + things, view, light)
        frames = np.empty((len(times), height, width, 3), np.uint8)
        for i, number in enumerate(numbers):
            grain = np.random.default_rng([*key, noise, number])
            frames[i] = photographed(painter.paint(place.seen(view, i), i), sensor, meter, grain)
        return frames

    before = _before(people, camera, place, n_before, fps)
    return filmed(before, _NOISE_BEFORE, range(len(before), 0, -1)), filmed(t, _NOISE, range(n_frames))


def _on_ground(people: list[tuple[Actor, Movement]], t: Array) -> Array:
    """`[k, 2]`: where the joints of all are at all times."""
    return np.concatenate([move(t)[:, :, :2].reshape(-1, 2) for _, move in people])


def _before(people: list[tuple[Actor, Movement]], camera: Camera, place: Place, n_before: int, fps: float) -> Array:
    """Up to `n_before` times in s before 0, the earliest first, from which on all are within the walls."""
    times: list[float] = []
    for i in range(1, n_before + 1):
        t = np.array([-i / fps])
        if not place.holds(np.concatenate([_on_ground(people, t), camera.place_at(t)[:, :2]])):
            break
        times.insert(0, -i / fps)
    return np.array(times)


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
