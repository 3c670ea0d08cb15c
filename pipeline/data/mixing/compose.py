"""One mixed image: a background, objects and distractors on it, some of them cut off or partly hidden.

After Dwibedi, Misra & Hebert 2017, Cut, Paste and Learn (arXiv:1708.01642): seams of several kinds at random, so that
a detector cannot learn them; distractors, occlusion and truncation.
"""

from __future__ import annotations

from random import Random
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.annotations import Box
from pipeline.data.mixing.camera import Camera, exposed
from pipeline.data.mixing.layers import Layer, paint, patch_layer, patch_shapes, sprite_layer
from pipeline.data.mixing.light import matching_gains, tone_matrix
from pipeline.data.mixing.membrane import paint_joined
from pipeline.data.mixing.placing import Placing
from pipeline.data.mixing.pool import Background, Pool, Sprite
from pipeline.detection_data_options import Between, Mixing

_TRIES = 6
_THINNEST_PX, _SOFT_FROM_PX = 2.5, 5.0  # mean thickness of an object
_POISSON_STRENGTH = (0.4, 0.9)  # the whole of it lets objects vanish on busy backgrounds
Item = TypeVar("Item")


class Mixed:
    """image_bgr: `[height, width, 3]`; boxes: tight around the visible solid pixels, sorted."""

    __slots__ = ("background", "boxes", "draw", "image_bgr")

    def __init__(self, image_bgr: NDArray[np.uint8], boxes: tuple[Box, ...], background: str, draw: Random) -> None:
        self.image_bgr = image_bgr
        self.boxes = boxes
        self.background = background
        self.draw = draw


class Mixer:
    """Mixes the images of one split. What is costly and the same for every image is made here, once.

    options: what it mixes by.
    """

    def __init__(self, pool: Pool, options: Mixing, seed: int, split: str) -> None:
        self._pool = pool
        self.options = options
        self._key = f"{seed}/{split}"
        self._names = list(pool.objects)
        self._camera = Camera(options)
        self._patches = patch_shapes()
        self._short_side = min(options.width, options.height)
        seams = options.seams
        total = seams.none + seams.feather + seams.poisson
        self._until_none, self._until_feather = seams.none / total, (seams.none + seams.feather) / total

    def encoded(self, number: int) -> tuple[bytes, Mixed]:
        """Image `number` of the split as JPEG."""
        mixed = self.mix(number)
        return self._camera.encode(mixed.image_bgr, mixed.draw), mixed

    def mix(self, number: int) -> Mixed:
        """Image `number` of the split: it depends on the seed, the split, the number, the options and the pool."""
        options = self.options
        draw = Random(f"{self._key}/{number}")
        background = _pick(self._pool.backgrounds, draw)
        canvas = self._crop(background, draw)
        placing = Placing(options.width, options.height, options.visible_fraction, options.max_overlap)
        for name in self._cast(draw):
            self._lay(canvas, placing, name, draw)
        self._camera.take(canvas, draw)
        return Mixed(canvas, placing.boxes(), background.name, draw)

    def _cast(self, draw: Random) -> list[str]:
        """What is laid down one after the other: class names, and "" for a distractor."""
        options = self.options
        cast = []
        if draw.random() >= options.empty:
            cast = [_pick(self._names, draw) for _ in range(_between(options.objects, draw))]
        if self._pool.distractors:
            for _ in range(_between(options.distractors, draw)):
                cast.insert(int(draw.random() * (len(cast) + 1)), "")
        return cast

    def _crop(self, background: Background, draw: Random) -> NDArray[np.uint8]:
        options, image = self.options, background.image_bgr
        top = int(draw.random() * (image.shape[0] - options.height + 1))
        left = int(draw.random() * (image.shape[1] - options.width + 1))
        crop = image[top : top + options.height, left : left + options.width]
        return exposed(crop, draw.random() < options.flip, options, draw)

    def _lay(self, canvas: NDArray[np.uint8], placing: Placing, name: str, draw: Random) -> None:
        sprite = _pick(self._pool.objects[name] if name else self._pool.distractors, draw)
        scale = self.options.scale
        # Evenly over the logarithm: half of the objects are smaller than the geometric mean.
        long_px = self._short_side * scale.min * (scale.max / scale.min) ** draw.random()
        # A stick one pixel thick has next to no solid pixel: thin objects are not made that small.
        long_px = max(long_px, min(_THINNEST_PX / sprite.thickness, self._short_side * scale.max))
        seam = draw.random()
        is_feathered = self._until_none <= seam < self._until_feather and long_px * sprite.thickness > _SOFT_FROM_PX
        layer = self._warped(sprite, long_px, is_feathered, draw)
        for attempt in range(_TRIES):
            # A cut-off place that fails is not tried for ever: the last tries are inside the image.
            is_cut_off = attempt < _TRIES - 2 and draw.random() < self.options.truncated
            left, top = self._place(layer, is_cut_off, draw)
            if placing.put(layer, left, top, name):
                break
        else:
            return
        here = layer.cut_to(canvas, left, top)
        self._light(layer, sprite, here, draw)
        if seam >= self._until_feather:
            paint_joined(here, layer, draw.uniform(*_POISSON_STRENGTH))
        else:
            paint(here, layer)
        if name and draw.random() < self.options.occluded:
            self._occlude(canvas, placing, layer, left, top, draw)

    def _warped(self, sprite: Sprite, long_px: float, feathered: bool, draw: Random) -> Layer:
        degrees = draw.uniform(-1, 1) * self.options.rotation
        return sprite_layer(sprite, max(4.0, long_px), degrees, draw.random() < self.options.flip, feathered)

    def _place(self, layer: Layer, is_cut_off: bool, draw: Random) -> tuple[int, int]:
        room_x, room_y = self.options.width - layer.width, self.options.height - layer.height
        left = min(0, room_x) + int(draw.random() * (abs(room_x) + 1))
        top = min(0, room_y) + int(draw.random() * (abs(room_y) + 1))
        if is_cut_off:
            beyond = draw.random() * (1 - self.options.visible_fraction)
            side = int(draw.random() * 4)
            if side < 2:
                left = round(-beyond * layer.width if side == 0 else room_x + beyond * layer.width)
            else:
                top = round(-beyond * layer.height if side == 2 else room_y + beyond * layer.height)
        return left, top

    def _light(self, layer: Layer, sprite: Sprite, here_bgr: NDArray[np.uint8], draw: Random) -> None:
        options = self.options
        # Every fourth row says as much of the light there.
        around = cv2.mean(here_bgr[::4])
        b, g, r = matching_gains(sprite.mean_bgr, around[:3], options.match_light * draw.random())
        brightness = 1 + draw.uniform(-1, 1) * options.brightness
        contrast = 1 + draw.uniform(-1, 1) * options.contrast
        gain = brightness * contrast
        turn = tone_matrix(
            draw.uniform(-1, 1) * options.hue,
            1 + draw.uniform(-1, 1) * options.saturation,
            (b * gain, g * gain, r * gain),
        )
        layer.bgr = cv2.transform(layer.bgr, turn)  # type: ignore[assignment]
        if contrast != 1:
            # Contrast turns about middle grey. On premultiplied colours its constant goes with alpha.
            layer.bgr = cv2.addWeighted(layer.bgr, 1, layer.alpha3(), (1 - contrast) * 128 / 255, 0)  # type: ignore[assignment]

    def _occlude(
        self, canvas: NDArray[np.uint8], placing: Placing, layer: Layer, left: int, top: int, draw: Random
    ) -> None:  # fmt: skip
        """Cover a part of the object from one side, with a distractor or a piece of another background."""
        share = draw.uniform(0.2, 1.0) * (1 - self.options.visible_fraction) + 0.1
        sprite = _pick(self._pool.distractors, draw) if self._pool.distractors and draw.random() < 0.4 else None
        if sprite is not None:
            cover = self._warped(sprite, 0.8 * max(layer.width, layer.height), False, draw)
        else:
            cover = self._patch(layer, share, draw)
        side = int(draw.random() * 4)
        for reach in (share, share - 0.15, share - 0.3):  # further out when it would hide too much
            x, y = _beside(layer, left, top, cover, side, reach)
            if placing.put(cover, x, y, occluder=True):
                here = cover.cut_to(canvas, x, y)
                if sprite is not None:
                    self._light(cover, sprite, here, draw)
                paint(here, cover)
                return

    def _patch(self, layer: Layer, share: float, draw: Random) -> Layer:
        """A piece of another background, as wide or as high as the layer, the other side `share` of the layer's."""
        width, height = min(layer.width, self.options.width), min(layer.height, self.options.height)
        if draw.random() < 0.5:
            height = max(4, round(height * share))
        else:
            width = max(4, round(width * share))
        texture = _pick(self._pool.backgrounds, draw).image_bgr
        y = int(draw.random() * (texture.shape[0] - height + 1))
        x = int(draw.random() * (texture.shape[1] - width + 1))
        return patch_layer(texture[y : y + height, x : x + width], _pick(self._patches, draw))


def _beside(layer: Layer, left: int, top: int, cover: Layer, side: int, reach: float) -> tuple[int, int]:
    """Where a cover lies that reaches over a share of the layer from the left, right, top or bottom (side 0..3)."""
    x = round(left + (layer.width - cover.width) / 2)
    y = round(top + (layer.height - cover.height) / 2)
    if side == 0:
        x = round(left - cover.width + reach * layer.width)
    elif side == 1:
        x = round(left + layer.width * (1 - reach))
    elif side == 2:
        y = round(top - cover.height + reach * layer.height)
    else:
        y = round(top + layer.height * (1 - reach))
    return x, y


def _between(limits: Between, draw: Random) -> int:
    return limits.min + int(draw.random() * (limits.max - limits.min + 1))


def _pick(items: list[Item], draw: Random) -> Item:
    return items[int(draw.random() * len(items))]
