from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.box_pictures import draw_boxes, shrunk_to
from pipeline.errors import EdgeboardError

RED = (200, 20, 20)
GREY = np.full((60, 80, 3), 128, dtype=np.uint8)


def _is(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == colour).all(axis=-1)


def test_the_line_is_inside_the_box_and_nothing_else_changes() -> None:
    drawn = draw_boxes(GREY, np.array([[10, 20, 50, 40]]), [""], RED)
    expected = np.zeros((60, 80), dtype=bool)
    expected[20:40, 10:50] = True
    expected[22:38, 12:48] = False
    np.testing.assert_array_equal(_is(drawn, RED), expected)
    np.testing.assert_array_equal(_is(drawn, (128, 128, 128)), ~expected)
    assert (GREY == 128).all()


def test_a_dashed_line_has_the_colour_and_black_in_the_same_place() -> None:
    drawn = draw_boxes(GREY, np.array([[10, 20, 50, 40]]), [""], RED, dashed=True)
    solid = draw_boxes(GREY, np.array([[10, 20, 50, 40]]), [""], RED)
    np.testing.assert_array_equal(_is(drawn, RED) | _is(drawn, (0, 0, 0)), _is(solid, RED))
    assert 0.3 < _is(drawn, RED).sum() / _is(solid, RED).sum() < 0.7


@pytest.mark.parametrize("dashed", [False, True])
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(
    "box",
    [
        [10, 20, 50, 40],
        [0, 0, 80, 60],
        [5.4, 5.6, 5.5, 5.7],  # less than a pixel
        [7, 7, 7, 7],
        [-30, -30, 10, 10],
        [70, 50, 300, 300],
    ],
)
def test_every_box_is_drawn_with_its_caption_within_the_picture(box: list[float], below: bool, dashed: bool) -> None:
    plain = draw_boxes(GREY, np.array([box]), [""], RED, dashed=dashed, captions_below=below)
    drawn = draw_boxes(GREY, np.array([box]), ["gun 0.9"], RED, dashed=dashed, captions_below=below)
    assert drawn.shape == GREY.shape
    assert _is(plain, RED).any()
    assert (_is(drawn, RED) & ~_is(plain, RED)).sum() > 50


@pytest.mark.parametrize("box", [[200, 10, 300, 20], [10, 60, 20, 70], [-9, 10, 0, 20], [10, -5, 20, 0]])
def test_of_a_box_wholly_outside_nothing_is_drawn(box: list[float]) -> None:
    np.testing.assert_array_equal(draw_boxes(GREY, np.array([box]), ["gun"], RED), GREY)


def test_captions_stand_above_or_below_where_there_is_room() -> None:
    box = np.array([[10, 25, 50, 35]])
    above = _is(draw_boxes(GREY, box, ["gun"], RED), RED)
    below = _is(draw_boxes(GREY, box, ["gun"], RED, captions_below=True), RED)
    assert above[:25].any()
    assert not above[35:].any()
    assert below[35:].any()
    assert not below[:25].any()


@pytest.mark.parametrize(("colour", "ink"), [((255, 255, 0), (0, 0, 0)), ((0, 0, 160), (255, 255, 255))])
def test_letters_are_readable_on_any_colour(colour: tuple[int, int, int], ink: tuple[int, int, int]) -> None:
    drawn = draw_boxes(GREY, np.array([[10, 30, 50, 40]]), ["MMM"], colour)
    letters = np.abs(drawn.astype(int) - ink).max(axis=-1) < 80  # their edges are smoothed
    assert letters.sum() > 10
    assert letters[:30].sum() == letters.sum()


def test_no_boxes_give_the_picture_again() -> None:
    np.testing.assert_array_equal(draw_boxes(GREY, np.zeros((0, 4)), [], RED), GREY)


@pytest.mark.parametrize(("boxes", "captions"), [(np.zeros((2, 4)), ["a"]), (np.zeros((1, 5)), ["a"])])
def test_boxes_and_captions_that_do_not_fit_are_refused(boxes: np.ndarray, captions: list[str]) -> None:
    with pytest.raises(EdgeboardError, match="caption"):
        draw_boxes(GREY, boxes, captions, RED)


@pytest.mark.parametrize(
    ("height", "width", "side", "shape"),
    [(60, 80, 40, (30, 40)), (80, 60, 160, (160, 120)), (1, 1000, 100, (1, 100)), (1, 1, 50, (50, 50))],
)
def test_shrinking_keeps_the_proportions(height: int, width: int, side: int, shape: tuple[int, int]) -> None:
    picture, factor = shrunk_to(np.full((height, width, 3), 77, dtype=np.uint8), side)
    assert picture.shape == (*shape, 3)
    assert picture.dtype == np.uint8
    assert (picture == 77).all()
    assert factor == side / max(height, width)
