"""The sheet for the check by eye: every crop is on it, under any name."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.face_crops.sheet import _fitted, _font, _writable, crops_sheet


def crop(value: int) -> np.ndarray:
    return np.full((160, 160, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(("count", "columns", "rows"), [(0, 1, 0), (1, 1, 1), (8, 8, 1), (9, 8, 2), (25, 8, 4)])
def test_every_crop_has_its_place(count: int, columns: int, rows: int) -> None:
    sheet = crops_sheet("p", [(f"{i}.jpg", crop(10 + 9 * i)) for i in range(count)])
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] >= 6 + columns * 126
    assert sheet.shape[0] == 26 + rows * 142
    for i in range(count):
        y, x = 26 + i // 8 * 142 + 60, 6 + i % 8 * 126 + 60
        assert (sheet[y, x] == 10 + 9 * i).all()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("anna.jpg", "anna.jpg"),
        ('O\'Neil "J".jpg', 'O\'Neil "J".jpg'),
        ("Жанна.jpg", "Жанна.jpg"),
        ("李.jpg", "\\u674e.jpg"),
        ("a\nb.jpg", "a\\u000ab.jpg"),
        ("\udcff.jpg", "\\udcff.jpg"),  # a byte that is no text, as Python reads it from a disk
    ],
)
def test_names_are_written_or_spelt(name: str, written: str) -> None:
    assert _writable(name) == written
    assert crops_sheet(name, [(name, crop(50))]).shape[0] == 26 + 142


def test_a_long_name_keeps_its_end_and_its_beginning_and_fits() -> None:
    name = "recording_of_a_long_afternoon_000123.jpg"
    fitted = _fitted(name, 120, _font(11))
    assert _font(11).getlength(fitted) <= 120
    assert fitted.startswith("rec")
    assert fitted.endswith("123.jpg")
    assert _fitted("W" * 300, 1, _font(11))  # never empty, never endless
    sheet = crops_sheet("n" * 500, [(name, crop(50))])
    assert sheet.shape[1] <= 6 + 8 * 126
