"""The crops of many pictures, one after another, and the list of those that give none."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.face_crops.choosing import Problem, Rule, choose_face
from pipeline.data.face_crops.cropping import crop_face
from pipeline.data.face_crops.finding import FaceFinder
from pipeline.tasks.face_finder import Face

# So many frames are held at a time; a multiple of what the finder takes at once.
_HELD = 16


@dataclass(frozen=True)
class CropOptions:
    """How a face is chosen (see choose_face) and cut (see crop_face)."""

    size: int = 160
    margin: float = 0.2
    align: bool = True
    rule: Rule = "largest"
    min_probability: float = 0.9
    min_side: float = 40
    similar: float = 0.5


@dataclass(frozen=True)
class Crop:
    """The face of the picture `name`. pixels: uint8 RGB `[size, size, 3]`."""

    name: str
    pixels: NDArray[np.uint8]
    face: Face


@dataclass(frozen=True)
class Rejected:
    """The picture `name` gives no crop, for this reason."""

    name: str
    reason: str


def crop_faces(
    pictures: Iterable[tuple[str, NDArray[np.uint8]]], finder: FaceFinder, options: CropOptions | None = None
) -> Iterator[Crop | Rejected]:
    """One answer for each named picture (uint8 RGB `[h, w, 3]`), in their order; few pictures are held at a time."""
    options = options or CropOptions()
    for held in _batched(pictures):
        for (name, frame), faces in zip(held, finder.find([frame for _, frame in held]), strict=True):
            chosen = choose_face(
                faces, (frame.shape[0], frame.shape[1]), options.rule, min_probability=options.min_probability,
                min_side=options.min_side, similar=options.similar,
            )  # fmt: skip
            if isinstance(chosen, Problem):
                yield Rejected(name, chosen.reason)
            else:
                yield Crop(name, crop_face(frame, chosen, options.size, options.margin, options.align), chosen)


def _batched(pictures: Iterable[tuple[str, NDArray[np.uint8]]]) -> Iterator[list[tuple[str, NDArray[np.uint8]]]]:
    iterator = iter(pictures)
    while held := list(itertools.islice(iterator, _HELD)):
        yield held
