"""Who moves: a body, skin, hair and clothes that stay through all recordings of an actor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.data.sprites.materials import Colour, pick_cloth, pick_skin

_HAIRS: tuple[Colour, ...] = (
    (28, 22, 20),
    (60, 40, 28),
    (110, 76, 44),
    (190, 158, 100),
    (150, 150, 150),
    (120, 56, 32),
)
_SHOES: tuple[Colour, ...] = (
    (34, 32, 34),
    (84, 56, 38),
    (216, 214, 208),
    (120, 120, 124),
    (150, 40, 40),
    (40, 60, 110),
)


@dataclass(frozen=True)
class Body:
    """Lengths in metres between joints; `girth` and `shoulder_girth` scale the thickness of all limbs and the torso.

    The mean shares of the stature are near those of Drillis & Contini (1966), as Winter's "Biomechanics and Motor
    Control of Human Movement" gives them; hands end at the knuckles.
    """

    stature: float
    thigh: float
    shank: float
    ankle: float
    heel: float
    ball: float
    hip: float
    trunk: float
    shoulder: float
    upper_arm: float
    forearm: float
    hand: float
    neck: float
    head: float
    girth: float
    torso_girth: float

    @property
    def leg(self) -> float:
        """From hip to ankle."""
        return self.thigh + self.shank


@dataclass(frozen=True)
class Clothes:
    """Colours are RGB 0..255; `sleeve` and `leg` are the covered shares of arm and leg; `hem` that of the thigh."""

    top: Colour
    second: Colour
    bottom: Colour
    shoes: Colour
    sleeve: float
    leg: float
    hem: float
    skirt: bool
    striped: bool
    headwear: bool
    hat: Colour
    bag: str
    bag_colour: Colour


@dataclass(frozen=True)
class Actor:
    body: Body
    skin: Colour
    hair: Colour
    hair_length: float
    clothes: Clothes


def draw_actor(rng: np.random.Generator) -> Actor:
    """A new person."""
    return Actor(
        body=_draw_body(rng),
        skin=pick_skin(rng).colour,
        hair=_near(rng, _HAIRS),
        hair_length=float(rng.choice([0.0, 0.15, 0.3, 1.0], p=[0.08, 0.42, 0.2, 0.3])) * rng.uniform(0.7, 1.0),
        clothes=_draw_clothes(rng),
    )


def _draw_body(rng: np.random.Generator) -> Body:
    stature = float(np.clip(rng.normal(1.71, 0.1), 1.45, 1.98))
    legs, arms, wide = (float(np.clip(rng.normal(1, 0.035), 0.92, 1.08)) for _ in range(3))
    girth = float(np.clip(rng.normal(1, 0.13), 0.75, 1.4))
    trunk = stature * (0.288 - 0.491 * (legs - 1))
    return Body(
        stature=stature,
        thigh=stature * 0.245 * legs,
        shank=stature * 0.246 * legs,
        ankle=stature * 0.039,
        heel=stature * 0.035,
        ball=stature * 0.085,
        hip=stature * 0.055 * wide,
        trunk=trunk,
        shoulder=stature * 0.112 * wide,
        upper_arm=stature * 0.172 * arms,
        forearm=stature * 0.146 * arms,
        hand=stature * 0.07 * arms,
        neck=stature * 0.055,
        head=stature * 0.056 * float(rng.uniform(0.95, 1.1)),
        girth=girth,
        torso_girth=girth * float(rng.uniform(0.9, 1.15)),
    )


def _draw_clothes(rng: np.random.Generator) -> Clothes:
    return Clothes(
        top=pick_cloth(rng).colour,
        second=pick_cloth(rng).colour,
        bottom=pick_cloth(rng).colour,
        shoes=_near(rng, _SHOES),
        sleeve=float(rng.choice([0.0, 0.3, 1.0], p=[0.07, 0.33, 0.6])),
        leg=float(rng.choice([0.3, 0.45, 1.0], p=[0.05, 0.17, 0.78])),
        hem=float(rng.choice([0.0, 0.25, 0.75], p=[0.6, 0.25, 0.15])),
        skirt=bool(rng.random() < 0.14),
        striped=bool(rng.random() < 0.3),
        headwear=bool(rng.random() < 0.22),
        hat=pick_cloth(rng).colour,
        bag=str(rng.choice(["none", "back", "side"], p=[0.74, 0.16, 0.1])),
        bag_colour=pick_cloth(rng).colour,
    )


def _near(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    base = np.array(colours[int(rng.integers(len(colours)))]) * rng.normal(1, 0.07, 3)
    red, green, blue = (float(channel) for channel in np.clip(base, 8, 245))
    return (red, green, blue)
