"""Chances of the measures of a person."""

from __future__ import annotations

import numpy as np

from pipeline.data.people.person import (
    Beard,
    BeardStyle,
    Brows,
    Colour,
    Ears,
    Eyes,
    Glasses,
    Hair,
    HairStyle,
    Mouth,
    Nose,
    Person,
    Skin,
    Skull,
)

_SKINS = np.array([(243, 205, 182), (229, 183, 154), (208, 158, 124), (174, 122, 90), (130, 86, 62), (96, 63, 48)])
_HAIRS = np.array([(32, 26, 25), (52, 37, 30), (84, 57, 40), (122, 84, 54), (170, 132, 84), (136, 66, 38)])
_IRISES = np.array([(62, 40, 28), (92, 62, 36), (104, 98, 56), (86, 116, 96), (92, 124, 152), (122, 130, 136)])


def draw_person(rng: np.random.Generator) -> Person:
    """A new person: some fifty measures, continuous where people differ continuously.

    Sturdy and slight faces, and young and old ones, are drawn as wholes (brows, jaw, beard and hair go together); the
    measures of eyes, nose and mouth are independent of them and of one another.
    """
    sturdy, age = float(np.clip(rng.beta(0.7, 0.7), 0, 1)), float(rng.beta(1.2, 1.8))
    cheek = _about(rng, 0.71, 0.86)
    tone = float(rng.uniform(0, 4.6))
    hair = _draw_hair(rng, sturdy, age, tone)
    return Person(
        skull=Skull(
            forehead=cheek * _about(rng, 0.89, 1.0),
            cheek=cheek,
            jaw=cheek * (_about(rng, 0.66, 0.81) + 0.1 * sturdy),
            chin=_about(rng, 0.18, 0.32) + 0.1 * sturdy,
            crown=_about(rng, 1.12, 1.3),
            chin_y=_about(rng, 0.96, 1.22),
            brow_ridge=_about(rng, 0.0, 0.05) + 0.05 * sturdy,
            cheekbone=_about(rng, 0.0, 0.1),
            chin_bulge=_about(rng, 0.0, 0.1),
            flatness=_about(rng, 2.0, 2.8),
        ),
        eyes=Eyes(
            apart=_about(rng, 0.295, 0.385),
            wide=_about(rng, 0.135, 0.185),
            tall=_about(rng, 0.048, 0.09),
            slant=_about(rng, -6, 10),
            depth=_about(rng, 0.03, 0.13),
            lid=_about(rng, 0.0, 1.0),
            iris=_iris(rng, tone),
        ),
        brows=Brows(
            height=_about(rng, 0.18, 0.29) - 0.03 * sturdy,
            wide=_about(rng, 0.19, 0.27),
            thick=_about(rng, 0.018, 0.042) + 0.028 * sturdy,
            arch=_about(rng, 0.0, 0.09),
            tilt=_about(rng, -10, 12),
            gap=_about(rng, -0.03, 0.05),
            dark=_about(rng, 0.55, 0.95),
        ),
        nose=Nose(
            tip_y=_about(rng, 0.36, 0.55),
            wide=_about(rng, 0.12, 0.23),
            tip=_about(rng, 0.2, 0.38),
            bridge=_about(rng, 0.04, 0.17),
            slim=_about(rng, 0.06, 0.12),
            hang=_about(rng, -0.04, 0.05),
        ),
        mouth=Mouth(
            below=_about(rng, 0.2, 0.29),
            wide=_about(rng, 0.21, 0.33),
            upper=_about(rng, 0.025, 0.075),
            lower=_about(rng, 0.04, 0.105),
            curve=_about(rng, -0.035, 0.03),
            red=_about(rng, 0.15, 0.5) + 0.3 * (1 - sturdy) * rng.random(),
        ),
        ears=Ears(size=_about(rng, 0.17, 0.27), out=_about(rng, 0.06, 0.17), y=_about(rng, 0.08, 0.2)),
        skin=Skin(
            colour=_skin(rng, tone),
            blush=_about(rng, 0.0, 0.5),
            freckles=float(rng.random() < 0.2 and tone < 2.5) * rng.uniform(0.3, 1),
            moles=int(rng.choice(4, p=[0.7, 0.2, 0.07, 0.03])),
            age=age,
            seed=int(rng.integers(2**31)),
        ),
        hair=hair,
        beard=_draw_beard(rng, sturdy),
        glasses=draw_spectacles(rng) if rng.random() < 0.2 else None,
    )


def _about(rng: np.random.Generator, low: float, high: float) -> float:
    """A measure between two extremes; more people are near the middle, so that two of them can be much alike."""
    return float(low + (high - low) * rng.beta(1.4, 1.4))


def _skin(rng: np.random.Generator, tone: float) -> Colour:
    base = [np.interp(tone, np.arange(len(_SKINS)), _SKINS[:, channel]) for channel in range(3)]
    undertone, warmth = rng.normal(0, 0.02), rng.normal(0, 0.02)
    red, green, blue = base * np.array([1 + warmth, 1 + undertone, 1 - warmth])
    return (float(min(red, 250)), float(green), float(blue))


def _iris(rng: np.random.Generator, tone: float) -> Colour:
    place = rng.uniform(0, 5) if tone < 2 else rng.uniform(0, 1.2)
    red, green, blue = (float(np.interp(place, np.arange(len(_IRISES)), _IRISES[:, channel])) for channel in range(3))
    return (red, green, blue)


def _draw_hair(rng: np.random.Generator, sturdy: float, age: float, tone: float) -> Hair:
    styles: tuple[HairStyle, ...] = ("bald", "cropped", "short", "swept", "curly", "bob", "long", "tied")
    chances = np.array([0.1, 0.2, 0.32, 0.22, 0.12, 0.02, 0.02, 0.02]) * sturdy
    chances += np.array([0.0, 0.02, 0.06, 0.12, 0.16, 0.2, 0.26, 0.18]) * (1 - sturdy)
    place = rng.uniform(0, 4.6) if tone < 2 else rng.uniform(0, 1.6)
    colour = np.array([np.interp(place, np.arange(len(_HAIRS)), _HAIRS[:, channel]) for channel in range(3)])
    grey = float(np.clip((age - 0.5) * 2 * rng.uniform(0, 1.6), 0, 0.9))
    red, green, blue = colour * (1 - grey) + np.array([176.0, 172.0, 168.0]) * grey
    return Hair(
        style=styles[int(rng.choice(len(styles), p=chances / chances.sum()))],
        colour=(float(red), float(green), float(blue)),
        line_y=rng.uniform(-0.86, -0.6),
        recession=sturdy * age * rng.uniform(0, 0.35),
        volume=rng.uniform(0.05, 0.2),
        length=rng.uniform(0.9, 1.55),
        parting=rng.uniform(-0.7, 0.7),
        fringe=float(rng.random() < 0.35) * rng.uniform(0.4, 1),
        seed=int(rng.integers(2**31)),
    )


def _draw_beard(rng: np.random.Generator, sturdy: float) -> Beard:
    if rng.random() > (sturdy - 0.4) * 1.2:
        return Beard("none", 0.0)
    styles: tuple[BeardStyle, ...] = ("stubble", "moustache", "goatee", "full")
    return Beard(styles[int(rng.choice(4, p=[0.4, 0.15, 0.2, 0.25]))], rng.uniform(0.5, 0.95))


def draw_spectacles(rng: np.random.Generator) -> Glasses:
    """A pair of glasses."""
    colours: tuple[Colour, ...] = (
        (28, 26, 28),
        (70, 44, 30),
        (120, 120, 126),
        (150, 116, 60),
        (90, 30, 36),
        (34, 50, 84),
    )
    return Glasses(
        wide=rng.uniform(0.22, 0.28),
        tall=rng.uniform(0.14, 0.22),
        square=rng.uniform(0.0, 1.0),
        thick=rng.uniform(0.012, 0.045),
        colour=colours[int(rng.integers(len(colours)))],
    )
