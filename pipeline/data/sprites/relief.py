"""Objects as a stack of plates with rounded edges, seen from any side, then lit as a whole.

Every plate is an outline in the plane z = `top` with a wall down to z = `bottom`; z points to the viewer. What is
painted leaves its height behind, and one light over all heights gives shading, highlights and contact shadows: so that
a few polygons look like a thing with volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.sprites.lighting import Layers, lit
from pipeline.data.sprites.materials import Material, painted
from pipeline.data.sprites.shapes import Outline

SUPERSAMPLING = 2
_CAMERA_DISTANCE = 4.0  # in sizes of the object
_MARGIN_PX = 6
_RIDGED_PX = 12
_DAYLIGHT_XY = np.array([-0.3, -0.9])


@dataclass(frozen=True)
class View:
    """Degrees: `yaw` about the upright axis, `pitch` about the level one, `roll` in the plane of the picture."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    flipped: bool = False

    def matrix(self) -> NDArray[np.float64]:
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        turn: NDArray[np.float64] = about_z @ about_x @ about_y @ np.diag([-1.0 if self.flipped else 1.0, 1.0, 1.0])
        return turn


def view(rng: np.random.Generator, yaw: float = 28, pitch: float = 16, roll: float = 10, flip: bool = True) -> View:
    """A view from nearly in front: each angle up to the given one to either side."""
    angles = rng.uniform(-1, 1, 3) * (yaw, pitch, roll)
    return View(float(angles[0]), float(angles[1]), float(angles[2]), bool(flip and rng.random() < 0.5))


@dataclass(frozen=True)
class _Plate:
    outlines: tuple[Outline, ...]
    holes: tuple[Outline, ...]
    material: Material
    top: float
    bottom: float
    edge: float


@dataclass
class Relief:
    """Plates in the order in which they are painted, the farthest first."""

    plates: list[_Plate] = field(default_factory=list)

    def add(
        self,
        shape: Outline | list[Outline],
        material: Material,
        *,
        top: float = 0.0,
        bottom: float | None = None,
        edge: float = 2.0,
        holes: tuple[Outline, ...] = (),
    ) -> None:
        """Lay a plate on top: the union of the outlines without the holes.

        `edge` is the radius of its rounded rim; `inf` makes it round like a pipe, 0 a paint that keeps the form below.
        `bottom` gives it a wall.
        """
        outlines = tuple(shape) if isinstance(shape, list) else (shape,)
        self.plates.append(_Plate(outlines, holes, material, top, top if bottom is None else bottom, edge))

    def photograph(self, rng: np.random.Generator, seen_from: View, long_side_px: int) -> NDArray[np.uint8]:
        """`[h, w, 4]` RGBA with straight alpha, cropped to what is seen; the longer side is about `long_side_px`."""
        camera = _Camera(self.plates, seen_from, long_side_px * SUPERSAMPLING)
        layers = Layers.empty(*camera.shape)
        for plate in self.plates:
            if plate.bottom < plate.top:
                _paint_wall(layers, camera, plate)
        for plate in self.plates:
            _paint_front(rng, layers, camera, plate)
        return _cropped(lit(rng, layers.smaller(SUPERSAMPLING)))


class _Camera:
    """From units of the drawing to pixels of the supersampled picture."""

    def __init__(self, plates: list[_Plate], seen_from: View, long_side_px: int) -> None:
        self._turn = seen_from.matrix()
        corners = [self._solid(points, z) for p in plates for points in p.outlines for z in (p.top, p.bottom)]
        everything = np.concatenate(corners)
        self._centre = (everything.min(axis=0) + everything.max(axis=0)) / 2
        self._size = float(np.ptp(everything[:, :2], axis=0).max())
        flat = self._projected(everything)
        low, high = flat.min(axis=0), flat.max(axis=0)
        self.px = (long_side_px - 2) / float((high - low).max())
        self._origin = low - _MARGIN_PX / self.px
        extent = np.ceil((high - low) * self.px).astype(int) + 2 * _MARGIN_PX
        self.shape = int(extent[1]), int(extent[0])

    def _solid(self, points: Outline, z: float) -> NDArray[np.float64]:
        solid: NDArray[np.float64] = points @ self._turn[:, :2].T + self._turn[:, 2] * z
        return solid

    def _projected(self, solid: NDArray[np.float64]) -> NDArray[np.float64]:
        far = _CAMERA_DISTANCE * self._size
        shift = solid - self._centre
        flat: NDArray[np.float64] = shift[:, :2] * (far / (far - shift[:, 2:]))
        return flat

    def pixels(self, points: Outline, z: float) -> NDArray[np.int32]:
        """`[n, 2]` with four bits behind the point."""
        return np.rint((self._projected(self._solid(points, z)) - self._origin) * (self.px * 16)).astype(np.int32)


def _paint_wall(layers: Layers, camera: _Camera, plate: _Plate) -> None:
    """The outline swept from bottom to top; its own front is painted over it later."""
    tops = [camera.pixels(points, plate.top) for points in plate.outlines]
    shifts = [camera.pixels(points, plate.bottom) - top for points, top in zip(plate.outlines, tops, strict=True)]
    away = shifts[0].mean(axis=0) / 16
    steps = int(np.abs(away).max() / 3) + 1
    if steps < 2:
        return
    gain = 0.62 + 0.25 * float(away @ _DAYLIGHT_XY) / float(np.hypot(*away))
    colour = tuple(float(channel) * gain for channel in plate.material.colour)
    for polygon in _swept(tops, shifts, steps):
        cv2.fillConvexPoly(layers.colour, polygon, colour, shift=4)
        cv2.fillConvexPoly(layers.alpha, polygon, 255, shift=4)


def _swept(tops: list[NDArray[np.int32]], shifts: list[NDArray[np.int32]], steps: int) -> Iterator[NDArray[np.int32]]:
    """Convex polygons that cover what the outlines pass over on their way down."""
    if len(tops) == 1:
        low = tops[0] + shifts[0]
        yield from np.stack([tops[0], low, np.roll(low, -1, axis=0), np.roll(tops[0], -1, axis=0)], axis=1)
        return
    for top, shift in zip(tops, shifts, strict=True):  # the pieces of a stroke are convex
        for share in np.linspace(1, 0, steps):
            yield top + (shift * share).astype(np.int32)


def _paint_front(rng: np.random.Generator, layers: Layers, camera: _Camera, plate: _Plate) -> None:
    polygons = [camera.pixels(points, plate.top) for points in plate.outlines]
    low = np.min([polygon.min(axis=0) for polygon in polygons], axis=0) // 16 - 2
    high = np.max([polygon.max(axis=0) for polygon in polygons], axis=0) // 16 + 3
    left, up = np.maximum(low, 0)
    right, down = np.minimum(high, (camera.shape[1], camera.shape[0]))
    if right <= left or down <= up:
        return
    there = np.s_[up:down, left:right]
    mask = np.zeros((down - up, right - left), np.uint8)
    corner = np.array([left * 16, up * 16])
    for polygon in polygons:
        cv2.fillPoly(mask, [polygon - corner], 255, shift=4)
    for hole in plate.holes:
        cv2.fillPoly(mask, [camera.pixels(hole, plate.top) - corner], 0, shift=4)
    colour = painted(rng, plate.material, down - up, right - left, camera.px)
    if plate.edge > 0:
        rise = _rise(rng, plate, colour, mask, camera.px)
        cv2.copyTo(rise, mask, layers.height[there])
    cv2.copyTo(colour, mask, layers.colour[there])
    cv2.copyTo(np.full_like(mask, min(plate.material.gloss, 1.0) * 255), mask, layers.gloss[there])
    np.maximum(layers.alpha[there], mask, out=layers.alpha[there])


def _rise(
    rng: np.random.Generator, plate: _Plate, colour: NDArray[np.uint8], mask: NDArray[np.uint8], px: float
) -> NDArray[np.float32]:
    """The height of a plate with a rounded rim, in pixels; a material that wears is made bare there in `colour`."""
    inner = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    deepest = float(inner.max())
    if plate.material.wear > 0.15 and deepest > 6:
        bare = np.clip(np.array(plate.material.colour) * 0.5 + 95 * plate.material.wear + 30, 0, 255)
        depth = 1 + 3 * plate.material.wear * rng.random(mask.shape[1], np.float32)
        colour[(inner < depth) & (mask > 0)] = bare.astype(np.uint8)
    radius = min(plate.edge * px, deepest)
    if radius > 0:
        rest = cv2.max(1 - inner * np.float32(1 / radius), 0)  # type: ignore[call-overload]
        inner = cv2.sqrt(1 - rest * rest) * np.float32(radius)
        if radius > _RIDGED_PX:  # the distance to the rim has creases where two sides are equally near
            size = int(radius * 0.3)
            inner = cv2.blur(cv2.blur(inner, (size, size)), (size, size))
    return np.asarray(inner + np.float32(plate.top * px * 0.6 + 2), np.float32)


def _cropped(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    seen = rgba[..., 3] > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
