"""What may lie where, on hand-made layers whose every pixel is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.annotations import Box
from pipeline.data.mixing.layers import Layer
from pipeline.data.mixing.placing import Placing


def _block(width: int, height: int) -> Layer:
    return Layer(np.zeros((height, width, 3), np.uint8), np.full((height, width), 255, np.uint8))


def _placing(visible_fraction: float = 0.5, max_overlap: float = 0.25) -> Placing:
    return Placing(100, 80, visible_fraction, max_overlap)


def _frame_with_a_soft_rim() -> Layer:
    """Solid columns 3..12 and rows 2..5, round about half-transparent ones that do not count."""
    alpha = np.full((8, 20), 127, np.uint8)
    alpha[2:6, 3:13] = 128
    return Layer(np.zeros((8, 20, 3), np.uint8), alpha)


def test_box_is_tight_around_the_solid_pixels() -> None:
    placing = _placing()
    assert placing.put(_frame_with_a_soft_rim(), 10, 20, "it")
    assert placing.boxes() == (Box(13, 22, 23, 26, "it"),)


@pytest.mark.parametrize(
    ("left", "top", "box"),
    [
        (-5, 30, Box(0, 30, 5, 40, "it")),
        (95, 30, Box(95, 30, 100, 40, "it")),
        (30, -4, Box(30, 0, 40, 6, "it")),
        (30, 74, Box(30, 74, 40, 80, "it")),
        (-6, 30, None),
        (-10, 30, None),
        (200, 200, None),
        (-4, -4, None),
    ],
)
def test_border_leaves_at_least_the_visible_fraction(left: int, top: int, box: Box | None) -> None:
    placing = _placing()
    assert placing.put(_block(10, 10), left, top, "it") == (box is not None)
    assert placing.boxes() == ((box,) if box else ())


# left of the second block, whether it may lie there, the box of the first one then
OVERLAPS = [
    (50, True, Box(20, 20, 40, 30, "first")),
    (40, True, Box(20, 20, 40, 30, "first")),
    (35, True, Box(20, 20, 35, 30, "first")),
    (34, False, Box(20, 20, 40, 30, "first")),
    (20, False, Box(20, 20, 40, 30, "first")),
]


@pytest.mark.parametrize("name", ["second", ""], ids=["an object", "a distractor"])
@pytest.mark.parametrize(("left", "fits", "box"), OVERLAPS)
def test_things_hide_no_more_than_max_overlap(left: int, fits: bool, box: Box, name: str) -> None:
    placing = _placing()
    assert placing.put(_block(20, 10), 20, 20, "first")
    assert placing.put(_block(20, 10), left, 20, name) == fits
    assert placing.boxes()[0] == box


def test_two_things_together_hide_no_more_than_max_overlap() -> None:
    placing = _placing()
    placing.put(_block(20, 10), 20, 20, "first")
    assert placing.put(_block(20, 10), 36, 20, "right")
    assert not placing.put(_block(20, 10), 2, 20, "left"), "2 of 20 columns more, after 4 of 20, are above a quarter"
    assert placing.put(_block(20, 10), 1, 20, "left"), "1 more is a quarter"


def test_an_occluder_may_hide_more_but_the_visible_fraction_stays() -> None:
    placing = _placing()
    placing.put(_block(20, 10), 20, 20, "first")
    assert not placing.put(_block(20, 10), 29, 20, occluder=True)
    assert placing.put(_block(20, 10), 30, 20, occluder=True)
    assert placing.boxes() == (Box(20, 20, 30, 30, "first"),)
    assert not placing.put(_block(1, 1), 20, 20, occluder=True), "not one pixel more"


def test_border_and_cover_add_up() -> None:
    placing = _placing()
    placing.put(_block(20, 10), -6, 20, "first")
    assert not placing.put(_block(20, 10), 9, 20), "6 + 5 of 20 columns"
    assert placing.put(_block(20, 10), 10, 20), "6 + 4 of 20 columns, of which others hide 4"
    assert placing.boxes() == (Box(0, 20, 10, 30, "first"),)


def test_a_refused_thing_changes_nothing() -> None:
    """It would lie on two objects, of which it may cover the first alone."""
    placing = _placing()
    placing.put(_block(20, 10), 10, 20, "first")
    placing.put(_block(20, 10), 32, 20, "second")
    before = placing.boxes()
    assert not placing.put(_block(20, 10), 26, 20, "third")
    assert placing.boxes() == before
    assert [placed.seen for placed in placing.placed] == [200, 200]


def test_what_lies_in_a_hole_hides_nothing() -> None:
    alpha = np.full((30, 30), 255, np.uint8)
    alpha[10:20, 10:20] = 0
    placing = Placing(100, 80, 1.0, 0.0)
    assert placing.put(Layer(np.zeros((30, 30, 3), np.uint8), alpha), 0, 0, "ring")
    assert placing.put(_block(10, 10), 10, 10, "inner")
    assert not placing.put(_block(10, 10), 9, 10), "one column of it lies on the ring"
    assert placing.boxes() == (Box(0, 0, 30, 30, "ring"), Box(10, 10, 20, 20, "inner"))
