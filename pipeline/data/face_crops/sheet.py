"""A sheet of all the crops of one person with their file names, for the check by eye: no finder of faces is perfect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_COLUMNS, _TILE, _CAPTION, _GAP, _HEADING = 8, 120, 16, 6, 26
_PAPER, _INK = (255, 255, 255), (40, 40, 44)


def crops_sheet(person: str, crops: Sequence[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """uint8 RGB `[h, w, 3]`: the crops, eight in a row, each over its file name.

    crops: file name and uint8 RGB `[size, size, 3]`. What the font cannot write is given as its code point.
    """
    columns, rows = max(1, min(_COLUMNS, len(crops))), -(-len(crops) // _COLUMNS)
    cell_w, cell_h = _TILE + _GAP, _TILE + _CAPTION + _GAP
    heading = f"{_writable(person)}: {len(crops)} {'crop' if len(crops) == 1 else 'crops'}"
    width = max(_GAP + columns * cell_w, 2 * _GAP + round(_font(14).getlength(heading)))
    sheet = Image.new("RGB", (min(width, _GAP + _COLUMNS * cell_w), _HEADING + rows * cell_h), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 4), _fitted(heading, sheet.width - 2 * _GAP, _font(14)), _INK, _font(14))
    for i, (name, pixels) in enumerate(crops):
        left, top = _GAP + i % _COLUMNS * cell_w, _HEADING + i // _COLUMNS * cell_h
        tile = Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        sheet.paste(tile, (left, top))
        draw.text((left, top + _TILE + 1), _fitted(_writable(name), _TILE, _font(11)), _INK, _font(11))
    return np.asarray(sheet)


def _fitted(words: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """The words, or their beginning and end around an ellipsis: numbered files differ at the end."""
    if font.getlength(words) <= width:
        return words
    kept = len(words) - 1
    while kept > 2 and font.getlength(f"{words[: kept // 3]}…{words[kept // 3 - kept :]}") > width:
        kept -= 1
    return f"{words[: kept // 3]}…{words[kept // 3 - kept :]}"


def _writable(name: str) -> str:
    known = _known_letters()
    return "".join(letter if ord(letter) in known else f"\\u{ord(letter):04x}" for letter in name)


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_font_file()), size)


@lru_cache(maxsize=1)
def _known_letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    # A line break has no glyph either, and would break the caption.
    return frozenset(FT2Font(str(_font_file())).get_charmap())


def _font_file() -> Path:
    # Pillow's own font knows Latin letters only; this one writes Greek, Cyrillic and more, and is already there.
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
