"""The drawn objects by name: the nine classes of the detector, and distractors that are not to be found."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.data.sprites import belongings, birds, blades, cameras, drones, gear, grenades, groceries, guns, people
from pipeline.data.sprites.relief import Relief, View
from pipeline.errors import EdgeboardError

_Draw = Callable[[np.random.Generator], tuple[Relief, View]]
_CLASSES: dict[str, _Draw] = {
    "backpack": gear.draw_backpack,
    "camera": cameras.draw_camera,
    "drone": drones.draw_drone,
    "grenade": grenades.draw_grenade,
    "gun": guns.draw_gun,
    "knife": blades.draw_knife,
    "person": people.draw_person,
    "stick": blades.draw_stick,
    "vest": gear.draw_vest,
}
_DISTRACTORS: dict[str, _Draw] = {
    "banana": groceries.draw_banana,
    "bird": birds.draw_bird,
    "bottle": groceries.draw_bottle,
    "cup": groceries.draw_cup,
    "hat": belongings.draw_hat,
    "pen": belongings.draw_pen,
    "phone": belongings.draw_phone,
    "umbrella": belongings.draw_umbrella,
}
CLASS_NAMES: tuple[str, ...] = tuple(_CLASSES)
DISTRACTOR_NAMES: tuple[str, ...] = tuple(_DISTRACTORS)
MIN_SIDE_PX, MAX_SIDE_PX = 160, 256


def draw_object(seed: int, index: int, class_name: str) -> NDArray[np.uint8]:
    """`[h, w, 4]` RGBA 0..255 with straight alpha, cropped to the object; the longer side is 160..256 pixels.

    `class_name` is one of CLASS_NAMES or DISTRACTOR_NAMES, or an EdgeboardError is raised. The pixels depend on the
    three arguments only.
    """
    draw = _CLASSES.get(class_name) or _DISTRACTORS.get(class_name)
    if draw is None:
        raise EdgeboardError(
            "There is no drawn object of this name.",
            value=class_name,
            allowed=", ".join(CLASS_NAMES + DISTRACTOR_NAMES),
        )
    # By the name, not by its place: another class more leaves the objects of the others as they were.
    rng = np.random.default_rng([seed, index, zlib.crc32(class_name.encode())])
    relief, seen_from = draw(rng)
    return relief.photograph(rng, seen_from, int(rng.integers(MIN_SIDE_PX + 2, MAX_SIDE_PX)))
