from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.data.sprites.shapes import box, ellipse, limb, smooth, stroke, symmetric, turned


def _area(points: np.ndarray) -> float:
    return float(cv2.contourArea(points.astype(np.float32)))


@pytest.mark.parametrize(
    ("points", "area"),
    [
        (box(0, 0, 10, 4), 40),
        (box(0, 0, 10, 10, 2), 100 - (4 - np.pi) * 4),
        (box(0, 0, 10, 4, 99), 4 * 6 + np.pi * 4),  # a corner larger than the box makes a stadium
        (ellipse(3, 4, 5, points=200), np.pi * 25),
        (ellipse(3, 4, 5, 2, turn=33, points=200), np.pi * 10),
        (limb((0, 0), (10, 0), 2, 2), 40 + np.pi * 4),
        (limb((0, 0), (1, 0), 5, 2), np.pi * 25),  # the small end lies within the large one
        (limb((0, 0), (1, 0), 2, 5), np.pi * 25),
        (limb((3, 3), (3, 3), 2, 2), np.pi * 4),
        (symmetric([(0, 0), (3, 0), (3, 5), (0, 5)]), 30),
    ],
)
def test_area(points: np.ndarray, area: float) -> None:
    assert _area(points) == pytest.approx(area, rel=0.03)


def test_limb_contains_both_ends() -> None:
    hull = limb((0, 0), (20, 10), 3, 1).astype(np.float32)
    for point, radius in (((0.0, 0.0), 3), ((20.0, 10.0), 1)):
        assert cv2.pointPolygonTest(hull, point, True) == pytest.approx(radius, rel=0.06)


def test_stroke_tapers() -> None:
    pieces = stroke([(0, 0), (10, 0), (20, 0)], 4, 2)
    assert len(pieces) == 2
    assert np.ptp(pieces[0][:, 1]) == pytest.approx(4, rel=0.03)
    assert np.ptp(pieces[1][:, 1]) == pytest.approx(3, rel=0.03)


def test_smooth_cuts_corners_and_keeps_the_ends_of_an_open_line() -> None:
    square = box(0, 0, 10, 10)
    assert 60 < _area(smooth(square)) < 95
    line = smooth([(0, 0), (5, 9), (10, 0)], closed=False)
    assert line[0].tolist() == [0, 0]
    assert line[-1].tolist() == [10, 0]
    assert line[:, 1].max() < 9


def test_turned_is_clockwise_on_the_screen() -> None:
    assert turned(np.array([[1.0, 0.0]]), 90) == pytest.approx(np.array([[0.0, 1.0]]))
    assert turned(np.array([[3.0, 2.0]]), 180, (2, 2)) == pytest.approx(np.array([[1.0, 2.0]]))
