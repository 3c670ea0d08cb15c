"""Which part of a face a map points at."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.explain.faces.parts import PARTS, energy_in_parts, face_parts
from pipeline.tasks.face_alignment import usual_places


@pytest.mark.parametrize("size", [64, 160])
def test_every_pixel_is_in_one_part_and_every_part_has_some(size: int) -> None:
    masks = face_parts(size, 0.2)
    assert tuple(masks) == PARTS
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    assert all(mask.any() for mask in masks.values())
    left, _, nose, *_ = usual_places(size, 0.2).round().astype(int)
    assert masks["eyes"][left[1], left[0]]
    assert masks["nose"][nose[1], nose[0]]
    assert masks["outside"][0, 0]


def test_energy_is_where_the_map_is() -> None:
    masks = face_parts(80, 0.2)
    on_the_mouth = masks["mouth"].astype(np.float32)
    shares = energy_in_parts(np.stack([on_the_mouth, on_the_mouth * 3 - 2]), 0.2)
    assert shares["mouth"]["energy"] == pytest.approx(1)
    assert shares["mouth"]["area"] == pytest.approx(masks["mouth"].mean())
    assert sum(one["area"] for one in shares.values()) == pytest.approx(1)
    assert shares["eyes"]["energy"] == 0


def test_a_map_without_any_difference_tells_nothing() -> None:
    assert all(one["energy"] == 0 for one in energy_in_parts(np.ones((1, 64, 64), np.float32), 0.2).values())
