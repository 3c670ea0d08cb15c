"""Eyes, brows and mouth: what an expression moves, painted on the chart for every frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.data.people import chart
from pipeline.data.people.person import Person
from pipeline.data.sprites.shapes import Outline, ellipse, smooth, turned

_WHITE = np.array([226.0, 220.0, 216.0])
_TEETH = (224.0, 216.0, 204.0)
_LIP = np.array([168.0, 74.0, 76.0])


@dataclass(frozen=True)
class Expression:
    """Smile -1..1, mouth open 0..1, brows lifted -1..1, eyes open 0..1.2, gaze to the right of the picture -1..1."""

    smile: float
    mouth_open: float
    brow_lift: float
    eyes_open: float
    gaze: float


def paint_features(face: chart.Chart, person: Person, expression: Expression) -> None:
    """Paint eyes, brows and mouth over the skin, in place."""
    for side in (-1, 1):
        _paint_eye(face, person, expression, side)
        _paint_brow(face, person, expression, side)
    _paint_mouth(face, person, expression)


def mouth_corners(person: Person, expression: Expression) -> Outline:
    """`[2, 2]` x and y of the left and the right corner of the mouth."""
    y = person.nose.tip_y + person.mouth.below
    wide = person.mouth.wide * (1 + 0.14 * expression.smile - 0.12 * expression.mouth_open)
    lift = -0.06 * expression.smile - person.mouth.curve
    return np.array([(-wide, y + lift), (wide, y + lift)])


def _paint_eye(face: chart.Chart, person: Person, expression: Expression, side: int) -> None:
    eyes, skin = person.eyes, np.array(person.skin.colour)
    opened = float(np.clip(expression.eyes_open, 0.0, 1.2))
    upper, lower = eyes.tall * opened * 1.1, eyes.tall * (0.35 + 0.45 * opened - 0.15 * max(expression.smile, 0))
    t = np.linspace(-1, 1, 15)
    arch = 1 - np.abs(t) ** 2.2
    # t runs from the inner to the outer corner; the lid is highest a little towards the nose.
    lid = np.stack([side * t * eyes.wide, -upper * arch * (1 - 0.15 * t) + 0.012], 1)
    floor = np.stack([side * t * eyes.wide, lower * arch * (1 + 0.15 * t) + 0.012], 1)
    lid, floor = (turned(curve, -side * eyes.slant) + np.array([side * eyes.apart, 0.0]) for curve in (lid, floor))
    shade = smooth(
        np.concatenate([lid - np.array([0, 0.075 + 0.02 * eyes.lid]), (floor + np.array([0, 0.05]))[::-1]]), 1
    )
    chart.lay(face, shade, skin * (0.74, 0.66, 0.64), 0.42, blur=0.035)
    crease = lid[1:-1] - np.array([0, 0.022 + 0.045 * eyes.lid])
    chart.line(face, crease, skin * (0.5, 0.4, 0.38), 0.014, 0.75, blur=0.006)
    if opened > 0.12:
        _paint_ball(face, person, expression, np.concatenate([lid, floor[::-1]]), side)
    chart.line(face, lid, (26, 20, 20), 0.026, 0.9)
    chart.line(face, floor[2:], skin * (0.5, 0.38, 0.36), 0.014, 0.7)


def _paint_ball(face: chart.Chart, person: Person, expression: Expression, opening: Outline, side: int) -> None:
    """White, iris, pupil and the reflection of a window, seen through the opening of the lids only."""
    eyes = person.eyes
    pixels = chart.to_pixels(opening)
    low, high = np.floor(pixels.min(axis=0)).astype(int) - 2, np.ceil(pixels.max(axis=0)).astype(int) + 3
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(mask, [chart.fixed_point(pixels - low)], 255, cv2.LINE_AA, 4)
    ball = np.empty((*mask.shape, 3), np.uint8)
    ball[:] = _WHITE
    centre = chart.to_pixels([(side * eyes.apart + expression.gaze * eyes.wide * 0.45, 0.0)])[0] - low
    radius = 0.072 * chart.PIXELS_PER_UNIT
    iris = np.array(eyes.iris)
    at = centre * 16
    for size, colour in ((1.0, iris * 0.55), (0.85, iris), (0.42, iris * 0.12)):
        cv2.circle(
            ball, np.rint(at).astype(int).tolist(), round(radius * size * 16), colour.tolist(), -1, cv2.LINE_AA, 4
        )
    glint = np.rint(at - radius * 16 * np.array([0.3, 0.35])).astype(int).tolist()
    cv2.circle(ball, glint, round(radius * 0.24 * 16), (250, 250, 250), -1, cv2.LINE_AA, 4)
    # The upper lid shades the ball below it.
    rows = np.linspace(0.62, 1.05, mask.shape[0])[:, None, None]
    chart.blend(face[low[1] : high[1], low[0] : high[0]], mask, np.clip(ball * rows, 0, 255).astype(np.float32))


def _paint_brow(face: chart.Chart, person: Person, expression: Expression, side: int) -> None:
    brows, eyes = person.brows, person.eyes
    t = np.linspace(-1, 1, 13)
    x = side * (eyes.apart + brows.gap + t * brows.wide)
    arch = -brows.arch * (1 - (t - 0.25) ** 2)
    tilt = -np.sin(np.radians(brows.tilt)) * brows.wide * t
    y = -brows.height + arch + tilt - 0.06 * expression.brow_lift * (1 - 0.4 * t)
    thick = brows.thick * np.interp(t, [-1, -0.8, 0.2, 1], [0.65, 1.0, 0.9, 0.15])
    shape = np.concatenate([np.stack([x, y - thick], 1), np.stack([x, y + thick * 0.8], 1)[::-1]])
    skin, hair = np.array(person.skin.colour), np.array(person.hair.colour)
    colour = np.minimum(hair * 0.85, skin * 0.6)
    chart.lay(face, shape, colour, brows.dark, blur=0.011)
    chart.lay(face, shape, colour * 0.7, brows.dark * 0.4)


def _paint_mouth(face: chart.Chart, person: Person, expression: Expression) -> None:
    mouth, skin = person.mouth, np.array(person.skin.colour)
    left, right = mouth_corners(person, expression)
    middle_y = person.nose.tip_y + mouth.below
    wide = float(right[0])
    corner = float(right[1]) - middle_y
    opened = float(np.clip(expression.mouth_open, 0, 1)) * 0.14
    t = np.linspace(-1, 1, 21)
    bend = middle_y + corner * t**2 * np.abs(t) ** 0.3
    swell = np.sqrt(np.clip(1 - t * t, 0, 1))
    bow = 1 - 0.28 * np.exp(-((t / 0.13) ** 2)) + 0.12 * np.exp(-(((np.abs(t) - 0.25) / 0.14) ** 2))
    inner_top = bend - opened * 0.25 * swell
    inner_low = bend + opened * swell
    outer_top = inner_top - mouth.upper * np.clip(1 - np.abs(t) ** 1.6, 0, 1) * bow
    outer_low = inner_low + mouth.lower * np.clip(1 - np.abs(t) ** 2.4, 0, 1)
    x = t * wide
    lip = skin * (1 - mouth.red) * (0.88, 0.74, 0.74) + _LIP * mouth.red * (skin.mean() / 190)
    shadow = np.stack([x[5:-5], outer_low[5:-5] + 0.035], 1)
    chart.line(face, shadow, skin * 0.62, 0.04, 0.5, blur=0.022)
    whole = _between(x, outer_top, outer_low)
    chart.lay(face, whole, lip, 0.9, blur=0.008)
    chart.lay(face, _between(x, outer_top, inner_top), lip * 0.78, 0.7, blur=0.006)
    sheen = ellipse(0, middle_y + opened + mouth.lower * 0.55, wide * 0.36, mouth.lower * 0.22)
    chart.lay(face, sheen, np.minimum(lip * 1.3, 255), 0.4, blur=0.012)
    if opened > 0.012:
        chart.lay(face, _between(x * 0.94, inner_top, inner_low), (52, 22, 24))
        teeth = np.minimum(inner_top + 0.05, inner_low)
        chart.lay(face, _between(x[3:-3] * 0.9, inner_top[3:-3] + 0.004, teeth[3:-3]), _TEETH, 0.9, blur=0.004)
    else:
        chart.line(face, np.stack([x, (inner_top + inner_low) / 2], 1), lip * (0.34, 0.28, 0.3), 0.022, 0.9, blur=0.004)
    for corner_x, corner_y in (left, right):
        chart.lay(face, ellipse(corner_x, corner_y, 0.026, 0.02, points=12), skin * 0.5, 0.55, blur=0.01)


def _between(x: np.ndarray, top: np.ndarray, low: np.ndarray) -> Outline:
    return np.concatenate([np.stack([x, top], 1), np.stack([x, low], 1)[::-1]])
