from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from pipeline.explain.sheets import (
    MAX_BYTES,
    MAX_ROWS,
    Row,
    Tile,
    _wrapped,
    heat_overlay,
    mask_overlay,
    write_sheet,
)


def _noise(seed: int, side: int = 112) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("rows", [0, 1, MAX_ROWS + 5])
def test_a_sheet_is_small_and_the_same_bytes_twice(tmp_path: Path, rows: int) -> None:
    content = [
        Row([Tile(_noise(i)), Tile(None, "no mask"), Tile(_noise(-i % 97), "x" * 200)], [("name" * 50, (0, 0, 0))])
        for i in range(rows)
    ]
    for name in ("a.png", "b.png"):
        write_sheet(tmp_path / name, "fire · compact", "RISE", ["frame", "true mask", "RISE"], content)
    data = (tmp_path / "a.png").read_bytes()
    assert data == (tmp_path / "b.png").read_bytes()
    assert len(data) <= MAX_BYTES  # pictures of noise are the worst case
    with Image.open(tmp_path / "a.png") as sheet:
        assert not sheet.info.get("date:create")
        assert sheet.width > 150


@pytest.mark.parametrize("importance", [np.zeros((4, 4)), np.full((4, 4), 0.7), np.arange(16).reshape(4, 4) / 15])
def test_overlay_of_flat_and_ramped_maps(importance: np.ndarray) -> None:
    overlay = heat_overlay(np.full((4, 4, 3), 128, dtype=np.uint8), importance.astype(np.float32))
    assert overlay.shape == (4, 4, 3)
    assert overlay.dtype == np.uint8
    is_flat = bool(np.ptp(importance) == 0)
    assert (len(np.unique(overlay.reshape(-1, 3), axis=0)) == 1) is is_flat
    if not is_flat:
        assert overlay[-1, -1, 0] > overlay[-1, -1, 2]  # the most important is red


def test_mask_overlay_dims_what_is_outside() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[0, 0] = True
    overlay = mask_overlay(np.full((4, 4, 3), 200, dtype=np.uint8), mask)
    assert overlay[0, 0, 0] == 200
    assert overlay[1, 1, 0] == 50


def test_words_are_broken_into_lines_and_none_is_cut(tmp_path: Path) -> None:
    """A caption of four words at 48 pixels needs lines; the sheet grows by them."""
    picture, heights = np.full((48, 48, 3), 128, dtype=np.uint8), []
    for caption in ("right", "starting_fire 0.98 to none 0.61 wrong"):
        write_sheet(tmp_path / "a.png", "t", "s", ["c"], [Row([Tile(picture, caption)])] * 3)
        with Image.open(tmp_path / "a.png") as sheet:
            heights.append(sheet.height)
    font = ImageFont.load_default(12)
    lines = _wrapped("starting_fire 0.98 to none 0.61 wrong", font, 80)
    assert " ".join(lines) == "starting_fire 0.98 to none 0.61 wrong"
    assert all(font.getlength(line) <= 80 for line in lines)
    assert "".join(_wrapped("x" * 30, font, 80)) == "x" * 30
    assert heights[1] - heights[0] >= 3 * 14
