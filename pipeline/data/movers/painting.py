"""Pieces onto a frame: shadows on the ground, then far pieces before near ones, each lit from one side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.movers.camera import View
from pipeline.data.movers.figure import Shapes
from pipeline.data.movers.light import Light
from pipeline.data.movers.skeleton import Array

Frame = NDArray[np.uint8]
_SHIFT = 4  # fractions of a pixel, as a power of two
_ANGLES = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_RING = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1)
# From rim to ridge: how thick, how far towards the light (in radii), share of the sun that reaches it.
_TONES = ((1.0, 0.0, 0.12), (0.74, 0.2, 0.55), (0.42, 0.42, 0.95))
_NEAREST = 0.4  # metres before the camera
_SMALLEST = 1.3  # pixels of radius below which a piece has one tone only


class Painter:
    """All pieces of a clip, projected once for all its frames."""

    def __init__(self, shapes: list[Shapes], view: View, light: Light) -> None:
        n, self._view, self._light = len(view.place), view, light
        centres = [np.broadcast_to(shape.centres, (n, *shape.centres.shape[1:])) for shape in shapes]
        everything, radii = np.concatenate(centres, 1), np.concatenate([shape.radii for shape in shapes])
        self._points, depth = view.project(everything)
        self._radii = view.focal * radii / np.maximum(depth, _NEAREST)
        self._spans: list[slice] = []
        colours, keys, first = [], [], 0
        for shape in shapes:
            for span, colour, nearer in shape.pieces:
                own = slice(first + span.start, first + span.stop)
                self._spans.append(own)
                colours.append(colour)
                keys.append(depth[:, own].mean(1) - nearer)
            first += len(shape.radii)
        self._depth, self._colours = np.stack(keys, 1), np.array(colours)
        self._toward = np.einsum("nij,j->ni", view.axes, light.towards)
        self._shadow = self._cast(everything, radii)

    def _cast(self, centres: Array, radii: Array) -> tuple[Array, Array, Array]:
        """Where the balls' shadows fall: pixels, radii across and radii down."""
        towards = self._light.towards
        ground = centres - centres[:, :, 2:] / towards[2] * towards
        points, depth = self._view.project(ground)
        across = self._view.focal * radii / np.maximum(depth, _NEAREST)
        away = np.linalg.norm(ground - self._view.place[:, None], axis=2)
        return (
            points,
            np.where(depth > _NEAREST, across, 0),
            across * self._view.place[:, None, 2] / np.maximum(away, _NEAREST),
        )

    def paint(self, canvas: Frame, frame: int) -> Frame:
        """The frame with everybody in it; `canvas` is used up."""
        canvas = self._shadowed(canvas, frame)
        points, radii, side = self._points[frame], self._radii[frame], self._toward[frame]
        towards = side[:2] * (1, -1)
        # What the light from behind the camera leaves of the sun's strength, and that against the camera.
        frontal = 0.55 - 0.45 * float(side[2])
        ambient, sun = np.array(self._light.ambient), np.array(self._light.sun) * frontal
        tones = []
        for thick, offset, share in _TONES:
            outlines = _outlines(points + offset * towards * radii[:, None], radii[:, None] * thick)
            tones.append((outlines, np.minimum(self._colours * (ambient + sun * share), 255).tolist()))
        height, width = canvas.shape[:2]
        # A piece may reach across the frame though none of its balls is in it.
        starts = [span.start for span in self._spans]
        low = np.minimum.reduceat(points - radii[:, None], starts)
        high = np.maximum.reduceat(points + radii[:, None], starts)
        in_frame = np.all((high > 0) & (low < (width, height)), axis=1)
        for i in np.argsort(-self._depth[frame], kind="stable"):
            span = self._spans[i]
            if self._depth[frame, i] < _NEAREST or not in_frame[i]:
                continue
            for outlines, colours in tones if radii[span].max() > _SMALLEST else tones[:1]:
                _fill(canvas, outlines[span], colours[i])
        return canvas

    def _shadowed(self, canvas: Frame, frame: int) -> Frame:
        points, across, down = (values[frame] for values in self._shadow)
        mask = np.zeros(canvas.shape[:2], np.uint8)
        outlines = _outlines(points, np.stack([across, down], 1))
        for span in self._spans:
            if across[span].min() > 0:
                _fill(mask, outlines[span], 255.0)
        blur = self._light.soft * canvas.shape[0]
        if blur > 0.4:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.uint8)
        kept = cv2.convertScaleAbs(mask, alpha=self._light.shadow)
        return np.asarray(cv2.multiply(canvas, cv2.merge([255 - kept] * 3), scale=1 / 255), np.uint8)


def _outlines(points: Array, radii: Array) -> NDArray[np.int32]:
    """`[b, k, 2]` in fractions of pixels: circles (radii `[b, 1]`) or upright ellipses (`[b, 2]`)."""
    rings = points[:, None] + _RING * radii[:, None]
    return np.clip(np.rint((rings - 0.5) * 2**_SHIFT), -(2**18), 2**18).astype(np.int32)


def _fill(canvas: Frame, outlines: NDArray[np.int32], colour: float | list[float]) -> None:
    """The hull of some outlines."""
    hull = cv2.convexHull(outlines.reshape(-1, 2))
    cv2.fillConvexPoly(canvas, hull, colour, cv2.LINE_AA, _SHIFT)
