"""What may lie where: how much of every object stays visible, and the tight box of that part."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.annotations import Box
from pipeline.data.mixing.layers import Layer


class Placed:
    """An object of a class on the image. solid: its part inside the image, 255 where it is still seen."""

    __slots__ = ("area", "bottom", "hidden_by_things", "left", "name", "right", "seen", "solid", "top")

    def __init__(self, name: str, left: int, top: int, solid: NDArray[np.uint8], area: int, seen: int) -> None:
        self.name = name
        self.left, self.top = left, top
        self.bottom, self.right = top + solid.shape[0], left + solid.shape[1]
        self.solid = solid
        self.area = area
        self.seen = seen
        self.hidden_by_things = 0

    def box(self) -> Box:
        """Tight around what is still seen."""
        left, top, width, height = cv2.boundingRect(self.solid)
        x, y = self.left + left, self.top + top
        return Box(x, y, x + width, y + height, self.name)


class _Cover(NamedTuple):
    """That a new layer would hide `pixels` of an object: `under`, a view of its solid part, by `over`."""

    placed: Placed
    under: NDArray[np.uint8]
    over: NDArray[np.uint8]
    pixels: int


class Placing:
    """The objects of one image in the order in which they were laid down.

    visible_fraction: the least part of an object's solid pixels that border and later layers leave of it.
    max_overlap: the largest part that other objects and distractors may hide.
    """

    def __init__(self, width: int, height: int, visible_fraction: float, max_overlap: float) -> None:
        self._width, self._height = width, height
        self._visible_fraction, self._max_overlap = visible_fraction, max_overlap
        self.placed: list[Placed] = []

    def put(self, layer: Layer, left: int, top: int, name: str = "", *, occluder: bool = False) -> bool:
        """Take the layer in at (left, top), or change nothing and say False where it would break a limit.

        An object has a `name`; a distractor or an occluder has none, and an occluder is not held to `max_overlap`.
        """
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(self._width, left + layer.width), min(self._height, top + layer.height)
        if x0 >= x1 or y0 >= y1:
            return False
        is_cut = x1 - x0 < layer.width or y1 - y0 < layer.height
        solid = layer.solid[y0 - top : y1 - top, x0 - left : x1 - left] if is_cut else layer.solid
        seen = cv2.countNonZero(solid) if is_cut else layer.area
        if seen == 0 or (name and seen < self._visible_fraction * layer.area):
            return False
        covers = []
        for placed in self.placed:
            cover = _cover(placed, solid, x0, y0, x1, y1)
            if cover is None:
                continue
            if placed.seen - cover.pixels < self._visible_fraction * placed.area:
                return False
            if not occluder and placed.hidden_by_things + cover.pixels > self._max_overlap * placed.area:
                return False
            covers.append(cover)
        for cover in covers:
            cv2.subtract(cover.under, cover.over, dst=cover.under)
            cover.placed.seen -= cover.pixels
            if not occluder:
                cover.placed.hidden_by_things += cover.pixels
        if name:
            self.placed.append(Placed(name, x0, y0, solid.copy(), layer.area, seen))
        return True

    def boxes(self) -> tuple[Box, ...]:
        return tuple(sorted(placed.box() for placed in self.placed))


def _cover(placed: Placed, solid: NDArray[np.uint8], x0: int, y0: int, x1: int, y1: int) -> _Cover | None:
    left, top = max(x0, placed.left), max(y0, placed.top)
    right, bottom = min(x1, placed.right), min(y1, placed.bottom)
    if left >= right or top >= bottom:
        return None
    under = placed.solid[top - placed.top : bottom - placed.top, left - placed.left : right - placed.left]
    over = solid[top - y0 : bottom - y0, left - x0 : right - x0]
    pixels = cv2.countNonZero(cv2.bitwise_and(under, over))
    return _Cover(placed, under, over, pixels) if pixels else None
