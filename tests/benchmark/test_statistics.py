from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.benchmark import statistics
from pipeline.errors import EdgeboardError


@pytest.mark.parametrize(
    ("count", "percent", "is_known"),
    [
        (0, 50, False),
        (1, 50, False),
        (19, 50, False),
        (20, 50, True),
        (99, 90, False),
        (100, 90, True),
        (999, 99, False),
        (1000, 99, True),
        (99, 10, False),
        (100, 10, True),
    ],
)
def test_percentile_is_none_below_ten_samples_beyond_it(count: int, percent: float, is_known: bool) -> None:
    assert (statistics.percentile(np.arange(count, dtype=float), percent) is not None) is is_known


def test_percentile_of_a_ramp() -> None:
    assert statistics.percentile(np.arange(101, dtype=float), 90) == 90


@pytest.mark.parametrize(
    ("samples", "expected"), [([], 0.0), ([5.0], 0.0), ([3.0, 3.0, 3.0], 0.0), ([1.0, 3.0], math.sqrt(2) / 2)]
)
def test_coefficient_of_variation(samples: list[float], expected: float) -> None:
    assert statistics.coefficient_of_variation(np.array(samples)) == pytest.approx(expected)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (81, 263), (15, 148), (1, 1)])
def test_wilson_is_the_closed_form(successes: int, trials: int) -> None:
    z, p = 1.959963984540054, successes / trials
    middle = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    found = statistics.wilson(successes, trials)
    assert found.value == p
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-12)


def test_wilson_of_newcombes_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 has the Wilson interval 0.2553 to 0.3662.
    found = statistics.wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_an_estimate_as_columns() -> None:
    assert statistics.Estimate(2.0, 1.5, 2.5).columns("fps") == {"fps": 2.0, "fps_low": 1.5, "fps_high": 2.5}


def test_wilson_refuses_no_frames() -> None:
    with pytest.raises(EdgeboardError, match="at least one frame"):
        statistics.wilson(0, 0)


def _decisions(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    variant = [True] * (both + gained) + [False] * (lost + neither)
    baseline = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return np.array(variant), np.array(baseline)


@pytest.mark.parametrize(
    ("both", "gained", "lost", "neither"),
    [
        (1, 0, 0, 0),
        (50, 0, 0, 0),
        (0, 0, 0, 50),
        (45, 0, 0, 5),
        (40, 3, 0, 7),
        (20, 12, 2, 16),
        (0, 10, 0, 0),
        (0, 0, 10, 0),
    ],
)
def test_paired_difference_holds_its_value_and_is_antisymmetric(
    both: int, gained: int, lost: int, neither: int
) -> None:
    variant, baseline = _decisions(both, gained, lost, neither)
    found, swapped = statistics.paired_difference(variant, baseline), statistics.paired_difference(baseline, variant)
    assert found.value == pytest.approx((gained - lost) / variant.size)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (found.gained, found.lost) == (gained, lost)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_paired_difference_of_two_that_never_differ_still_has_a_width() -> None:
    few = statistics.paired_difference(*_decisions(9, 0, 0, 1))
    many = statistics.paired_difference(*_decisions(900, 0, 0, 100))
    assert few.low < 0 < few.high
    assert many.high - many.low < (few.high - few.low) / 5


@pytest.mark.parametrize(
    ("gained", "lost", "expected"), [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 * 0.5**6), (1, 7, 2 * 9 * 0.5**8)]
)
def test_mcnemar_is_exact(gained: int, lost: int, expected: float) -> None:
    assert statistics.paired_difference(*_decisions(20, gained, lost, 3)).p_value == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(0, 0), (3, 4)])
def test_paired_difference_refuses_other_frames(sizes: tuple[int, int]) -> None:
    with pytest.raises(EdgeboardError, match="same frames"):
        statistics.paired_difference(np.ones(sizes[0], dtype=bool), np.ones(sizes[1], dtype=bool))


def test_paired_difference_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        kinds = rng.choice(
            4, size=120, p=[0.82, 0.03, 0.06, 0.09]
        )  # both, gained, lost, neither: true difference -0.03
        found = statistics.paired_difference(np.isin(kinds, [0, 1]), np.isin(kinds, [0, 2]))
        covered += found.low <= -0.03 <= found.high
    assert 0.92 <= covered / 300 <= 0.99


def test_resampled_median_is_that_of_the_drawn_rounds() -> None:
    rng = np.random.default_rng(0)
    rounds = [rng.exponential(size=size) for size in (1, 4, 7, 10)]  # a board may lose samples of a round
    counts = rng.multinomial(4, [0.25] * 4, size=200)
    expected = [np.median(np.concatenate([np.tile(r, n) for r, n in zip(rounds, c, strict=True)])) for c in counts]
    assert statistics._resampled_medians(rounds, counts) == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(1,), (1, 1), (2, 3), (5, 5, 5), (1, 40)])
def test_resampled_medians_of_few_samples_and_many_ties(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    rounds = [rng.integers(0, 3, size).astype(float) for size in sizes]
    counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=50)
    expected = [np.median(np.concatenate([np.tile(r, n) for r, n in zip(rounds, c, strict=True)])) for c in counts]
    assert statistics._resampled_medians(rounds, counts).tolist() == expected


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([4.0], 0), ([4.0] * 9, 0), ([1, 2, 3, 4, 5], 0), ([1, 2, 3, 4, 5, 100], 1), ([-100, 1, 2, 3, 4, 5], 0)],
    ids=["one", "a steady clock", "even", "a slow one", "a fast one is no outlier"],
)
def test_outliers(samples: list[float], expected: int) -> None:
    assert statistics.outliers(np.array(samples, dtype=float)) == expected


def test_frames_per_second_of_a_steady_clock() -> None:
    found = statistics.frames_per_second([np.full(10, 4.0)] * 5, seed=0)
    assert (found.value, found.low, found.high) == (250, 250, 250)


def test_median_interval_covers_the_truth_when_rounds_share_a_state() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(120):
        rounds = [5 + rng.normal(0, 0.5) + rng.normal(0, 0.1, size=8) for _ in range(30)]
        found = statistics.median_ms(rounds, seed=0)
        covered += found.low <= 5 <= found.high
    assert 0.88 <= covered / 120 <= 1  # single samples resampled would cover about half


def test_speedup_is_paired_so_that_a_slow_round_cancels() -> None:
    rng = np.random.default_rng(3)
    slowness = rng.uniform(1, 3, size=30)
    baseline = [s * np.full(10, 8.0) for s in slowness]
    variant = [s * np.full(10, 2.0) for s in slowness]
    found = statistics.speedup(variant, baseline, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((4, 4, 4))


def test_speedup_of_a_thing_against_itself_is_one_in_its_interval() -> None:
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(60):
        one, other = ([rng.lognormal(0, 0.2, size=10) for _ in range(40)] for _ in range(2))
        found = statistics.speedup(one, other, seed=0)
        inside += found.low <= 1 <= found.high
    assert inside / 60 >= 0.85


def test_speedup_refuses_other_rounds() -> None:
    with pytest.raises(EdgeboardError, match="same rounds"):
        statistics.speedup([np.ones(3)], [np.ones(3)] * 2, seed=0)


def test_the_same_seed_gives_the_same_interval() -> None:
    rounds = [np.random.default_rng(i).exponential(size=10) for i in range(10)]
    assert statistics.frames_per_second(rounds, seed=1) == statistics.frames_per_second(rounds, seed=1)
