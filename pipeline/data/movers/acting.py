"""Who does what: the people of a clip whose class is given, and those who are there by chance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.data.movers.actor import Actor, draw_actor
from pipeline.data.movers.falling import falling
from pipeline.data.movers.fighting import fighting
from pipeline.data.movers.figure import Shapes
from pipeline.data.movers.gait import draw_gait, going
from pipeline.data.movers.props import bench
from pipeline.data.movers.resting import lying_and_rising
from pipeline.data.movers.skeleton import Movement
from pipeline.data.movers.standing import bending, sitting, standing

CLASSES = ("walk", "fast_walk", "run", "fall", "fight", "stand")
_SPEEDS = {"walk": (1.0, 1.42), "fast_walk": (1.8, 2.25), "run": (2.6, 3.9)}


@dataclass
class Cast:
    """The people whom the clip is about, first the actor; and the things that they need."""

    people: list[tuple[Actor, Movement]] = field(default_factory=list)
    things: list[Shapes] = field(default_factory=list)


def draw_cast(rng: np.random.Generator, actor: Actor, label: str, duration: float) -> Cast:
    """What the actor does in a clip of `duration` s, with whom. Everything is near the origin; a goer goes along x."""
    if label in _SPEEDS:
        return _goers(rng, actor, label, duration)
    if label == "fall":
        return Cast([(actor, falling(rng, actor.body, duration))])
    if label == "fight":
        other = draw_actor(rng)
        first, second = fighting(rng, (actor.body, other.body))
        return Cast([(actor, first), (other, second)])
    if label == "stand":
        return _stayers(rng, actor, duration)
    raise ValueError(f"no movement is called {label!r}; there are {', '.join(CLASSES)}")


def draw_passer_by(rng: np.random.Generator, origin_xy: tuple[float, float], away: float) -> tuple[Actor, Movement]:
    """Somebody in the background who stands, walks or runs; `away` is the heading that leads from the camera."""
    somebody, heading = draw_actor(rng), away + float(rng.uniform(-1.75, 1.75))
    label = str(rng.choice(["stand", "walk", "fast_walk", "run"], p=[0.45, 0.35, 0.1, 0.1]))
    if label == "stand":
        heading += np.pi * float(rng.integers(2))
        return somebody, standing(rng, somebody.body, _habit(rng), origin_xy=origin_xy, heading=heading)
    gait = draw_gait(rng, somebody.body, float(rng.uniform(*_SPEEDS[label])), runs=label == "run")
    return somebody, going(somebody.body, gait, origin_xy, heading)


def _goers(rng: np.random.Generator, actor: Actor, label: str, duration: float) -> Cast:
    speed, runs = float(rng.uniform(*_SPEEDS[label])), label == "run"
    start = -speed * duration / 2
    people = [(actor, going(actor.body, draw_gait(rng, actor.body, speed, runs=runs), (start, 0.0)))]
    if rng.random() < 0.28:
        other, beside = draw_actor(rng), float(rng.uniform(0.55, 0.95)) * float(rng.choice([-1, 1]))
        gait = draw_gait(rng, other.body, speed, runs=runs)
        people.append((other, going(other.body, gait, (start + float(rng.normal(0, 0.25)), beside))))
    return Cast(people)


def _stayers(rng: np.random.Generator, actor: Actor, duration: float) -> Cast:
    kinds = ("alone", "two", "lies", "bends", "sits")
    kind, body = str(rng.choice(kinds, p=[0.3, 0.27, 0.2, 0.12, 0.11])), actor.body
    if kind == "two":
        return _talkers(rng, actor)
    if kind == "lies":
        return Cast([(actor, lying_and_rising(rng, body, duration))])
    if kind == "bends":
        return Cast([(actor, bending(rng, body, duration))])
    if kind == "sits":
        seat = float(rng.uniform(0.4, 0.5))
        return Cast([(actor, sitting(rng, body, duration, seat))], [bench(rng, np.array([-0.42, 0.0]), 0.0, seat)])
    return Cast([(actor, standing(rng, body, _habit(rng), gestures=float(rng.choice([0.1, 0.6]))))])


def _talkers(rng: np.random.Generator, actor: Actor) -> Cast:
    """Two who face one another, or stand side by side, as near as those who fight."""
    other, gap, gestures = draw_actor(rng), float(rng.uniform(0.6, 1.25)), float(rng.uniform(0.2, 1.0))
    turned = np.radians(float(rng.choice([0, 35, 80], p=[0.55, 0.25, 0.2])) * float(rng.choice([-1, 1])))
    calm = ("hangs", "hips", "folded", "pockets", "screen")
    people = []
    for who, heading, x in ((actor, turned, -gap / 2), (other, np.pi - turned, gap / 2)):
        habit = _habit(rng) if rng.random() < 0.2 else calm[int(rng.integers(len(calm)))]
        move = standing(rng, who.body, habit, gestures=gestures, origin_xy=(x, 0.0), heading=float(heading))
        people.append((who, move))
    return Cast(people)


def _habit(rng: np.random.Generator) -> str:
    habits = ("hangs", "hips", "folded", "pockets", "screen", "screen in both", "telephone", "raised", "guard")
    return str(rng.choice(habits, p=[0.3, 0.1, 0.1, 0.1, 0.1, 0.08, 0.08, 0.05, 0.09]))
