"""Neck, shoulders, clothes, ears and the hair that hangs behind: what stands around the relief of the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.people.chart import fixed_point, over
from pipeline.data.people.hair import full_volume, lays_behind
from pipeline.data.people.light import shade_flat
from pipeline.data.people.person import Person
from pipeline.data.people.recording import Recording
from pipeline.data.people.view import View
from pipeline.data.sprites.shapes import Outline, ellipse, smooth, symmetric

Frame = NDArray[np.uint8]
_SKULL_LENGTH, _SKULL_MIDDLE_Z = 1.12, -0.3


def draw_body(frame: Frame, person: Person, recording: Recording, view: View) -> None:
    """Paint hair behind, clothes and neck into an RGB frame, in place. The body turns a third as far as the head."""
    anchor = view.project([(0.0, 0.75, -0.2)])[0] - (0.0, 0.75 * view.scale)
    lean = view.rotation[0, 2] * 0.1

    def place(points: Outline) -> NDArray[np.int32]:
        return fixed_point(points * view.scale + anchor + (lean * view.scale, 0.0))

    drawn, mask = np.zeros_like(frame), np.zeros(frame.shape[:2], np.uint8)

    def fill(points: Outline, colour: NDArray[np.float64]) -> None:
        pixels = [place(points)]
        cv2.fillPoly(drawn, pixels, np.clip(colour, 0, 255).tolist(), cv2.LINE_AA, 4)
        cv2.fillPoly(mask, pixels, 255, cv2.LINE_AA, 4)

    chin, skin = person.skull.chin_y, np.array(person.skin.colour)
    neck = person.skull.jaw * 0.72 + 0.03
    collar = chin + 0.34
    behind = lays_behind(person.hair)
    if behind is not None and recording.headwear != "hood":
        out = person.skull.cheek + person.hair.volume * recording.hair_bulk
        end = behind * (0.75 if person.hair.style == "bob" else 1.0) + 0.06
        hanging = smooth(symmetric([(out * 0.7, -0.5), (out, 0.1), (out * 1.02, end * 0.6), (out * 0.9, end)]), 2)
        fill(hanging, np.array(person.hair.colour) * 0.55)
    shoulders = symmetric(
        [
            (neck * 0.9, collar - 0.05),
            (neck + 0.28, collar + 0.06),
            (1.35, collar + 0.3),
            (1.85, collar + 0.75),
            (2.1, 4.0),
        ]
    )
    cloth = np.array(recording.cloth)
    fill(smooth(shoulders, 2), cloth)
    throat = {"round": 0.2, "open": 0.62, "high": 0.0}[recording.collar]
    bare = [
        (neck * 0.96, chin - 0.6),
        (neck * 0.95, collar - 0.12),
        (neck + 0.1, collar + 0.03),
        (neck * 0.5, collar + throat * 0.75),
        (0.03, collar + throat),
    ]
    fill(smooth(symmetric(bare), 2), skin * 0.9)
    if recording.collar == "high":
        fill(
            smooth(symmetric([(neck * 1.02, collar - 0.3), (neck * 1.1, collar + 0.1), (0.1, collar + 0.25)]), 2),
            cloth * 0.85,
        )
    elif recording.collar == "open":
        for side in (-1, 1):
            lapel = np.array(
                [
                    (neck + 0.02, collar - 0.12),
                    (neck + 0.3, collar + 0.1),
                    (0.3, collar + 0.5),
                    (0.02, collar + throat + 0.02),
                ]
            )
            fill(lapel * (side, 1), np.array(recording.cloth_second) * 0.9)
    shadow = np.full(frame.shape[:2], 255, np.uint8)
    under = np.array(
        [
            (-neck * 1.3, chin - 0.5),
            (neck * 1.3, chin - 0.5),
            (neck, chin + 0.12),
            (0, chin + 0.2),
            (-neck, chin + 0.12),
        ]
    )
    cv2.fillPoly(shadow, [place(smooth(under, 2))], 110, cv2.LINE_AA, 4)
    shadow = cv2.blur(shadow, (9, 9))  # type: ignore[assignment]
    _compose(frame, drawn, mask, shadow, recording, anchor[0], view.scale)


def _compose(
    frame: Frame, drawn: Frame, mask: Frame, shadow: Frame, recording: Recording, middle: float, scale: float
) -> None:
    """Lay what is drawn over the frame, lit as a cylinder is: from side to side the normal turns from left to right."""
    left, right = shade_flat(recording, (-0.8, -0.2, 0.6)), shade_flat(recording, (0.8, -0.2, 0.6))
    front = shade_flat(recording, (0.0, -0.2, 1.0))
    turn = (np.arange(frame.shape[1]) - middle) / (1.3 * scale)
    light = np.stack([np.interp(turn, (-1, 0, 1), (left[i], front[i], right[i])) for i in range(3)], 1).astype(
        np.float32
    )
    top = int(np.argmax(mask.any(axis=1)))
    lit = drawn[top:] * light[None]
    dimmed = cv2.multiply(np.clip(lit, 0, 255).astype(np.uint8), cv2.merge([shadow[top:]] * 3), scale=1 / 255)
    frame[top:] = over(frame[top:], dimmed, mask[top:].astype(np.float32) * np.float32(1 / 255))


def draw_back_of_head(frame: Frame, person: Person, recording: Recording, view: View) -> None:
    """The skull behind the ears, in place: the relief of the face has no back, and a turned head shows it."""
    skull, worn = person.skull, recording.headwear in ("beanie", "cap", "hood")
    volume = full_volume(person.hair, recording.hair_bulk)
    top, low = -skull.crown - volume * 0.8, 0.4
    sideways = view.to_head([1.0, 0.0, 0.0])
    wide = float(np.hypot((skull.cheek + volume * 0.8) * sideways[0], _SKULL_LENGTH * sideways[2]))
    roll = float(np.degrees(np.arctan2(view.rotation[1, 0], view.rotation[0, 0])))
    (x, y), scale = view.project([(0.0, (top + low) / 2, _SKULL_MIDDLE_Z)])[0], view.scale
    if worn:
        colour = np.array(recording.cloth_second)
    else:
        colour = np.array(person.skin.colour if person.hair.style == "bald" else person.hair.colour)
    light = shade_flat(recording, (-np.sign(view.rotation[0, 2]) * 0.9, -0.2, 0.3))
    shape = ellipse(float(x), float(y), wide * scale, (low - top) / 2 * scale, turn=roll)
    cv2.fillPoly(frame, [fixed_point(shape)], np.clip(colour * light * 0.75, 0, 255).tolist(), cv2.LINE_AA, 4)


def draw_ear(frame: Frame, person: Person, recording: Recording, view: View, side: int) -> None:
    """One ear, -1 the left of the picture; it stands back from the cheek and out from the head."""
    ears, root = person.ears, person.skull.cheek * 0.97
    t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    along, across = np.sin(t), np.cos(t)
    taper = 1 + 0.25 * -along
    points = np.stack(
        [
            side * (root + ears.out * (0.45 + 0.55 * across * taper)),
            ears.y + ears.size * along,
            -0.12 - 0.55 * ears.size * (0.6 + 0.7 * across),
        ],
        1,
    )
    light = shade_flat(recording, view.rotation @ np.array([side * 0.55, 0.0, 0.8]))
    colour = np.array(person.skin.colour) * (1.0, 0.9, 0.88) * light
    for size, shade in ((1.0, 0.88), (0.62, 0.62)):
        shape = (points - points.mean(axis=0)) * size + points.mean(axis=0)
        cv2.fillPoly(
            frame, [fixed_point(view.project(shape))], np.clip(colour * shade, 0, 255).tolist(), cv2.LINE_AA, 4
        )
