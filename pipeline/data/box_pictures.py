"""Boxes with captions on a picture, legible on any background."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import EdgeboardError

Colour = tuple[int, int, int]
_LINE_PX, _DASH_PX, _PAD_PX = 2, 5, 2
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw_boxes(
    image_hwc: NDArray[np.uint8],
    boxes_xyxy: NDArray[np.generic],
    captions: Sequence[str],
    colour: Colour,
    *,
    dashed: bool = False,
    captions_below: bool = False,
    font_px: int = 11,
) -> NDArray[np.uint8]:
    """A copy of the picture `[H, W, 3]` with its boxes and a caption at each; "" is no caption.

    boxes_xyxy: `[n, 4]` pixels of this picture, max exclusive. Of a box outside the picture nothing is drawn. Lines and
    letters have a fixed size: shrink the picture first (`shrunk_to`), then draw. dashed: black between the dashes, to
    be seen on any background. captions_below: so that a second set of boxes leaves the captions of the first readable.

    Raises EdgeboardError where boxes and captions are not equally many.
    """
    if boxes_xyxy.shape != (len(captions), 4):
        raise EdgeboardError(
            "Every box to draw needs a caption", value=f"boxes {boxes_xyxy.shape} and {len(captions)} captions"
        )
    picture = Image.fromarray(image_hwc)
    draw = ImageDraw.Draw(picture)
    # Letters come last, so that no line of another box crosses them.
    seen = [
        (_corners(box), caption)
        for box, caption in zip(boxes_xyxy.tolist(), captions, strict=True)
        if box[0] < picture.width and box[1] < picture.height and box[2] > 0 and box[3] > 0
    ]
    for corners, _ in seen:
        _outline(draw, corners, colour, dashed)
    font = ImageFont.load_default(font_px)
    for corners, caption in seen:
        if caption:
            _caption(draw, corners, caption, colour, font, picture.size, captions_below)
    return np.asarray(picture)


def shrunk_to(image_hwc: NDArray[np.uint8], longer_side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture scaled so that its longer side has so many pixels, and the factor by which its boxes are scaled."""
    height, width = image_hwc.shape[:2]
    factor = longer_side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(image_hwc, size, interpolation=how).astype(np.uint8, copy=False), factor


def _corners(box_xyxy: Sequence[float]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom as pixels inside the box; at least one pixel, whatever the rounding."""
    left, top = math.floor(box_xyxy[0]), math.floor(box_xyxy[1])
    right, bottom = math.ceil(box_xyxy[2]) - 1, math.ceil(box_xyxy[3]) - 1
    return left, top, max(left, right), max(top, bottom)


def _outline(draw: ImageDraw.ImageDraw, corners: tuple[int, int, int, int], colour: Colour, dashed: bool) -> None:
    left, top, right, bottom = corners
    if not dashed:
        draw.rectangle(corners, outline=colour, width=_LINE_PX)
        return
    draw.rectangle(corners, outline=_BLACK, width=_LINE_PX)
    inner = _LINE_PX - 1
    for start in range(left, right + 1, 2 * _DASH_PX):
        end = min(start + _DASH_PX - 1, right)
        draw.rectangle((start, top, end, min(top + inner, bottom)), fill=colour)
        draw.rectangle((start, max(bottom - inner, top), end, bottom), fill=colour)
    for start in range(top, bottom + 1, 2 * _DASH_PX):
        end = min(start + _DASH_PX - 1, bottom)
        draw.rectangle((left, start, min(left + inner, right), end), fill=colour)
        draw.rectangle((max(right - inner, left), start, right, end), fill=colour)


def _caption(
    draw: ImageDraw.ImageDraw,
    corners: tuple[int, int, int, int],
    caption: str,
    colour: Colour,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    picture_size: tuple[int, int],
    below: bool,
) -> None:
    """A plate outside the box where there is room, else inside it; always within the picture."""
    left, top, _, bottom = corners
    x0, y0, x1, y1 = draw.textbbox((0, 0), caption, font)
    width, height = round(x1 - x0) + 2 * _PAD_PX, round(y1 - y0) + 2 * _PAD_PX
    picture_width, picture_height = picture_size
    x = max(0, min(left, picture_width - width))
    above_y, below_y = top - height, bottom + 1
    y = below_y if below else above_y
    if y < 0 or y + height > picture_height:
        y = bottom + 1 - height if below else top
    y = max(0, min(y, picture_height - height))
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    draw.text((x + _PAD_PX - x0, y + _PAD_PX - y0), caption, _BLACK if luminance > 140 else _WHITE, font)
