"""The pictures where a detector fails worst, on one sheet: what was there, and what it said."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.benchmark.detection.operating_point import DecidedPicture
from pipeline.data.box_pictures import Colour, draw_boxes, shrunk_to
from pipeline.files import replacing_file
from pipeline.metrics.ground_truth import GroundTruth
from pipeline.tasks.boxes import Detections

MOST_FRAMES = 20
MAX_BYTES = 800_000
_TILES = (330, 280, 230, 180, 130)  # pixels; the largest with which the sheet stays within MAX_BYTES is taken
_COLUMNS, _GAP, _CAPTION, _HEADER = 5, 8, 18, 50
_INK, _MUTED, _PAPER = (28, 28, 30), (110, 110, 115), (255, 255, 255)
# Okabe and Ito's colours: told apart by the colour-blind too.
TRUE, RIGHT, WRONG = (240, 228, 66), (0, 114, 178), (213, 94, 0)


def errors_per_picture(decided: Sequence[DecidedPicture], detections: Sequence[Detections]) -> NDArray[np.float64]:
    """How bad each picture is, `[N]`: its missed boxes plus the scores of its false detections, at the threshold.

    A miss counts 1, a false alarm as much as the detector believed in it, an object taken for another as both.
    """
    return np.array(
        [len(one.missed) + float(found.scores[one.false].sum()) for one, found in zip(decided, detections, strict=True)]
    )


def worst_pictures(
    decided: Sequence[DecidedPicture], detections: Sequence[Detections], most: int = MOST_FRAMES
) -> list[int]:
    """Indices of the worst pictures, the worst first; pictures without any mistake are never among them."""
    errors = errors_per_picture(decided, detections)
    order = np.argsort(-errors, kind="stable")[:most]
    return [int(i) for i in order if errors[i] > 0]


def write_worst_frames(
    path: Path,
    decided: Sequence[DecidedPicture],
    detections: Sequence[Detections],
    truth: Sequence[GroundTruth],
    class_names: Sequence[str],
    read_picture: Callable[[int], NDArray[np.uint8]],
    names: Sequence[str],
    title: str,
) -> list[int]:
    """Write the worst twenty as a JPEG of at most MAX_BYTES; give their indices, the worst first.

    read_picture: index to uint8 RGB `[height, width, 3]`, asked only for what is drawn; names: what stands below each.
    True boxes are dashed, detections solid; both in pixels of the original picture.
    """
    worst = worst_pictures(decided, detections)
    errors = errors_per_picture(decided, detections)
    pictures = [read_picture(i) for i in worst]
    data, drawn = b"", 0
    for tile in _TILES:
        # Bytes grow with the area: a size that is far too large is not drawn in vain.
        if drawn and len(data) * (tile / drawn) ** 2 > 1.2 * MAX_BYTES:
            continue
        tiles = [
            _tile(picture, decided[i], detections[i], truth[i], class_names, tile)
            for picture, i in zip(pictures, worst, strict=True)
        ]
        captions = [f"{errors[i]:.1f} · {names[i]}" for i in worst]
        data, drawn = _encode(_sheet(tiles, captions, tile, title, len(decided))), tile
        if len(data) <= MAX_BYTES:
            break
    with replacing_file(path) as temporary:
        temporary.write_bytes(data)
    return worst


def _tile(
    picture_hwc: NDArray[np.uint8],
    one: DecidedPicture,
    found: Detections,
    true: GroundTruth,
    class_names: Sequence[str],
    side: int,
) -> NDArray[np.uint8]:
    picture, factor = shrunk_to(picture_hwc, side)
    missed = set(one.missed.tolist())
    # A hit names its class already; only what was missed needs a name of its own.
    true_captions = [class_names[label] if i in missed else "" for i, label in enumerate(true.labels.tolist())]
    picture = draw_boxes(picture, true.boxes_xyxy * factor, true_captions, TRUE, dashed=True, captions_below=True)
    for chosen, colour in ((one.hits, RIGHT), (one.false, WRONG)):
        captions = [f"{class_names[found.labels[i]]} {found.scores[i]:.2f}" for i in chosen]
        picture = draw_boxes(picture, found.boxes_xyxy[chosen] * factor, captions, colour)
    return picture


def _sheet(
    tiles: Sequence[NDArray[np.uint8]], captions: Sequence[str], tile: int, title: str, n_pictures: int
) -> Image.Image:
    """Rows are as high as their highest picture."""
    plain, bold = ImageFont.load_default(12), ImageFont.load_default(16)
    rows = [range(start, min(start + _COLUMNS, len(tiles))) for start in range(0, len(tiles), _COLUMNS)]
    heights = [max(tiles[i].shape[0] for i in row) + _CAPTION + _GAP for row in rows]
    sheet = Image.new("RGB", (max(_COLUMNS * (tile + _GAP) + _GAP, 700), _HEADER + sum(heights) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 5), title, _INK, bold)
    _legend(draw, plain, len(tiles), n_pictures)
    for k, row in enumerate(rows):
        top = _HEADER + sum(heights[:k])
        for column, i in enumerate(row):
            left = _GAP + column * (tile + _GAP)
            sheet.paste(Image.fromarray(tiles[i]), (left, top))
            caption = captions[i]
            while caption and plain.getlength(caption) > tile:
                caption = caption[:-1]
            draw.text((left, top + tiles[i].shape[0] + 2), caption, _MUTED, plain)
    return sheet


def _legend(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, n_drawn: int, n_pictures: int
) -> None:
    said = f"{n_drawn} of {n_pictures} frames, by missed boxes + scores of false detections" if n_drawn else (
        f"no mistake in {n_pictures} frames"
    )  # fmt: skip
    x = float(_GAP)
    entries: list[tuple[str, Colour | None]] = [
        ("true box (dashed, named where missed)", TRUE), ("right", RIGHT), ("wrong", WRONG), (said, None),
    ]  # fmt: skip
    for words, colour in entries:
        if colour:
            draw.rectangle((x, 31, x + 11, 42), fill=colour, outline=_INK)
            x += 16
        draw.text((x, 29), words, _MUTED, font)
        x += font.getlength(words) + 16


def _encode(sheet: Image.Image) -> bytes:
    """JPEG with full colour resolution, without which thin lines lose their colour."""
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=85, subsampling=0)
    return buffer.getvalue()
