"""Pictures for people: a grid of frames and maps as one small PNG, the same bytes for the same content."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

MAX_BYTES = 300_000  # MLflow and the board load many of them
MAX_ROWS = 12
TILES = (144, 128, 112, 96, 80, 64, 48)  # pixels; the largest with which the sheet stays within MAX_BYTES is taken
_LABEL_WIDTH, _TITLE, _GAP = 150, 23, 6
_NARROWEST = 420  # of a sheet: a subtitle is not broken into more lines than it needs
_LINE_HEIGHT, _TEXT_SIZE, _MAX_LINES = 14, 12, 6
_CHART = 29  # odd: as much room for what speaks against as for what speaks for, around a line
_INK, _MUTED, _PAPER, _EMPTY = (28, 28, 30), (110, 110, 115), (255, 255, 255), (236, 236, 240)
RIGHT, WRONG = (20, 120, 60), (190, 40, 30)
_FOR, _AGAINST, _LINE = (40, 90, 170), (215, 120, 30), (170, 170, 176)

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Tile:
    """picture_hwc: uint8 `[S, S, 3]` RGB, or None for "there is none"; caption: below it, in as many lines as it takes.

    bars: a chart between the two, each bar in [-1, 1], upwards from a line in its middle or downwards.
    """

    picture_hwc: NDArray[np.uint8] | None
    caption: str = ""
    colour: Colour = _MUTED
    bars: Sequence[float] = ()


@dataclass(frozen=True)
class Row:
    """lines: what stands left of the tiles, each with its colour."""

    tiles: Sequence[Tile]
    lines: Sequence[tuple[str, Colour]] = field(default_factory=list)


def heat_overlay(image_hwc: NDArray[np.uint8], importance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map `[S, S]` in colour over its frame `[S, S, 3]` in grey; the map's own lowest is blue, its highest red."""
    span = float(np.ptp(importance))
    scaled = (importance - importance.min()) / span if span > 0 else np.zeros_like(importance)
    heat = cv2.applyColorMap((scaled * 255).round().astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    grey = cv2.cvtColor(image_hwc, cv2.COLOR_RGB2GRAY)[..., None]
    return (0.5 * heat + 0.5 * grey).round().astype(np.uint8)


def mask_overlay(image_hwc: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The frame with everything outside the mask `[S, S]` dimmed to a quarter."""
    return np.where(mask[..., None], image_hwc, image_hwc // 4).astype(np.uint8)


def write_sheet(path: Path, title: str, subtitle: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write the grid as a PNG of at most `MAX_BYTES` (at most `MAX_ROWS` rows; the rest is told in the subtitle)."""
    if len(rows) > MAX_ROWS:
        subtitle = f"{subtitle} · first {MAX_ROWS} of {len(rows)} rows"
    data, drawn = b"", 0
    for tile in TILES:
        # Bytes grow with the area: a size that is far too large is not drawn in vain.
        if drawn and len(data) * (tile / drawn) ** 2 > 1.2 * MAX_BYTES:
            continue
        data, drawn = _encode(_draw(title, subtitle, columns, rows[:MAX_ROWS], tile)), tile
        if len(data) <= MAX_BYTES:
            break
    path.write_bytes(data)


def _draw(title: str, subtitle: str, columns: Sequence[str], rows: Sequence[Row], tile: int) -> Image.Image:
    chart = _CHART if any(one.bars for row in rows for one in row.tiles) else 0
    plain, bold = ImageFont.load_default(_TEXT_SIZE), ImageFont.load_default(15)
    column_width = tile + _GAP
    width = max(_LABEL_WIDTH + column_width * len(columns), round(bold.getlength(title)) + _GAP, _NARROWEST) + _GAP
    below_title = _wrapped(subtitle, plain, width - 2 * _GAP)
    headings = [_wrapped(name, plain, tile) for name in columns]
    captions = [[_wrapped(one.caption, plain, tile) for one in row.tiles] for row in rows]
    labels = [
        [(part, colour) for line, colour in row.lines for part in _wrapped(line, plain, _LABEL_WIDTH - 2 * _GAP)]
        for row in rows
    ]
    header = _TITLE + _LINE_HEIGHT * (len(below_title) + max(map(len, headings), default=0)) + _GAP
    heights = [
        max(tile + chart + 4 + _LINE_HEIGHT * max(map(len, found), default=0), _LINE_HEIGHT * len(lines)) + _GAP
        for found, lines in zip(captions, labels, strict=True)
    ]
    sheet = Image.new("RGB", (width, header + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 4), title, _INK, bold)
    _draw_lines(draw, _GAP, _TITLE, [(line, _MUTED) for line in below_title], plain)
    top = _TITLE + _LINE_HEIGHT * len(below_title)
    for i, heading in enumerate(headings):
        _draw_lines(draw, _LABEL_WIDTH + i * column_width, top, [(line, _INK) for line in heading], plain)
    top = header
    for row, found, lines, height in zip(rows, captions, labels, heights, strict=True):
        _draw_lines(draw, _GAP, top, lines, plain)
        for i, one in enumerate(row.tiles):
            left = _LABEL_WIDTH + i * column_width
            if one.picture_hwc is None:
                draw.rectangle((left, top, left + tile - 1, top + tile - 1), _EMPTY)
            else:
                shown = cv2.resize(one.picture_hwc, (tile, tile), interpolation=cv2.INTER_LINEAR)
                sheet.paste(Image.fromarray(shown), (left, top))
            if one.bars:
                _draw_bars(draw, left, top + tile + 1, tile, one.bars)
            _draw_lines(draw, left, top + tile + chart + 2, [(line, one.colour) for line in found[i]], plain)
        top += height
    return sheet


def _draw_lines(
    draw: ImageDraw.ImageDraw, left: int, top: int, lines: Sequence[tuple[str, Colour]], font: Font
) -> None:
    for k, (line, colour) in enumerate(lines):
        draw.text((left, top + _LINE_HEIGHT * k), line, colour, font)


def _draw_bars(draw: ImageDraw.ImageDraw, left: int, top: int, width: int, bars: Sequence[float]) -> None:
    line = top + _CHART // 2
    draw.line((left, line, left + width - 1, line), _LINE)
    edges = [left + round(width * i / len(bars)) for i in range(len(bars) + 1)]
    for bar, start, end in zip(bars, edges, edges[1:], strict=False):
        height = round(abs(bar) * (_CHART // 2 - 1))
        # A gap to the next bar, but never no bar.
        sides = start + (end - start) // 6, max(end - 1 - (end - start) // 6, start)
        if height:
            ends = (line - height, line - 1) if bar > 0 else (line + 1, line + height)
            draw.rectangle((sides[0], ends[0], sides[1], ends[1]), _FOR if bar > 0 else _AGAINST)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """The text in lines that fit, broken between words where it can be; only what takes far too many is cut off."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        while len(lines) < _MAX_LINES and len(word) > 1 and font.getlength(word) > width:
            fits = max(1, int(len(word) * width / font.getlength(word)))
            while fits > 1 and font.getlength(word[:fits]) > width:
                fits -= 1
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    if len(lines) > _MAX_LINES:
        return [*lines[: _MAX_LINES - 1], lines[_MAX_LINES - 1][:-1] + "…"]
    return lines


def _encode(sheet: Image.Image) -> bytes:
    """PNG with a palette: a third of the bytes of true colour, and enough for maps.

    By octree: as near to the colours as median cut, in a thirtieth of the time and two thirds of the bytes.
    """
    buffer = io.BytesIO()
    palette = sheet.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
