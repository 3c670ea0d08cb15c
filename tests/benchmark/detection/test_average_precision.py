"""Average precision by hand, by the library, and of resampled sets against the library on the set written out."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.benchmark.detection import resampling
from pipeline.benchmark.detection.accuracy import measure_detections
from pipeline.benchmark.detection.resampling import Resampling, resampled_ap, weighted_ap
from pipeline.benchmark.resampled import interval
from pipeline.errors import EdgeboardError
from pipeline.metrics.matching import match_detections
from tests.benchmark.detection.cases import found, library_ap, random_case, true, written_out

BOX = (10, 10, 30, 30)
FAR = (60, 40, 80, 60)


@pytest.mark.parametrize(
    ("detections", "truth", "map50", "map50_95"),
    [
        pytest.param([found()], [true((*BOX, 0))], 0, 0, id="no detections at all"),
        pytest.param([found((*BOX, 0.9, 0))], [true((*BOX, 0))], 1, 1, id="one exact"),
        pytest.param([found((*BOX, 0.0, 0))], [true((*BOX, 0))], 1, 1, id="a score of zero still ranks"),
        pytest.param([found((*BOX, 0.9, 1))], [true((*BOX, 0))], 0, 0, id="the wrong class"),
        pytest.param([found((*BOX, 0.9, 0)), found()], [true((*BOX, 0)), true()], 1, 1, id="an empty picture"),
        pytest.param([found((*BOX, 0.5, 0)), found((*BOX, 0.9, 0))], [true((*BOX, 0)), true()], 0.5, 0.5,
                     id="a false alarm in an empty picture ranks before the hit"),
        pytest.param([found((*BOX, 0.9, 0)), found((*BOX, 0.5, 0))], [true((*BOX, 0)), true()], 1, 1,
                     id="a false alarm after the last hit costs nothing"),
        pytest.param([found((*BOX, 0.9, 0))], [true((*BOX, 0), (*FAR, 0))], 51 / 101, 51 / 101, id="half found"),
        pytest.param([found((*BOX, 0.9, 0), (*BOX, 0.8, 0), (*FAR, 0.7, 0))], [true((*BOX, 0), (*FAR, 0))],
                     (51 + 50 * 2 / 3) / 101, (51 + 50 * 2 / 3) / 101, id="a duplicate is a false alarm"),
        pytest.param([found((*BOX, 0.9, 0), (*FAR, 0.9, 0))], [true((*BOX, 0))], 1, 1, id="equal scores, hit first"),
        pytest.param([found((*FAR, 0.9, 0), (*BOX, 0.9, 0))], [true((*BOX, 0))], 0.5, 0.5, id="hit second"),
        pytest.param([found((10, 10, 30, 20, 0.9, 0))], [true((*BOX, 0))], 1, 0.1, id="IoU of exactly 0.5"),
        pytest.param([found((10, 10, 30, 19, 0.9, 0))], [true((*BOX, 0))], 0, 0, id="IoU of 0.45"),
        pytest.param([found((10, 10, 30, 22.4, 0.9, 0))], [true((*BOX, 0))], 1, 0.3, id="IoU of 0.62"),
        pytest.param([found((10, 10, 10, 10, 0.9, 0))], [true((*BOX, 0))], 0, 0, id="a detection without area"),
        pytest.param([found((-20, -20, 20, 20, 0.9, 0))], [true((-20, -20, 20, 20, 0))], 1, 1, id="out of the frame"),
        pytest.param([found((*BOX, 0.9, 0), (*FAR, 0.8, 2))], [true((*BOX, 0), (*FAR, 1))], 0.5, 0.5,
                     id="the mean is over classes with boxes: 1 and 0, not the third"),
        pytest.param([found(*[(*FAR, 0.9, 0)] * 100, (*BOX, 0.1, 0))], [true((*BOX, 0))], 0, 0,
                     id="the detection after 100 better ones does not count"),
    ],
)  # fmt: skip
def test_by_hand(detections: list, truth: list, map50: float, map50_95: float) -> None:
    accuracy = measure_detections(detections, truth, ["a", "b", "c"], seed=0, resamples=20)
    assert accuracy.map50.value == pytest.approx(map50, abs=1e-9)
    assert accuracy.map50_95.value == pytest.approx(map50_95, abs=1e-9)
    assert 0 <= accuracy.map50.low <= accuracy.map50.value <= accuracy.map50.high <= 1


@pytest.mark.parametrize("steps", [None, 8, 2, 1])
@pytest.mark.parametrize("seed", range(3))
def test_the_library_says_the_same_of_the_set_and_of_resamples_written_out(seed: int, steps: int | None) -> None:
    detections, truth = random_case(seed, 30, 3, steps)
    matches = match_detections(detections, truth, ["a", "b", "c"])
    whole = library_ap(detections, truth, 3)
    assert 0.05 < np.nanmean(whole) < 0.95
    np.testing.assert_allclose([one.ap for one in matches.classes], whole, atol=1e-12)

    once = np.ones((1, len(truth)), dtype=np.int64)
    np.testing.assert_allclose([weighted_ap(one, once)[0] for one in matches.classes], whole, atol=1e-9)

    weights = next(Resampling.over(len(truth), seed, 12).weights())
    assert weights.max() > 2
    resampled = resampled_ap(matches, Resampling.over(len(truth), seed, 12))
    for chosen, ap in zip(weights, resampled, strict=True):
        np.testing.assert_allclose(ap, library_ap(*written_out(chosen, detections, truth), 3), atol=1e-9)


def test_a_resample_without_a_class_has_no_precision_for_it() -> None:
    detections = [found((*BOX, 0.9, 0)), found((*BOX, 0.8, 1)), found((*BOX, 0.7, 0))]
    matches = match_detections(detections, [true((*BOX, 0)), true((*BOX, 1)), true()], ["a", "b"])
    weights = np.array([[0, 1, 2], [1, 0, 0], [0, 0, 3]])
    both = np.stack([weighted_ap(one, weights)[:, 0] for one in matches.classes], axis=1)
    np.testing.assert_array_equal(both, [[np.nan, 1], [1, np.nan], [np.nan, np.nan]])


def test_the_size_of_the_blocks_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    matches = match_detections(*random_case(1, 20, 2), ["a", "b"])
    whole = resampled_ap(matches, Resampling.over(20, 5, 31))
    monkeypatch.setattr(resampling, "_BLOCK_ELEMENTS", 200)
    np.testing.assert_array_equal(resampled_ap(matches, Resampling.over(20, 5, 31)), whole)


def test_resamples_draw_as_many_pictures_as_there_are_or_whole_sources() -> None:
    single = next(Resampling.over(6, 0, 200).weights())
    assert (single.sum(axis=1) == 6).all()
    assert not (single[:, 0] == single[:, 1]).all()
    by_clip = Resampling.over(6, 0, 200, ["x", "y", "x", "x", "y", "z"])
    weights = next(by_clip.weights())
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] == weights[:, 3]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 5]].sum(axis=1) == 3).all()
    assert by_clip.n_groups() == 3
    assert by_clip.n_groups(np.array([True, False, True, False, False, False])) == 1


@pytest.mark.parametrize(("resamples", "sources"), [(0, None), (10, ["only one"])])
def test_impossible_resamplings_are_refused(resamples: int, sources: list[str] | None) -> None:
    with pytest.raises(EdgeboardError):
        Resampling.over(2, 0, resamples, sources)


@pytest.mark.parametrize(
    ("value", "resampled", "n_groups", "low", "high"),
    [
        (0.5, [0.4] * 50, 1, 0, 1),  # one picture says nothing of others
        (0.5, [np.nan] * 50, 9, 0, 1),
        (0.5, [np.nan, 0.6, 0.6], 9, 0.5, 0.6),  # the value is never outside
        (0.5, np.linspace(0, 1, 1001), 9, 0.025, 0.975),
    ],
)
def test_interval(value: float, resampled: list[float], n_groups: int, low: float, high: float) -> None:
    estimate = interval(value, np.array(resampled), (0.0, 1.0), n_groups)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high))
