"""A sheet of pictures with their boxes and class names, to be looked at before anything is trained."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipeline.data.annotations import Picture

SHEET_PICTURES = 24
_COLUMNS, _TILE_WIDTH, _TILE_HEIGHT, _CAPTION, _GAP = 6, 320, 240, 18, 6
_PAPER, _INK = (255, 255, 255), (40, 40, 44)


def write_box_sheet(path: Path, folder: Path, pictures: Sequence[Picture], class_names: Sequence[str]) -> None:
    """A JPEG of the pictures of a data folder, six in a row, each shrunk into 320 x 240 pixels."""
    rows = (len(pictures) + _COLUMNS - 1) // _COLUMNS
    columns = min(_COLUMNS, len(pictures))
    cell_w, cell_h = _TILE_WIDTH + _GAP, _TILE_HEIGHT + _CAPTION + _GAP
    sheet = Image.new("RGB", (_GAP + columns * cell_w, _GAP + rows * cell_h), _PAPER)
    font = ImageFont.load_default(12)
    colours = {name: _colour(i, len(class_names)) for i, name in enumerate(class_names)}
    for i, picture in enumerate(pictures):
        left, top = _GAP + i % _COLUMNS * cell_w, _GAP + i // _COLUMNS * cell_h
        sheet.paste(_tile(folder, picture, colours, font), (left, top))
        caption = f"{picture.split}: {Path(picture.file).stem}"[:52]
        ImageDraw.Draw(sheet).text((left, top + _TILE_HEIGHT + 2), caption, _INK, font)
    encoded = io.BytesIO()  # encoded in memory, so that a full disk is told as such
    sheet.save(encoded, "JPEG", quality=88)
    path.write_bytes(encoded.getvalue())


def _tile(
    folder: Path, picture: Picture, colours: dict[str, tuple[int, int, int]],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> Image.Image:  # fmt: skip
    with Image.open(folder / picture.file) as image:
        factor = min(_TILE_WIDTH / image.width, _TILE_HEIGHT / image.height)
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        tile = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(tile)
    for box in sorted(picture.boxes, key=lambda box: -box.area):
        x0, y0, x1, y1 = (round(value * factor) for value in box[:4])
        colour = colours[box.name]
        draw.rectangle((x0 - 1, y0 - 1, max(x0, x1), max(y0, y1)), outline=colour, width=2)
        words = round(font.getlength(box.name)) + 4
        # Above the box where there is room, else just inside it; never out of the picture.
        x = max(0, min(x0 - 1, tile.width - words))
        y = y0 - 15 if y0 >= 15 else min(y0 + 1, tile.height - 14)
        draw.rectangle((x, y, x + words, y + 14), fill=colour)
        draw.text((x + 2, y), box.name, (255, 255, 255), font)
    return tile


def _colour(i: int, count: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(i / max(1, count), 0.9, 0.75)
    return round(255 * red), round(255 * green), round(255 * blue)
