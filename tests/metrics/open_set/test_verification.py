"""TAR at FAR and EER: known answers, scikit-learn's curve, and weights as a set written out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from pipeline.metrics.open_set.probes import Probes
from pipeline.metrics.open_set.verification import Pairs
from tests.metrics.open_set.cases import COLLAPSED, PERFECT, REVERSED, probes, random_probes


@pytest.mark.parametrize(
    ("faces", "far", "tar", "eer"),
    [
        (PERFECT, 0.001, 1, 0),
        (COLLAPSED, 0.01, 0, 0.5),  # all or nothing is accepted
        (REVERSED, 0.5, 0, 1),  # all that is accepted is wrong before anything is right
        (probes([[0.9, 0.1]], [0]), 0.01, 1, 0),  # one face
        # Genuine 0.9 0.5, impostors 0.7 0.3 0.2 0.1: one of four must be accepted for the second.
        (probes([[0.9, 0.7, 0.1], [0.2, 0.5, 0.3]], [0, 1]), 0.249, 0.5, 0.25),
        (probes([[0.9, 0.7, 0.1], [0.2, 0.5, 0.3]], [0, 1]), 0.25, 1, 0.25),
        # A genuine and an impostor pair with the same score are accepted together.
        (probes([[0.9, 0.5], [0.1, 0.5]], [0, 1]), 0.499, 0.5, 0.25),
    ],
)
def test_known_answers(faces: Probes, far: float, tar: float, eer: float) -> None:
    rates = Pairs(faces).rates()
    assert rates.tar_at(far).tolist() == pytest.approx([tar])
    assert rates.equal_error().tolist() == pytest.approx([eer])


@pytest.mark.parametrize(
    "faces",
    [
        probes([[0.9], [0.8]], [0, 0]),  # nobody else in the gallery and no stranger
        probes([[0.9, 0.1], [0.8, 0.2]], [-1, -1]),  # strangers alone
        probes(np.zeros((0, 2)), []),
        probes(np.zeros((2, 0)), [-1, -1]),  # an empty gallery
    ],
)
def test_without_pairs_of_both_kinds_nothing_is_defined(faces: Probes) -> None:
    rates = Pairs(faces).rates()
    assert np.isnan(rates.tar_at(0.01)).all()
    assert np.isnan(rates.equal_error()).all()


@pytest.mark.parametrize("steps", [None, 20, 3])
@pytest.mark.parametrize("shift", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_curve_of_scikit_learn(seed: int, shift: float, steps: int | None) -> None:
    faces = random_probes(seed, shift=shift, steps=steps)
    fpr, tpr, _ = roc_curve(faces.is_own.ravel(), faces.scores.ravel(), drop_intermediate=False)
    rates = Pairs(faces).rates()
    for far in (0.001, 0.01, 0.1, 0.5):
        assert rates.tar_at(far)[0] == pytest.approx(tpr[fpr <= far].max())
    # Along the line between the points, false rejects equal false accepts where fpr + tpr is 1.
    assert rates.equal_error()[0] == pytest.approx(np.interp(1, fpr + tpr, fpr))


def test_chance_is_chance() -> None:
    rates = Pairs(random_probes(0, n_people=20, n_known=4000, n_strangers=1000, shift=0)).rates()
    assert rates.equal_error()[0] == pytest.approx(0.5, abs=0.02)
    assert rates.tar_at(0.1)[0] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("steps", [None, 4])
def test_weights_are_as_a_set_written_out(steps: int | None) -> None:
    faces = random_probes(3, n_known=24, n_strangers=12, steps=steps)
    weights = np.random.default_rng(1).integers(0, 4, size=(25, 36))
    rates = Pairs(faces).rates(weights)
    for b, row in enumerate(weights):
        rows = np.repeat(np.arange(36), row)
        written = probes(faces.scores[rows], faces.labels[rows].tolist())
        alone = Pairs(written).rates()
        assert rates.tar_at(0.02)[b] == pytest.approx(alone.tar_at(0.02)[0])
        assert rates.equal_error()[b] == pytest.approx(alone.equal_error()[0])


def test_a_resample_without_known_faces_is_undefined_and_the_others_are_not() -> None:
    rates = Pairs(PERFECT).rates(np.array([[0, 0, 0, 1, 2], [1, 1, 1, 1, 1]]))
    assert np.isnan(rates.equal_error()).tolist() == [True, False]
    assert np.isnan(rates.tar_at(0.5)).tolist() == [True, False]
