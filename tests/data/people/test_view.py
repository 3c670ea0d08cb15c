from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.people import chart
from pipeline.data.people.sculpture import height_at, sculpt
from pipeline.data.people.view import View, trace, turn
from tests.data.people.cases import person

NOSE = np.array([[0.0, 0.5, 1.2]])


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll", "moves"),
    [
        (0, 0, 0, (0, 0)),
        (20, 0, 0, (1, 0)),
        (-20, 0, 0, (-1, 0)),
        (0, 15, 0, (0, -1)),
        (0, -15, 0, (0, 1)),
        (0, 0, 20, (-1, -1)),
    ],
)
def test_angles_move_the_nose_as_they_say(yaw: float, pitch: float, roll: float, moves: tuple[int, int]) -> None:
    straight = View(turn(0, 0, 0), 70, (120, 150), 0.0).project(NOSE)[0]
    turned = View(turn(yaw, pitch, roll), 70, (120, 150), 0.0).project(NOSE)[0]
    assert tuple(np.sign(np.round(turned - straight)).astype(int)) == moves


def test_rotation_keeps_lengths_and_a_direction_can_be_turned_back() -> None:
    view = View(turn(25, -10, 8), 70, (0, 0), 0.1)
    assert np.allclose(view.rotation @ view.rotation.T, np.eye(3))
    assert np.allclose(view.rotation @ view.to_head([0.3, -0.2, 0.9]), [0.3, -0.2, 0.9])


@pytest.mark.parametrize("nearness", [0.0, 0.16])
@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (25, 0, 0), (-25, 10, -12), (0, -15, 12)])
def test_traced_pixel_and_projected_point_are_the_same_place(
    yaw: float, pitch: float, roll: float, nearness: float
) -> None:
    heights = sculpt(person(3)).height
    view = View(turn(yaw, pitch, roll), 75, (120, 150), nearness)
    map_x, map_y, filled = trace(view, heights, (0, 0, 240, 320))
    for x, y in ((0.0, 0.45), (0.3, 0.0), (-0.3, 0.0), (0.0, 0.8)):
        column, row = np.rint(view.project([(x, y, height_at(heights, x, y))])[0]).astype(int)
        seen = np.array([map_x[row, column], map_y[row, column]])
        assert np.linalg.norm(seen - chart.to_pixels([(x, y)])[0]) < 4
        assert filled[row, column] == 1


def test_the_head_ends_where_its_outline_does() -> None:
    p = person(3)
    view = View(turn(0, 0, 0), 75, (120.0, 150.0), 0.0)
    _, _, filled = trace(view, sculpt(p).height, (0, 0, 240, 320))
    row = filled[150]
    assert row[0] == 0
    assert row[239] == 0
    assert abs(row.sum() - 2 * p.skull.cheek * 75) < 9, "as wide as the cheeks, and the sides"
    assert np.argmax(filled[150:, 120] < 0.5) == pytest.approx(p.skull.chin_y * 75, abs=10)


def test_a_turned_nose_hides_the_cheek_behind_it() -> None:
    p = person(3)
    heights, across = sculpt(p).height, slice(40, 200)
    row = round(150 + 75 * (p.nose.tip_y - 0.03))
    maps = {
        yaw: trace(View(turn(yaw, 0, 0), 75, (120, 150), 0.0), heights, (0, 0, 240, 320))[0][row, across]
        for yaw in (0, 35)
    }
    steps = {yaw: np.diff(seen).max() for yaw, seen in maps.items()}
    assert steps[35] > 2 * steps[0], "the line of sight does not jump over anything"
