from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.recordings.orientation import upright

ONE = 1 << 16
IMAGE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)

CASES = {
    "no matrix": (None, IMAGE),
    "identity": ([[ONE, 0], [0, ONE]], IMAGE),
    "all zero": ([[0, 0], [0, 0]], IMAGE),
    "a quarter turn clockwise": ([[0, ONE], [-ONE, 0]], np.rot90(IMAGE, -1)),
    "a quarter turn counter-clockwise": ([[0, -ONE], [ONE, 0]], np.rot90(IMAGE)),
    "half a turn": ([[-ONE, 0], [0, -ONE]], np.rot90(IMAGE, 2)),
    "mirrored": ([[-ONE, 0], [0, ONE]], IMAGE[:, ::-1]),
    "upside down, mirrored": ([[ONE, 0], [0, -ONE]], IMAGE[::-1]),
    "transposed": ([[0, ONE], [ONE, 0]], IMAGE.transpose(1, 0, 2)),
    "twice as large": ([[0, 2 * ONE], [-2 * ONE, 0]], np.rot90(IMAGE, -1)),
    "ten degrees": ([[64540, 11380], [-11380, 64540]], IMAGE),
    "the smallest int32": ([[-(1 << 31), 0], [0, -(1 << 31)]], np.rot90(IMAGE, 2)),
}


@pytest.mark.parametrize(("turn", "shown"), CASES.values(), ids=CASES.keys())
def test_the_picture_as_it_is_shown(turn: list[list[int]] | None, shown: np.ndarray) -> None:
    matrix = None
    if turn is not None:
        matrix = np.array([[*turn[0], 0], [*turn[1], 0], [0, 0, 1 << 30]], dtype=np.int32)
    result = upright(IMAGE, matrix)
    np.testing.assert_array_equal(result, shown)
    assert result.flags["C_CONTIGUOUS"]
