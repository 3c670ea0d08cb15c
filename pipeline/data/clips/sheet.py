"""A sheet of some clips, to be looked at before anything is trained: one of each class and split, time to the right."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipeline.data.clips.film_strip import read_film_strip
from pipeline.data.clips.sampling import segment_places
from pipeline.data.dataset import SPLITS, Row

_COLUMNS, _TILE_WIDTH, _TILE_HEIGHT, _CAPTION, _GAP = 8, 144, 108, 18, 4
_PAPER, _INK = (255, 255, 255), (40, 40, 44)


def write_clip_sheet(path: Path, folder: Path, rows: Sequence[Row], class_names: Sequence[str], n_frames: int) -> None:
    """A JPEG: of the middle clip of each class and split eight frames, evenly spaced, each fitted into 144 x 108."""
    shown = [
        own[len(own) // 2]
        for label in class_names
        for split in SPLITS
        if (own := [row for row in rows if (row.label, row.split) == (label, split)])
    ]
    columns = min(_COLUMNS, n_frames)
    cell_h = _TILE_HEIGHT + _CAPTION + _GAP
    sheet = Image.new("RGB", (_GAP + columns * (_TILE_WIDTH + _GAP), _GAP + len(shown) * cell_h), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, row in enumerate(shown):
        top = _GAP + i * cell_h
        caption = f"{row.label}, {row.split}: {Path(row.file).stem}"
        draw.text((_GAP, top), " ".join(caption.split())[:120], _INK, font)
        frames = read_film_strip(folder / row.file, n_frames)
        for column, place in enumerate(segment_places(n_frames, columns)):
            tile = Image.fromarray(frames[place])
            factor = min(_TILE_WIDTH / tile.width, _TILE_HEIGHT / tile.height)
            size = (max(1, round(tile.width * factor)), max(1, round(tile.height * factor)))
            sheet.paste(
                tile.resize(size, Image.Resampling.LANCZOS),
                (_GAP + column * (_TILE_WIDTH + _GAP), top + _CAPTION),
            )
    encoded = io.BytesIO()  # encoded in memory, so that a full disk is told as such
    sheet.save(encoded, "JPEG", quality=88)
    path.write_bytes(encoded.getvalue())
