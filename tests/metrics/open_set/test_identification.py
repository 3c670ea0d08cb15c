"""One face against the gallery, and what a set of faces must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_accepted, is_rank_one, is_right
from pipeline.metrics.open_set.probes import Probes, compare
from pipeline.tasks.gallery import Gallery, Threshold, enrol, identify
from tests.metrics.open_set.cases import COLLAPSED, PERFECT, REVERSED, probes


@pytest.mark.parametrize(
    ("faces", "rank_one", "right_at_half"),
    [
        (PERFECT, [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]),
        (COLLAPSED, [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),  # 0.5 reaches 0.5, and ties are nobody's
        (REVERSED, [0, 0], [0, 0]),
        (probes([[0.9, 0.1]], [1]), [0], [0]),
        (probes([[0.4, 0.1]], [0]), [1], [0]),  # nearest, but not near enough
        (probes([[0.9]], [0]), [1], [1]),  # one person in the gallery
        (probes([[0.6, 0.2], [0.4, 0.2]], [-1, -1]), [0, 0], [0, 1]),
        (probes(np.zeros((2, 0)), [-1, -1]), [0, 0], [1, 1]),  # an empty gallery knows nobody
    ],
)
def test_who_is_right(faces: Probes, rank_one: list[int], right_at_half: list[int]) -> None:
    assert is_rank_one(faces).tolist() == [bool(one) for one in rank_one]
    assert is_right(faces, 0.5).tolist() == [bool(one) for one in right_at_half]


@pytest.mark.filterwarnings("ignore::pipeline.tasks.gallery.ConfusableWarning")
def test_it_decides_as_the_board_does() -> None:
    generator = np.random.default_rng(0)
    faces = generator.normal(size=(40, 8))
    gallery = Gallery("a" * 64, 8, Threshold(0.3, 0.01, 0.0, 1, 1, False, ""), "max")
    for name in ("Ann", "Bo", "Cy"):
        gallery = enrol(gallery, name, generator.normal(size=(3, 8)))
    labels = generator.integers(-1, 3, size=40)
    persons = [gallery.names[label] if label >= 0 else f"x{i}" for i, label in enumerate(labels)]
    probes_ = compare(faces, [one.templates for one in gallery.people], labels, persons, persons)
    names = [identify(face, gallery).name for face in faces]
    expected = [name == (person if label >= 0 else None) for name, person, label in zip(names, persons, labels)]  # noqa: B905
    assert is_right(probes_, 0.3).tolist() == expected
    assert is_accepted(probes_, 0.3).tolist() == [name is not None for name in names]
    assert 0 < sum(expected) < 40


@pytest.mark.parametrize(
    ("scores", "labels", "persons", "message"),
    [
        (np.zeros((2, 2)), [0], ["a", "b"], "its scores, label"),
        (np.zeros(2), [0, 1], ["a", "b"], "its scores, label"),
        (np.array([[0, np.nan]]), [0], ["a"], "not a number"),
        (np.zeros((1, 2)), [2], ["a"], r"\[2\]"),
        (np.zeros((1, 2)), [-2], ["a"], r"\[-2\]"),
        (np.zeros((2, 2)), [0, -1], ["a", "a"], "more than one label"),
    ],
)
def test_faces_that_do_not_fit_are_refused(scores: Any, labels: list[int], persons: list[str], message: str) -> None:
    with pytest.raises(EdgeboardError, match=message):
        Probes(scores, np.array(labels), tuple(persons), tuple(persons))


def test_an_embedding_without_direction_is_refused_with_its_row() -> None:
    with pytest.raises(EdgeboardError, match=r"rows \[1\]"):
        compare(np.array([[1.0, 0], [0, 0]]), np.eye(2), [0, 1], ["a", "b"], ["1", "2"])
