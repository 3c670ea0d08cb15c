from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.clips.sampling import ClipSampling, dense_places, random_segment_places, segment_places


@pytest.mark.parametrize(
    ("n_frames", "n_taken", "places"),
    [
        (1, 1, [0]),
        (1, 3, [0, 0, 0]),
        (3, 5, [0, 0, 1, 2, 2]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (16, 8, [1, 3, 5, 7, 9, 11, 13, 15]),
        (16, 1, [8]),
        (10, 4, [1, 3, 6, 8]),
        (7, 3, [1, 3, 5]),
    ],
)
def test_the_middle_of_each_segment(n_frames: int, n_taken: int, places: list[int]) -> None:
    assert segment_places(n_frames, n_taken).tolist() == places


@pytest.mark.parametrize(("n_frames", "n_taken"), [(1, 1), (1, 4), (3, 8), (16, 8), (17, 8), (16, 16)])
def test_one_by_chance_of_each_segment(n_frames: int, n_taken: int) -> None:
    generator = np.random.default_rng(0)
    drawn = np.array([random_segment_places(n_frames, n_taken, generator) for _ in range(4000)])
    assert drawn.dtype == np.int64
    assert (np.diff(drawn, axis=1) >= 0).all()
    borders = np.arange(n_taken + 1) * n_frames / n_taken
    assert (drawn >= np.floor(borders[:-1])).all()
    assert (drawn < np.ceil(borders[1:])).all()
    assert np.bincount(drawn.ravel(), minlength=n_frames) == pytest.approx(drawn.size / n_frames, rel=0.12)


def test_chance_is_that_of_the_generator() -> None:
    one, same, other = (random_segment_places(64, 8, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("n_frames", "n_taken", "stride", "start", "places"),
    [
        (16, 4, 2, 0, [0, 2, 4, 6]),
        (16, 4, 2, 3, [3, 5, 7, 9]),
        (16, 4, 2, 12, [12, 14, 15, 15]),
        (4, 8, 1, 0, [0, 1, 2, 3, 3, 3, 3, 3]),
        (1, 2, 9, 0, [0, 0]),
    ],
)
def test_dense_places_repeat_the_last_frame(
    n_frames: int, n_taken: int, stride: int, start: int, places: list[int]
) -> None:
    assert dense_places(n_frames, n_taken, stride, start).tolist() == places


@pytest.mark.parametrize(
    ("sampling", "needed", "places", "period"),
    [
        (ClipSampling(), 4, [2, 6, 10, 14], 16),
        (ClipSampling("dense", 1), 4, [6, 7, 8, 9], 4),
        (ClipSampling("dense", 3), 10, [3, 6, 9, 12], 12),
        (ClipSampling("dense", 5), 16, [0, 5, 10, 15], 20),
    ],
)
def test_a_clip_is_seen_around_its_middle(sampling: ClipSampling, needed: int, places: list[int], period: int) -> None:
    assert sampling.frames_needed(4) == needed
    assert sampling.places(16, 4).tolist() == places
    assert sampling.period(16, 4) == period


def test_dense_training_begins_anywhere_and_keeps_its_stride() -> None:
    generator = np.random.default_rng(0)
    drawn = np.array([ClipSampling("dense", 3).random_places(16, 4, generator) for _ in range(500)])
    assert (np.diff(drawn, axis=1) == 3).all()
    assert set(drawn[:, 0].tolist()) == set(range(7))
    assert ClipSampling("dense", 5).random_places(16, 4, generator).tolist() == [0, 5, 10, 15]


def test_training_by_segments_is_by_chance_in_each() -> None:
    taken = ClipSampling().random_places(16, 4, np.random.default_rng(3))
    assert taken.tolist() == random_segment_places(16, 4, np.random.default_rng(3)).tolist()


@pytest.mark.parametrize(("n_frames", "n_taken"), [(0, 1), (1, 0), (-1, 2)])
def test_nothing_to_take_is_refused(n_frames: int, n_taken: int) -> None:
    for take in (
        lambda: segment_places(n_frames, n_taken),
        lambda: random_segment_places(n_frames, n_taken, np.random.default_rng(0)),
        lambda: dense_places(n_frames, n_taken, 1),
    ):
        with pytest.raises(ValueError, match="at least one frame"):
            take()


@pytest.mark.parametrize(("stride", "start"), [(0, 0), (1, 8), (1, -1)])
def test_dense_places_outside_are_refused(stride: int, start: int) -> None:
    with pytest.raises(ValueError, match="stride must be"):
        dense_places(8, 4, stride, start)
