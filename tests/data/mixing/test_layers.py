"""One object on its way to the image: turned, scaled, mirrored, laid down."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.data.mixing.cutouts import SOLID
from pipeline.data.mixing.layers import Layer, paint, patch_layer, patch_shapes, sprite_layer
from pipeline.data.mixing.pool import PAD, Sprite, object_levels
from tests.data.mixing.cases import box_of, rectangle_sprite


def _size(layer: Layer) -> tuple[int, int]:
    left, top, right, bottom = box_of(layer.solid)
    return right - left, bottom - top


@pytest.mark.parametrize(
    ("long_px", "degrees", "size"),
    [
        (60, 0, (60, 40)),
        (30, 0, (30, 20)),
        (15, 0, (15, 10)),
        (45, 0, (45, 30)),
        (120, 0, (120, 80)),
        (60, 90, (40, 60)),
        (60, -90, (40, 60)),
        (60, 180, (60, 40)),
        (60, 45, (71, 71)),
    ],
)
def test_object_has_the_size_that_was_asked_for(long_px: float, degrees: float, size: tuple[int, int]) -> None:
    layer = sprite_layer(rectangle_sprite((10, 20, 200)), long_px, degrees, False, False)
    assert np.abs(np.subtract(_size(layer), size)).max() <= 1
    assert layer.area == np.count_nonzero(layer.solid) == np.count_nonzero(layer.alpha >= SOLID)
    assert abs(layer.area - 2 / 3 * long_px**2) <= 0.04 * long_px**2 + 4


@pytest.mark.parametrize("feathered", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133, 180, -29])
def test_layer_is_the_box_of_the_turned_object_and_loses_nothing_of_it(
    degrees: float, mirrored: bool, feathered: bool
) -> None:
    """Against a warp with room on all sides; a triangle fills half of its own box."""
    bgra = np.zeros((70, 90, 4), np.uint8)
    cv2.fillPoly(bgra, [np.array([[5, 5], [85, 20], [20, 65]], np.int32)], (90, 90, 90, 255), cv2.LINE_AA)
    for long_px in (90.0, 61.3, 23.0):
        sprite = Sprite(object_levels(bgra[5:66, 5:86], 90), (90.0, 90.0, 90.0))
        layer = sprite_layer(sprite, long_px, degrees, mirrored, feathered)
        level = [level for level in sprite.levels if level.long_side >= long_px or level is sprite.levels[0]][-1]
        source = (level.feathered if feathered else level.cut).bgra[:, :: -1 if mirrored else 1]
        turn = cv2.getRotationMatrix2D((0, 0), degrees, long_px / level.long_side)
        turn[:, 2] = 128 - turn[:, :2] @ (np.array(source.shape[1::-1]) - 1) / 2
        roomy = cv2.warpAffine(np.ascontiguousarray(source), turn, (256, 256))[..., 3]
        # Where the grid of pixels lies is another one: sums of a blurred edge agree all the same.
        assert abs(int(layer.alpha.sum()) - int(roomy.sum())) <= 0.01 * roomy.sum() + 255
        left, top, right, bottom = box_of(roomy > 0)
        # The faintest pixels of a soft edge may round to nothing.
        assert -1 <= layer.width - (right - left) <= 5
        assert -1 <= layer.height - (bottom - top) <= 5


def _corner_sprite() -> Sprite:
    """A square whose upper left quarter alone is red, the rest white."""
    bgra = np.full((40, 40, 4), 255, np.uint8)
    bgra[:20, :20, :3] = (0, 0, 255)
    return Sprite(object_levels(bgra, 40), (128.0, 128.0, 255.0))


@pytest.mark.parametrize(
    ("degrees", "mirrored", "quarter"),
    [(0, False, (0, 0)), (0, True, (0, 1)), (90, False, (1, 0)), (180, False, (1, 1)), (90, True, (0, 0))],
    ids=["as it is", "mirrored", "anticlockwise", "upside down", "mirrored, then anticlockwise"],
)
def test_turn_and_mirror_go_the_way_they_say(degrees: float, mirrored: bool, quarter: tuple[int, int]) -> None:
    layer = sprite_layer(_corner_sprite(), 40, degrees, mirrored, False)
    middle = np.array([[layer.bgr[12, 12], layer.bgr[12, -13]], [layer.bgr[-13, 12], layer.bgr[-13, -13]]])
    red = [(y, x) for y in range(2) for x in range(2) if middle[y, x, 0] < 50]
    assert red == [quarter]


@pytest.mark.parametrize("feathered", [False, True])
@pytest.mark.parametrize("colour", [0, 255])
def test_edges_bring_in_no_foreign_colour(colour: int, feathered: bool) -> None:
    """A white object on white and a black one on black are not seen, whatever lies below transparent pixels."""
    bgra = np.full((50, 50, 4), 255 - colour, np.uint8)
    bgra[..., 3] = 0
    cv2.circle(bgra, (25, 25), 20, (colour, colour, colour, 255), -1)
    canvas = np.full((80, 80, 3), colour, np.uint8)
    layer = sprite_layer(Sprite(object_levels(bgra, 50), (0, 0, 0)), 41, 17, False, feathered)
    paint(layer.cut_to(canvas, 10, 10), layer)
    assert np.abs(canvas.astype(int) - colour).max() <= 2


def test_feathered_edge_is_softer_and_as_large() -> None:
    sprite = rectangle_sprite((255, 255, 255))
    hard, soft = (sprite_layer(sprite, 60, 0, False, feathered) for feathered in (False, True))
    assert np.abs(np.subtract(_size(hard), _size(soft))).max() <= 1
    partial = [np.count_nonzero((layer.alpha > 10) & (layer.alpha < 245)) for layer in (hard, soft)]
    assert partial[1] > 3 * max(partial[0], 100)
    assert soft.alpha[soft.alpha.shape[0] // 2, soft.alpha.shape[1] // 2] == 255


@pytest.mark.parametrize(
    ("left", "top", "box"),
    [(20, 10, (20, 10, 30, 16)), (-4, 10, (0, 10, 6, 16)), (45, 37, (45, 37, 50, 40)), (-3, -3, (0, 0, 7, 3))],
)
def test_painting_changes_the_place_of_the_layer_and_nothing_else(
    left: int, top: int, box: tuple[int, int, int, int]
) -> None:
    canvas = np.zeros((40, 50, 3), np.uint8)
    layer = Layer(np.full((6, 10, 3), 200, np.uint8), np.full((6, 10), 255, np.uint8))
    paint(layer.cut_to(canvas, left, top), layer)
    assert box_of(canvas[..., 0]) == box
    assert set(np.unique(canvas)) == {0, 200}


def test_half_transparent_is_half_of_each() -> None:
    canvas = np.full((10, 10, 3), 200, np.uint8)
    layer = Layer(np.full((10, 10, 3), 50, np.uint8), np.full((10, 10), 128, np.uint8))
    paint(layer.cut_to(canvas, 0, 0), layer)
    assert np.abs(canvas.astype(int) - (50 + 200 * 127 / 255)).max() <= 1


def test_patches_have_many_forms_and_the_colours_of_their_texture() -> None:
    shapes = patch_shapes()
    assert len({shape.tobytes() for shape in shapes}) == len(shapes)
    for shape in shapes:
        assert 0.2 < np.mean(shape >= SOLID) < 0.95
        layer = patch_layer(np.full((30, 50, 3), 99, np.uint8), shape)
        assert (layer.height, layer.width) == (30, 50)
        assert layer.bgr[layer.alpha == 255].tolist() == [[99, 99, 99]] * np.count_nonzero(layer.alpha == 255)


def test_padding_is_transparent() -> None:
    for level in rectangle_sprite((1, 2, 3)).levels:
        assert not level.cut.bgra[:PAD].any()
        assert not level.cut.bgra[:, -PAD:].any()
