from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.clips.masks import make_clip_masks
from pipeline.explain.rise import make_masks


@pytest.mark.parametrize(
    ("count", "frames", "size", "time_cells", "cells"),
    [(0, 8, 56, 4, 7), (4, 0, 56, 4, 7), (4, 8, 56, 0, 7), (4, 8, 6, 4, 7), (4, 8, 56, 4, 0)],
)
def test_impossible_masks_are_refused(count: int, frames: int, size: int, time_cells: int, cells: int) -> None:
    with pytest.raises(EdgeboardError, match="at least one mask, one frame"):
        make_clip_masks(count, frames, size, seed=0, time_cells=time_cells, cells=cells)


@pytest.mark.parametrize(
    ("frames", "size", "time_cells", "cells"),
    [
        (1, 1, 4, 1),
        (1, 56, 4, 7),
        (2, 7, 4, 7),
        (3, 20, 4, 7),
        (7, 33, 4, 7),
        (8, 56, 4, 7),
        (9, 30, 4, 5),
        (4, 9, 1, 2),
    ],
)
def test_masks_have_the_clips_shape_and_range(frames: int, size: int, time_cells: int, cells: int) -> None:
    masks = make_clip_masks(12, frames, size, seed=0, time_cells=time_cells, cells=cells)
    full = np.stack([masks.mask(i) for i in range(len(masks))])
    assert full.shape == (12, frames, size, size)
    assert full.min() >= 0
    assert full.max() <= 1
    assert masks.coverage == pytest.approx(full.sum(axis=0), abs=1e-4)


def test_masks_of_one_frame_are_those_of_a_picture() -> None:
    of_clip, of_picture = make_clip_masks(9, 1, 56, seed=4), make_masks(9, 56, seed=4)
    assert all(np.array_equal(of_clip.mask(i)[0], of_picture.mask(i)) for i in range(9))
    assert np.array_equal(of_clip.coverage[0], of_picture.coverage)


def test_masks_keep_half_and_differ_by_seed_only() -> None:
    masks = make_clip_masks(600, 8, 28, seed=1)
    assert masks.coverage.mean() / 600 == pytest.approx(0.5, abs=0.01)
    assert np.array_equal(masks.mask(3), make_clip_masks(600, 8, 28, seed=1).mask(3))
    assert not np.array_equal(masks.mask(3), make_clip_masks(600, 8, 28, seed=2).mask(3))


def test_masks_change_with_time_but_never_in_one_step() -> None:
    masks = make_clip_masks(20, 32, 14, seed=0, time_cells=4)
    steps = np.abs(np.diff(np.stack([masks.mask(i) for i in range(20)]), axis=1))
    assert 0.05 < steps.max() <= 4 / (5 * 8) + 1e-6  # four cells, drawn over five times eight frames


def test_masks_are_delayed_by_less_than_a_cell() -> None:
    masks = make_clip_masks(200, 8, 14, seed=0, time_cells=4)
    assert sorted(set(masks.delays.tolist())) == [0, 1]
