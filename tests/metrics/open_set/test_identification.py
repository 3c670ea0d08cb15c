"""One face against the gallery, the threshold, and what a set of faces must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_accepted, is_rank_one, is_right
from pipeline.metrics.open_set.probes import Probes, compare
from pipeline.metrics.open_set.threshold import UNRESOLVED_MARGIN, choose_threshold
from pipeline.tasks.gallery import Gallery, Threshold, enrol, identify
from tests.metrics.open_set.cases import COLLAPSED, PERFECT, REVERSED, probes, random_probes


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


def strangers(scores: list[float]) -> Probes:
    return probes([[score, -1] for score in scores], [-1] * len(scores))


@pytest.mark.parametrize(
    ("scores", "rate", "accepted"),
    [
        (np.linspace(0, 0.99, 100), 0.01, 1),
        (np.linspace(0, 0.99, 100), 0.29, 29),  # 0.29 · 100 is 28.999… for a computer
        (np.linspace(0, 0.99, 199), 0.01, 1),
        (np.linspace(0, 0.99, 100), 0.999, 99),
        ([0.1, 0.5, 0.5, 0.5, 0.9], 0.4, 1),  # a tie goes as a whole, and to the safe side
        ([0.1, 0.5, 0.5, 0.5, 0.9], 0.8, 4),
        ([0.3] * 50, 0.5, 0),
    ],
)
def test_the_threshold_is_the_smallest_that_keeps_the_rate(scores: Any, rate: float, accepted: int) -> None:
    faces = strangers(list(scores))
    chosen = choose_threshold(faces, rate)
    assert chosen.is_resolved
    assert is_accepted(faces, chosen.similarity).sum() == accepted
    assert chosen.achieved == accepted / len(scores) <= rate
    # One step lower, and more than the wished share would be accepted.
    assert is_accepted(faces, np.nextafter(chosen.similarity, -1)).mean() > rate


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_similarities_of_less_precision_lose_no_stranger(kind: type) -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(kind)
    names = tuple(str(i) for i in range(200))
    faces = Probes(scores, np.full(200, -1), names, names)
    chosen = choose_threshold(faces, 0.05)
    assert is_accepted(faces, chosen.similarity).sum() == 10


@pytest.mark.parametrize(("n", "rate"), [(1, 0.01), (20, 0.01), (99, 0.01), (999, 0.001)])
def test_too_few_strangers_are_told_and_none_is_accepted(n: int, rate: float) -> None:
    scores = np.linspace(0, 0.4, n + 1)[1:]
    chosen = choose_threshold(strangers(scores.tolist()), rate)
    assert not chosen.is_resolved
    assert chosen.similarity == pytest.approx(0.4 + UNRESOLVED_MARGIN)
    assert (chosen.achieved, chosen.n_strangers, chosen.n_people) == (0, n, n)
    assert f"{n} strangers' faces ({n} people) cannot resolve {rate:g}, which takes {round(1 / rate)}" in chosen.note


def test_known_faces_do_not_move_the_threshold_and_people_are_counted() -> None:
    faces = random_probes(0, n_known=40, n_strangers=200, per_recording=4)
    alone = Probes(*(part[40:] for part in (faces.scores, faces.labels, faces.persons, faces.recordings)))
    chosen = choose_threshold(faces, 0.05)
    assert chosen == choose_threshold(alone, 0.05)
    assert (chosen.n_strangers, chosen.n_people) == (200, 50)


@pytest.mark.parametrize(
    ("faces", "rate", "message"),
    [
        (probes([[0.5, 0.2]], [0]), 0.01, "0 strangers' faces, 2 known people"),
        (probes(np.zeros((3, 0)), [-1] * 3), 0.01, "3 strangers' faces, 0 known people"),
        (PERFECT, 0.0, "above 0, below 1"),
        (PERFECT, 1.0, "above 0, below 1"),
        (PERFECT, float("nan"), "above 0, below 1"),
    ],
)
def test_a_threshold_needs_strangers_and_a_share(faces: Probes, rate: float, message: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        choose_threshold(faces, rate)
    assert message in str(caught.value)


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
