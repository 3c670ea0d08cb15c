from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.data.clips.film_strip import film_strip, read_film_strip
from pipeline.errors import EdgeboardError
from tests.data.clips.clip_cases import moving


@pytest.mark.parametrize(
    ("count", "width", "height"), [(1, 64, 48), (2, 33, 17), (16, 160, 120), (16, 90, 160), (60, 64, 40)]
)
def test_a_strip_holds_the_frames_in_their_order(tmp_path: Path, count: int, width: int, height: int) -> None:
    frames = np.stack(moving(1, count, width, height))
    (tmp_path / "strip.jpg").write_bytes(film_strip(frames))
    read = read_film_strip(tmp_path / "strip.jpg", count)
    assert (read.shape, read.dtype) == (frames.shape, np.uint8)
    assert np.abs(read.astype(int) - frames).mean() < 3
    assert film_strip(frames) == film_strip(frames.copy())


def test_the_colours_of_a_frame_stay_in_it(tmp_path: Path) -> None:
    """Frames of 50 rows do not end where JPEG's blocks of 16 rows for colours at half the resolution do."""
    red, blue = np.zeros((2, 50, 64, 3), dtype=np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    (tmp_path / "strip.jpg").write_bytes(film_strip(np.stack([red, blue])))
    first, second = read_film_strip(tmp_path / "strip.jpg", 2).astype(int)
    assert np.abs(first - red).max() < 40
    assert np.abs(second - blue).max() < 40


def test_damaged_strips_are_told(tmp_path: Path) -> None:
    path = tmp_path / "strip.jpg"
    path.write_bytes(film_strip(np.stack(moving(1, 6))))
    with pytest.raises(EdgeboardError, match="as many frames") as caught:
        read_film_strip(path, 5)
    assert caught.value.where == path
    cv2.imwrite(str(path), np.zeros((3, 9, 3), dtype=np.uint8))
    with pytest.raises(EdgeboardError, match="as many frames"):
        read_film_strip(path, 16)
    path.write_bytes(b"")
    with pytest.raises(EdgeboardError, match="cannot be read"):
        read_film_strip(path, 6)
