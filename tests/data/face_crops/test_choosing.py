"""One face or a reason: a table of what a frame may show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.data.face_crops.choosing import Problem, choose_face
from pipeline.errors import EdgeboardError
from pipeline.tasks.face_finder import Face

FRAME = (240, 320)


def face(x: float, y: float, side: float, probability: float = 0.99) -> Face:
    """Centred at x, y, with all landmarks within."""
    low, high = np.array([x, y]) - side / 2, np.array([x, y]) + side / 2
    landmarks = low + (high - low) * [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]
    return Face(np.concatenate([low, high]).astype(np.float32), probability, landmarks.astype(np.float32))


@pytest.mark.parametrize(
    ("faces", "rule", "expected"),
    [
        ([], "largest", "no face was found"),
        ([face(160, 120, 100, 0.8)], "largest", "probability 0.80; at least 0.9"),
        ([face(160, 120, 30)], "largest", "too small: 30 pixels; at least 40 (min_face)"),
        ([face(160, 120, 40)], "largest", 0),
        ([face(160, 120, 100)], "central", 0),
        ([face(80, 120, 100), face(240, 120, 90)], "largest", "2 faces of similar size"),
        ([face(80, 60, 90), face(240, 60, 90), face(160, 180, 90)], "largest", "3 faces of similar size"),
        ([face(240, 120, 60), face(80, 120, 100)], "largest", 1),
        ([face(240, 120, 60), face(160, 120, 50)], "central", 1),
        ([face(130, 120, 60), face(200, 120, 60)], "central", "2 faces about as near to the middle"),
        # Of no weight beside a good face: what is uncertain, and what is small.
        ([face(80, 120, 100), face(240, 120, 100, 0.7)], "largest", 0),
        ([face(160, 120, 20), face(60, 120, 60)], "central", 1),
        ([face(310, 120, 90)], "largest", "cut off by the border"),
        ([face(160, 5, 90)], "largest", "cut off by the border"),
        # The box may reach out as long as eyes, nose and mouth are seen.
        ([face(160, 45, 100)], "largest", 0),
    ],
)
def test_a_face_or_a_reason(faces: list[Face], rule: Any, expected: int | str) -> None:
    chosen = choose_face(faces, FRAME, rule)
    if isinstance(expected, int):
        assert chosen is faces[expected]
    else:
        assert isinstance(chosen, Problem)
        assert expected in chosen.reason


def test_each_limit_can_be_set() -> None:
    faces = [face(80, 120, 30, 0.5), face(240, 120, 28, 0.5)]
    assert choose_face(faces, FRAME, min_probability=0.4, min_side=10, similar=0.95) is faces[0]


def test_an_unknown_rule_is_refused_with_those_that_exist() -> None:
    with pytest.raises(EdgeboardError, match="rule") as caught:
        choose_face([face(160, 120, 100)], FRAME, "newest")  # type: ignore[arg-type]
    assert caught.value.allowed == ["largest", "central"]
