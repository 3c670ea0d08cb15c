from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from pipeline.data.people import draw_person, draw_recording
from tests.data.people.cases import person, recording


def _numbers(value: Any) -> list[float]:
    if is_dataclass(value):
        return [number for field in fields(value) for number in _numbers(getattr(value, field.name))]
    if isinstance(value, tuple):
        return [number for part in value for number in _numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


def test_same_generator_gives_the_same_person_and_recording() -> None:
    assert draw_person(np.random.default_rng(5)) == draw_person(np.random.default_rng(5))
    assert draw_recording(np.random.default_rng(5)) == draw_recording(np.random.default_rng(5))
    assert hash(person(1)) == hash(person(1)), "people are keys of caches"


def test_a_hundred_people_differ_in_most_of_their_measures() -> None:
    shapes = np.array([[*_numbers(p.skull), *_numbers(p.nose), *_numbers(p.mouth)] for p in map(person, range(100))])
    spread = (shapes - shapes.mean(axis=0)) / shapes.std(axis=0)
    distances = np.linalg.norm(spread[:, None] - spread[None], axis=2) + np.eye(100) * 99
    assert distances.min() > 1, "two people with the same face"
    assert (shapes.std(axis=0) > 0.005).all(), "a measure that hardly differs"


def test_all_styles_of_hair_and_beard_occur_and_some_wear_glasses() -> None:
    people = [person(index) for index in range(300)]
    assert {p.hair.style for p in people} == {"bald", "cropped", "short", "swept", "curly", "bob", "long", "tied"}
    assert {p.beard.style for p in people} == {"none", "stubble", "moustache", "goatee", "full"}
    assert 0.1 < np.mean([p.glasses is not None for p in people]) < 0.3


@pytest.mark.parametrize("index", range(40))
def test_measures_make_a_possible_face(index: int) -> None:
    p = person(index)
    mouth_y = p.nose.tip_y + p.mouth.below
    assert mouth_y + p.mouth.lower < p.skull.chin_y - 0.05, "the mouth lies on the chin"
    assert p.skull.chin < p.skull.jaw < p.skull.cheek
    assert p.eyes.wide < p.eyes.apart, "the eyes meet"
    assert p.eyes.apart + p.eyes.wide < p.skull.forehead, "the eyes leave the head"
    assert all(0 <= channel <= 255 for channel in (*p.skin.colour, *p.hair.colour, *p.eyes.iris))


def test_most_recordings_hide_nothing_and_some_hide_the_hair() -> None:
    worn = [recording(index).headwear for index in range(300)]
    assert 0.65 < np.mean([kind == "none" for kind in worn]) < 0.85
    assert set(worn) == {"none", "beanie", "cap", "band", "hood"}


def test_movement_is_smooth_and_closes_nowhere_abruptly() -> None:
    for index in range(20):
        yaw = np.array([recording(index).yaw.at(i / 50) for i in range(51)])
        assert np.ptp(yaw) > 1, "nobody moves"
        assert np.abs(np.diff(yaw)).max() < 3, "the head jumps"
        assert np.abs(yaw).max() <= 30.001
