"""The numbers of a recogniser with their intervals, and the difference of two."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.benchmark.faces import resampling as resampling_module
from pipeline.benchmark.faces.accuracy import FALSE_ACCEPT_RATES, measure_open_set, paired_differences
from pipeline.benchmark.faces.resampling import ProbeResampling, share_interval
from pipeline.benchmark.statistics import wilson
from pipeline.errors import EdgeboardError
from pipeline.metrics.open_set.identification import is_rank_one
from pipeline.metrics.open_set.probes import Probes
from pipeline.metrics.open_set.verification import Pairs
from tests.metrics.open_set.cases import COLLAPSED, PERFECT, REVERSED, probes, random_probes

NAMES = ["top1", *FALSE_ACCEPT_RATES, "eer", "dir", "fpir", "rank1_with_unknowns", "rank1_with_unknowns_balanced"]


@pytest.mark.parametrize(
    ("faces", "values"),
    [
        (PERFECT, {"top1": 1, "eer": 0, "dir": 1, "fpir": 0, NAMES[6]: 1, NAMES[7]: 1}),
        (COLLAPSED, {"top1": 0, "eer": 0.5, "dir": 0, "fpir": 1, NAMES[6]: 0, NAMES[7]: 0}),
        (REVERSED, {"top1": 0, "eer": 1, "dir": 0, "fpir": None, NAMES[6]: None, NAMES[7]: None}),
        # Four of five right: of the known three of three, of the strangers one of two.
        (
            probes([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.2], [0.3, 0.3]], [0, 1, 0, -1, -1]),
            {"top1": 1, "dir": 1, "fpir": 0.5, NAMES[6]: 0.8, NAMES[7]: 0.75},
        ),
        (probes([[0.4, 0.1], [0.9, 0.2]], [0, -1]), {"top1": 1, "dir": 0, "fpir": 1, NAMES[6]: 0}),
        (probes([[0.9, 0.1]], [0]), {"top1": 1, "eer": 0, "dir": 1, "fpir": None}),
        (probes([[0.9, 0.1]], [-1]), {"top1": None, "eer": None, "dir": None, "fpir": 1, NAMES[6]: None}),
        (probes([[0.9]], [0]), {"top1": 1, "eer": None, NAMES[1]: None, "dir": 1}),
        (probes(np.zeros((2, 0)), [-1, -1]), {"top1": None, "eer": None, "fpir": 0}),
    ],
)
def test_known_answers(faces: Probes, values: dict[str, float | None]) -> None:
    found = measure_open_set(faces, 0.5, seed=0, resamples=50)
    assert list(found.measures) == NAMES
    for name, value in values.items():
        estimate = found.measures[name]
        assert (None if estimate is None else estimate.value) == (None if value is None else pytest.approx(value))
    for name, estimate in found.measures.items():
        assert (estimate is None) == (name in found.not_measured)
        assert estimate is None or 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    json.dumps(found.columns(), allow_nan=False)


@pytest.mark.parametrize(("n", "one_percent", "per_mille"), [(24, None, None), (25, 1, None), (250, 1, 1)])
def test_a_rate_that_the_pairs_cannot_resolve_is_not_measured(
    n: int, one_percent: float | None, per_mille: float | None
) -> None:
    """Of n faces against five people, 4 n pairs are impostors'."""
    found = measure_open_set(random_probes(0, n_known=n, n_strangers=0, shift=50), 1.0, seed=0, resamples=20)
    for name, value in zip(FALSE_ACCEPT_RATES, (one_percent, per_mille), strict=True):
        estimate = found.measures[name]
        assert (estimate.value if estimate else None) == value
        assert value or f"{4 * n} impostor pairs cannot resolve" in found.not_measured[name]


def test_no_faces_and_no_resamples_are_refused() -> None:
    with pytest.raises(EdgeboardError, match="no face"):
        measure_open_set(probes(np.zeros((0, 2)), []), 0.5, seed=0)
    with pytest.raises(EdgeboardError, match="resamples"):
        measure_open_set(PERFECT, 0.5, seed=0, resamples=0)


def test_a_resample_draws_whole_recordings_and_whole_strangers() -> None:
    """Six recordings of known people, two of them of one name; five strangers, the first with two recordings."""
    persons = [*"aabbaabb", "s0", "s0", "s1", "s2", "s3", "s4"]
    recordings = [*"xxxxyyzz", "x", "y", "x", "x", "x", "x"]
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1, *[-1] * 6])
    faces = Probes(np.zeros((14, 2)), labels, tuple(persons), tuple(recordings))
    resampling = ProbeResampling.over(faces, seed=3, resamples=400)
    assert (resampling.n_known_groups, resampling.n_stranger_groups) == (4, 5)
    (weights,) = resampling.weights()
    for same in ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9)):
        assert (weights[:, same[0]] == weights[:, same[1]]).all()
    assert (weights[:, [0, 2, 4, 6]].sum(axis=1) == 4).all()
    assert (weights[:, [8, 10, 11, 12, 13]].sum(axis=1) == 5).all()
    assert len(np.unique(weights[:, [0, 2]], axis=0)) > 5
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.2)


def test_blocks_change_no_number_and_the_seed_does(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = random_probes(1)
    one, same, other = (measure_open_set(faces, 1.5, seed=seed, resamples=300) for seed in (7, 7, 8))
    monkeypatch.setattr(resampling_module, "_BLOCK_ELEMENTS", 1000)
    small = measure_open_set(faces, 1.5, seed=7, resamples=300)
    assert one.columns() == same.columns() == small.columns() != other.columns()


def test_faces_that_are_alike_make_wide_intervals() -> None:
    """Ten copies of each face tell nothing new where they are of one recording."""
    few = random_probes(2, n_known=30, n_strangers=20, per_recording=1)
    rows = np.repeat(np.arange(50), 10)
    persons = tuple(few.persons[i] for i in rows)
    copies = Probes(few.scores[rows], few.labels[rows], persons, tuple(few.recordings[i] for i in rows))
    alone = Probes(copies.scores, copies.labels, persons, tuple(str(i) for i in range(500)))
    found_few, found_copies, found_alone = (measure_open_set(faces, 1.5, 0, 500) for faces in (few, copies, alone))
    for name in ("top1", "dir", "eer"):
        widths = [
            one.measures[name].high - one.measures[name].low  # type: ignore[union-attr]
            for one in (found_few, found_copies, found_alone)
        ]
        assert widths[1] == pytest.approx(widths[0], rel=0.2)
        assert widths[2] < 0.6 * widths[0]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Faces of a recording share most of their score. 200 test sets of 40 recordings; truth: one very large set."""

    def draw(seed: int, n: int) -> Probes:
        return random_probes(seed, n_people=4, n_known=n, n_strangers=0, shift=1.2, spread=0.7)

    large = draw(999, 100_000)
    truth = {"top1": is_rank_one(large).mean(), "eer": Pairs(large).rates().equal_error()[0]}
    held = {"top1": 0, "eer": 0}
    naive = 0
    for seed in range(200):
        found = measure_open_set(draw(seed, 160), 1.0, seed, 200)
        for name in held:
            estimate = found.measures[name]
            assert estimate is not None
            held[name] += bool(estimate.low <= truth[name] <= estimate.high)
            if name == "top1":
                by_face = wilson(round(estimate.value * 160), 160)
                naive += bool(by_face.low <= truth[name] <= by_face.high)
    assert all(0.9 <= count / 200 <= 0.99 for count in held.values()), held
    assert naive / 200 < 0.88  # what faces drawn one by one would claim


def test_no_mistake_at_all_is_not_certainty() -> None:
    found = measure_open_set(random_probes(0, shift=50), 20.0, seed=0, resamples=100)
    counts = found.counts
    assert (counts["n_known_recordings"], counts["n_stranger_people"]) == (15, 10)
    for name, value, n_groups in (("top1", 1, 15), ("dir", 1, 15), ("fpir", 0, 10), ("eer", 0, 15), (NAMES[6], 1, 10)):
        estimate = found.measures[name]
        assert estimate == wilson(value * n_groups, n_groups)
    assert share_interval(1.0, np.ones(100), 1) == share_interval(1.0, np.zeros(0), 1)
    assert share_interval(1.0, np.ones(100), 1).low == 0


def test_a_variant_is_compared_on_the_same_resamples() -> None:
    """The variant's scores are the baseline's with a little noise: paired, that is known better than each alone."""
    faces = random_probes(5, n_known=200, n_strangers=100)
    noise = np.random.default_rng(1).normal(scale=0.15, size=faces.scores.shape)
    variant = Probes(faces.scores + noise, faces.labels, faces.persons, faces.recordings)
    one, other = (measure_open_set(each, 1.5, seed=0, resamples=500) for each in (variant, faces))
    differences = paired_differences(one, other)
    assert set(differences) == set(NAMES)
    for name, difference in differences.items():
        mine, theirs = one.measures[name], other.measures[name]
        assert mine is not None
        assert theirs is not None
        assert difference.value == pytest.approx(mine.value - theirs.value)
        assert difference.low <= difference.value <= difference.high
    top1 = differences["top1"]
    assert top1.high - top1.low < 0.7 * (other.measures["top1"].high - other.measures["top1"].low)  # type: ignore[union-attr]
    assert top1.p_value > 0.05


def test_a_clear_difference_is_told_and_none_is_not() -> None:
    faces = random_probes(6, n_known=200, n_strangers=100)
    worse = Probes(
        faces.scores - 1.2 * faces.is_own, faces.labels, faces.persons, faces.recordings
    )  # fmt: skip
    one, other = (measure_open_set(each, 1.5, seed=0, resamples=500) for each in (worse, faces))
    for name in ("top1", "tar_at_far_1_percent"):
        clear, none = paired_differences(one, other)[name], paired_differences(other, other)[name]
        assert clear.high < 0
        assert clear.p_value == pytest.approx(2 / 501)
        # As if each of the 50 recordings were one face: alike in all of them is not alike in all there are.
        assert none.value == 0
        assert -0.15 < none.low < -0.01 < 0.01 < none.high < 0.15
        assert none.p_value == 1


def test_only_the_same_faces_and_resamples_can_be_compared() -> None:
    faces = random_probes(0)
    found = measure_open_set(faces, 1.5, seed=0, resamples=50)
    for other in (
        measure_open_set(faces, 1.5, seed=1, resamples=50),
        measure_open_set(faces, 1.5, seed=0, resamples=51),
        measure_open_set(random_probes(0, n_known=56), 1.5, seed=0, resamples=50),
    ):
        with pytest.raises(EdgeboardError, match="same faces"):
            paired_differences(found, other)
