from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.drift import drift
from pipeline.explain.faithfulness import Faithfulness, faithfulness
from pipeline.explain.hiding import blurred
from pipeline.explain.interval import mean_with_interval, share_with_interval
from pipeline.explain.localisation import energy_in_mask, pointing_game
from pipeline.explain.subject import JudgedMap
from pipeline.explain.summary import points_into, summary
from tests.explain.planted import FRAME_SIZE, PLANTED, bright_frame, patch_mask

RAMP = np.arange(16, dtype=np.float32).reshape(4, 4)
FLAT = np.ones((4, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (FLAT, FLAT, 0),
        (FLAT, 2 * FLAT, 0),
        (FLAT, RAMP, 1),
        (RAMP, FLAT, 1),
        (RAMP, RAMP, 0),
        (RAMP, RAMP**3, 0),
        (RAMP, -RAMP, 2),
    ],
)
def test_drift(one: np.ndarray, other: np.ndarray, expected: float) -> None:
    assert drift(one, other) == pytest.approx(expected, abs=1e-12)


def test_drift_of_the_identical_map_is_exactly_zero() -> None:
    found = np.random.default_rng(0).random((56, 56), dtype=np.float32)
    assert drift(found, found.copy()) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_drift_refuses_maps_that_are_no_numbers(bad: float) -> None:
    with pytest.raises(EdgeboardError, match="NaN or infinity"):
        drift(RAMP, np.where(RAMP == 3, bad, RAMP).astype(np.float32))


@pytest.mark.parametrize("steps", [2, 3, 16])
def test_an_answer_that_counts_kept_pixels_has_the_area_one_half(steps: int) -> None:
    frame = np.ones((1, 3, 8, 8), dtype=np.float32)
    found = faithfulness(lambda f: f.mean(axis=(1, 2, 3))[:, None], frame, 0, np.eye(8, dtype=np.float32), steps)
    assert found
    assert found.deletion_auc == pytest.approx(0.5, abs=0.01)
    assert found.insertion_auc == pytest.approx(1.0, abs=1e-6)  # the blur of an even frame is the frame


def test_the_true_map_beats_a_random_and_a_reversed_one() -> None:
    true_map = patch_mask().astype(np.float32)
    random_map = np.random.default_rng(0).random((FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
    true, random, reversed_ = (
        faithfulness(PLANTED, bright_frame(), 1, one, steps=16) for one in (true_map, random_map, -true_map)
    )
    assert true.deletion_auc < random.deletion_auc < reversed_.deletion_auc
    assert true.insertion_auc > random.insertion_auc > reversed_.insertion_auc
    assert true.score > random.score + 0.2


def test_score_is_insertion_minus_deletion() -> None:
    assert Faithfulness(deletion_auc=0.25, insertion_auc=0.75).score == 0.5


def test_faithfulness_leaves_the_frame_as_it_was() -> None:
    frame = bright_frame()
    faithfulness(PLANTED, frame, 1, np.eye(FRAME_SIZE, dtype=np.float32), steps=4)
    assert np.array_equal(frame, bright_frame())


@pytest.mark.parametrize("value", [0, 0.7])
def test_a_constant_map_names_no_order_that_could_be_judged(value: float) -> None:
    assert faithfulness(PLANTED, bright_frame(), 1, np.full((FRAME_SIZE, FRAME_SIZE), value, np.float32), 4) is None


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_faithfulness_refuses_maps_that_are_no_numbers(bad: float) -> None:
    with pytest.raises(EdgeboardError, match="NaN or infinity"):
        faithfulness(PLANTED, bright_frame(), 1, np.where(patch_mask(), bad, 0).astype(np.float32), 4)


@pytest.mark.parametrize("turned", [False, True])
def test_what_a_map_says_nothing_of_is_not_taken_row_by_row(turned: bool) -> None:
    """The object lies in the upper part of the frame, or in the lower; the map is 0 but for one pixel elsewhere."""
    mute = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
    mute[30, 0] = 1

    def answers(frames: np.ndarray) -> np.ndarray:
        return PLANTED(frames[:, :, ::-1] if turned else frames)

    scores = [faithfulness(answers, bright_frame(), 1, mute, 16, seed=seed) for seed in (0, 1)]
    assert scores[0] != scores[1]
    # Row by row it would be 0.42, and -0.43 turned.
    assert [one and one.score for one in scores] == pytest.approx([-0.17, -0.17], abs=0.1)


def test_blur_takes_the_detail_and_keeps_the_mean() -> None:
    smooth = blurred(bright_frame())
    assert smooth.shape == bright_frame().shape
    assert smooth.std() < 0.05
    assert smooth.mean() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    ("importance", "inside", "energy"),
    [
        (FLAT, True, 0.25),  # constant: argmax is the first pixel, the energy is the mask's area
        (RAMP, False, (0 + 1 + 4 + 5) / 120),
        (-RAMP, True, (15 + 14 + 11 + 10) / 120),
    ],
)
def test_localisation(importance: np.ndarray, inside: bool, energy: float) -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :2] = True
    assert pointing_game(importance, mask) is inside
    assert energy_in_mask(importance, mask) == pytest.approx(energy)


@pytest.mark.parametrize(("importance", "points"), [(FLAT, False), (RAMP, False), (-RAMP, True)])
def test_a_constant_map_points_nowhere(importance: np.ndarray, points: bool) -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :2] = True
    assert points_into(importance, mask) is points


def test_summary_of_explanations() -> None:
    inside, outside = np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    inside[3, 3] = outside[0, 0] = True
    judged = [
        JudgedMap(RAMP, Faithfulness(0.1, 0.9), correlation=0.5),
        JudgedMap(RAMP, Faithfulness(0.3, 0.5), correlation=None),
        JudgedMap(FLAT, None, correlation=0.9),
    ]
    found = summary(judged, [inside, outside, None], seed=0, frame_of=[4, 4, 7])
    assert (found["xai_faithfulness"], found["xai_faithfulness_n"], found["n_constant"]) == (pytest.approx(0.5), 2, 1)
    assert (found["xai_faithfulness_low"], found["xai_faithfulness_high"]) == (None, None)  # both are of frame 4
    assert (found["deletion_auc"], found["insertion_auc"]) == (pytest.approx(0.2), pytest.approx(0.7))
    assert (found["pointing_game"], found["mask_area"]) == (0.5, 1 / 16)
    assert found["pointing_game_low"] < 0.1 < 0.9 < found["pointing_game_high"]  # one frame is one trial
    assert (found["energy_in_mask"], found["n_localised"], found["n"]) == (pytest.approx(15 / 120 / 2), 2, 3)
    assert (found["faithfulness_correlation"], found["faithfulness_correlation_n"]) == (pytest.approx(0.7), 2)
    assert found["sparseness_n"] == 2  # a flat map shows nothing, concisely or not
    assert "max_sensitivity" not in found  # was measured of none


def test_of_a_signed_map_nothing_is_zero() -> None:
    signed = np.zeros((64, 64), dtype=np.float32)
    signed[10, 10], signed[50, 50] = 1, -1
    mask = np.zeros((64, 64), dtype=bool)
    mask[8:13, 8:13] = True
    found = summary([JudgedMap(signed, Faithfulness(0.1, 0.9))], [mask], seed=0, signed=True)
    assert found["energy_in_mask"] == 1
    assert found["sparseness"] == pytest.approx(1, abs=0.001)


def test_without_a_mask_nothing_is_localised() -> None:
    found = summary([JudgedMap(RAMP, Faithfulness(0.1, 0.9))], [None], seed=0)
    names = ["pointing_game", "pointing_game_low", "energy_in_mask", "mask_area"]
    assert ([found[name] for name in names], found["n_localised"]) == ([None] * 4, 0)


@pytest.mark.parametrize("frame_of", [[0, 0, 1, 1, 2, 2], [9, 9, 3, 3, 5, 5]])
def test_values_of_one_frame_stand_or_fall_together(frame_of: list[int]) -> None:
    twice = [0.1, 0.1, 0.4, 0.4, 0.8, 0.8]
    grouped = mean_with_interval(twice, seed=0, frame_of=frame_of)
    assert grouped[1:] == pytest.approx((0.1, 0.8))  # of three frames, one alone can be drawn
    independent = mean_with_interval(twice, seed=0)
    assert grouped[0] == independent[0]
    assert grouped[2] - grouped[1] > independent[2] - independent[1] + 0.05


@pytest.mark.parametrize("frame_of", [[7], [7, 7]])
def test_one_frame_says_nothing_of_others(frame_of: list[int]) -> None:
    assert mean_with_interval([0.4] * len(frame_of), 0, frame_of) == (pytest.approx(0.4), None, None)


@pytest.mark.parametrize(
    ("hits", "frame_of", "expected"),
    [
        ([1], None, (1, 0.2065, 1)),
        ([1] * 5, None, (1, 0.5655, 1)),  # the bootstrap's would be [1, 1]
        ([0] * 5, None, (0, 0, 0.4345)),
        ([1, 0, 0, 1], None, (0.5, 0.1500, 0.8500)),
        ([1, 0, 0, 1], [3, 3, 5, 5], (0.5, 0.0945, 0.9055)),  # of two trials
    ],
)
def test_a_share_has_wilsons_interval(
    hits: list[float], frame_of: list[int] | None, expected: tuple[float, float, float]
) -> None:
    assert share_with_interval(hits, frame_of) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("hits", "trials"), [(1, 1), (3, 7), (7, 7), (0, 19)])
def test_wilsons_interval_is_that_of_scipy(hits: int, trials: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    found = share_with_interval([1] * hits + [0] * (trials - hits))
    assert found == pytest.approx((hits / trials, expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("values", [[0.1] * 7, [1.0, 2.0], list(range(8))])
def test_mean_lies_in_its_interval(values: list[float]) -> None:
    mean, low, high = mean_with_interval(values, seed=0)
    assert low is not None
    assert high is not None
    assert low <= mean <= high
    assert mean == pytest.approx(np.mean(values))
    assert (mean, low, high) == mean_with_interval(values, seed=0)


def test_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(150):
        _, low, high = mean_with_interval(rng.normal(1, 1, size=20).tolist(), seed=0)
        covered += low <= 1 <= high
    assert 0.85 <= covered / 150 <= 0.99
