"""The threshold: as low as the wished false-accept rate of the next stranger allows, and not lower."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_accepted
from pipeline.metrics.open_set.probes import Probes
from pipeline.metrics.open_set.threshold import UNRESOLVED_MARGIN, choose_threshold
from tests.metrics.open_set.cases import PERFECT, probes, random_probes


def strangers(scores: Any, n_faces: list[int] | None = None) -> Probes:
    """Against a gallery of two; n_faces: of each person, one after another; None: each face is another person."""
    values = np.asarray(scores)
    counts = n_faces or [1] * len(values)
    persons = tuple(str(person) for person, count in enumerate(counts) for _ in range(count))
    return Probes(np.stack([values, values - 1], axis=1), np.full(len(values), -1), persons, persons)


HUNDRED = np.linspace(0, 0.99, 100)


@pytest.mark.parametrize(
    ("faces", "rate", "accepted"),
    [
        pytest.param(strangers(HUNDRED), 0.01, 0, id="100 people: one of 101 is the next one"),
        pytest.param(strangers(HUNDRED[:99]), 0.01, 0, id="the fewest for 1 %"),
        pytest.param(strangers(np.linspace(0, 0.99, 198)), 0.01, 0, id="198 people"),
        pytest.param(strangers(np.linspace(0, 0.99, 199)), 0.01, 1, id="199 people"),
        pytest.param(strangers(HUNDRED[:99]), 0.29, 28, id="0.29 * 100 is 28.999... for a computer"),
        pytest.param(strangers(HUNDRED), 0.999, 99, id="nearly everybody"),
        pytest.param(strangers(HUNDRED), 1 - 1e-13, 0, id="a share that rounds to all"),
        pytest.param(strangers([0.5]), 0.5, 0, id="one person"),
        pytest.param(strangers([0.1, 0.5, 0.5, 0.5, 0.9]), 0.5, 1, id="a tie goes as a whole, to the safe side"),
        pytest.param(strangers([0.1, 0.5, 0.5, 0.5, 0.9]), 0.84, 4, id="a tie that is allowed"),
        pytest.param(strangers([0.3] * 50), 0.5, 0, id="all alike"),
        pytest.param(strangers(HUNDRED, [10] * 10), 0.1, 1, id="10 people with 10 faces: a tenth of one person"),
        pytest.param(strangers(HUNDRED, [1] * 9 + [91]), 0.145, 54, id="a person of many faces weighs as the others"),
    ],
)
def test_the_threshold_is_the_smallest_that_keeps_the_rate(faces: Probes, rate: float, accepted: int) -> None:
    chosen = choose_threshold(faces, rate)
    assert chosen.is_resolved
    assert is_accepted(faces, chosen.similarity).sum() == accepted
    assert _with_the_next_one(faces, chosen.similarity) <= rate + 1e-9
    # One step lower, and the next stranger would be accepted more often than wished.
    lower = float(np.nextafter(chosen.similarity, -1))
    assert _with_the_next_one(faces, lower) > rate or rate > 0.9999
    assert chosen.achieved == pytest.approx(_with_the_next_one(faces, chosen.similarity, accepted=0), abs=1e-12)


def _with_the_next_one(faces: Probes, threshold: float, accepted: int = 1) -> float:
    """The rate over people, with `accepted` more persons who are always accepted."""
    persons = np.array(faces.persons)
    shares = [is_accepted(faces, threshold)[persons == person].mean() for person in set(faces.persons)]
    return float((sum(shares) + accepted) / (len(shares) + accepted))


@pytest.mark.parametrize("likeness", [0.0, 0.9])
@pytest.mark.parametrize("n_faces", [[1] * 220, [2] * 100, [1] * 60 + [8] * 60], ids=["one", "two", "uneven"])
def test_the_mean_rate_of_the_next_stranger_is_the_wished_one_or_lower(n_faces: list[int], likeness: float) -> None:
    rates = np.array([_true_rate(n_faces, likeness, seed, _chosen) for seed in range(500)])
    assert rates.mean() - 3 * rates.std() / 500**0.5 <= 0.01
    assert rates.mean() > 0.003, "it would be easy to accept nobody"


@pytest.mark.parametrize(("likeness", "least"), [(0.0, 0.015), (0.9, 0.025)])
def test_counting_faces_would_let_in_far_more_than_wished(likeness: float, least: float) -> None:
    rates = np.array([_true_rate([6] * 20, likeness, seed, _by_faces) for seed in range(500)])
    assert rates.mean() - 3 * rates.std() / 500**0.5 > 0.01
    assert rates.mean() > least


def _true_rate(n_faces: list[int], likeness: float, seed: int, choose: Any) -> float:
    """Of normal scores; likeness: the share of their variance that the faces of a person have in common."""
    generator = np.random.default_rng([seed, len(n_faces), round(10 * likeness)])
    own = np.repeat(generator.normal(size=len(n_faces)), n_faces)
    scores = likeness**0.5 * own + (1 - likeness) ** 0.5 * generator.normal(size=sum(n_faces))
    return 1 - NormalDist().cdf(choose(scores, n_faces))


def _chosen(scores: NDArray[np.float64], n_faces: list[int]) -> float:
    return choose_threshold(strangers(scores, n_faces), 0.01).similarity


def _by_faces(scores: NDArray[np.float64], n_faces: list[int]) -> float:
    """As if faces were strangers, and those at hand all there are: floor(rate * n) of n may be accepted."""
    return float(np.nextafter(np.sort(scores)[::-1][int(0.01 * sum(n_faces))], np.inf))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_similarities_of_less_precision_lose_no_stranger(kind: type) -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, (219, 3)).astype(kind)
    names = tuple(str(i) for i in range(219))
    faces = Probes(scores, np.full(219, -1), names, names)
    chosen = choose_threshold(faces, 0.05)
    assert is_accepted(faces, chosen.similarity).sum() == 10


@pytest.mark.parametrize(
    ("n_faces", "rate", "needed"),
    [
        pytest.param([1], 0.01, 99, id="one person"),
        pytest.param([1] * 98, 0.01, 99, id="one too few"),
        pytest.param([6] * 20, 0.01, 99, id="enough faces, of too few people"),
        pytest.param([1] * 998, 0.001, 999, id="a rarer mistake"),
        pytest.param([3, 4], 0.3, 3, id="no whole number"),
    ],
)
def test_too_few_strangers_are_told_and_none_is_accepted(n_faces: list[int], rate: float, needed: int) -> None:
    n, scores = sum(n_faces), np.linspace(0, 0.4, sum(n_faces) + 1)[1:]
    chosen = choose_threshold(strangers(scores, n_faces), rate)
    assert not chosen.is_resolved
    assert chosen.similarity == pytest.approx(0.4 + UNRESOLVED_MARGIN)
    assert (chosen.achieved, chosen.n_strangers, chosen.n_people) == (0, n, len(n_faces))
    people = f"{n} strangers' faces ({len(n_faces)} people)"
    assert f"{people} cannot resolve {rate:g}, which takes {needed} people" in chosen.note
    enough = choose_threshold(strangers(np.linspace(0, 0.4, needed)), rate)
    assert enough.is_resolved


def test_known_faces_do_not_move_the_threshold_and_people_are_counted() -> None:
    faces = random_probes(0, n_known=40, n_strangers=200, per_recording=4)
    alone = Probes(*(part[40:] for part in (faces.scores, faces.labels, faces.persons, faces.recordings)))
    chosen = choose_threshold(faces, 0.05)
    assert chosen == choose_threshold(alone, 0.05)
    assert (chosen.n_strangers, chosen.n_people, chosen.is_resolved) == (200, 50, True)


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
