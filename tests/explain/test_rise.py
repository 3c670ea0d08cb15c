from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores, probabilities
from pipeline.explain.localisation import energy_in_mask, pointing_game
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps, rise_maps_of_variants
from pipeline.explain.rise import RiseMasks, make_masks
from tests.explain.planted import FRAME_SIZE, PLANTED, bright_frame, patch_mask


def _map(answers: BatchScores, masks: RiseMasks, index: int = 1) -> np.ndarray:
    return rise_maps(answers, bright_frame(), [index], MaskStock(masks))[0]


def _constant(value: float) -> BatchScores:
    return lambda frames: np.full((len(frames), 1), value)


@pytest.mark.parametrize(("count", "size", "cells"), [(0, 56, 7), (8, 4, 7), (8, 56, 0)])
def test_impossible_masks_are_refused(count: int, size: int, cells: int) -> None:
    with pytest.raises(EdgeboardError, match="at least one mask"):
        make_masks(count, size, seed=0, cells=cells)


@pytest.mark.parametrize(("size", "cells"), [(1, 1), (7, 7), (56, 7), (112, 7), (113, 7), (64, 5)])
def test_masks_have_the_frames_shape_and_range(size: int, cells: int) -> None:
    masks = make_masks(20, size, seed=0, cells=cells)
    full = np.stack([masks.mask(i) for i in range(len(masks))])
    assert full.shape == (20, size, size)
    assert full.min() >= 0
    assert full.max() <= 1
    assert masks.coverage == pytest.approx(full.sum(axis=0), abs=1e-4)


def test_masks_keep_half_and_differ_by_seed_only() -> None:
    masks = make_masks(2000, 56, seed=1)
    assert masks.coverage.mean() / 2000 == pytest.approx(0.5, abs=0.01)
    assert np.array_equal(masks.mask(3), make_masks(2000, 56, seed=1).mask(3))
    assert not np.array_equal(masks.mask(3), make_masks(2000, 56, seed=2).mask(3))


def test_the_map_peaks_in_the_patch_that_decides() -> None:
    found = _map(PLANTED, make_masks(300, FRAME_SIZE, seed=0))
    assert found.shape == (FRAME_SIZE, FRAME_SIZE)
    assert pointing_game(found, patch_mask())
    assert found[patch_mask()].mean() > found[~patch_mask()].mean() + 0.05
    assert energy_in_mask(found, patch_mask()) > 2 * patch_mask().mean()


def test_the_map_of_the_other_class_is_the_reverse() -> None:
    masks = make_masks(100, FRAME_SIZE, seed=0)
    one, other = (_map(PLANTED, masks, i) for i in (0, 1))
    assert one + other == pytest.approx(np.ones_like(one), abs=1e-5)


def test_maps_of_several_scores_share_the_runs() -> None:
    masks, n_frames = make_masks(30, FRAME_SIZE, seed=0), 0

    def counted(frames: np.ndarray) -> np.ndarray:
        nonlocal n_frames
        n_frames += len(frames)
        return PLANTED(frames)

    found = rise_maps(counted, bright_frame(), [1, 0], MaskStock(masks))
    assert n_frames == 30
    assert found == pytest.approx(np.stack([_map(PLANTED, masks, i) for i in (1, 0)]), abs=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_map_is_the_mean_score_of_the_masks_that_keep_a_pixel(batch: int) -> None:
    masks = make_masks(20, FRAME_SIZE, seed=1)
    full = np.stack([masks.mask(i) for i in range(20)])
    scores = PLANTED(bright_frame() * full[:, None])[:, 1]
    expected = np.tensordot(scores, full, axes=1) / full.sum(axis=0)
    found = rise_maps(PLANTED, bright_frame(), [1], MaskStock(masks, batch))[0]
    assert found == pytest.approx(expected, abs=1e-5)


def test_variants_see_the_same_hidden_frames() -> None:
    seen: dict[str, list[np.ndarray]] = {"one": [], "other": []}

    def answers(name: str) -> BatchScores:
        return lambda frames: (seen[name].append(frames), PLANTED(frames))[1]

    stock = MaskStock(make_masks(40, FRAME_SIZE, seed=0))
    found = rise_maps_of_variants({name: answers(name) for name in seen}, bright_frame(), [1], stock)
    assert np.array_equal(found["one"], found["other"])
    assert [len(frames) for frames in seen["one"]] == [32, 8]
    assert all(one is other for one, other in zip(seen["one"], seen["other"], strict=True))  # made once


@pytest.mark.parametrize("constant", [0.0, 0.3, 1.0])
def test_a_constant_answer_gives_a_constant_map(constant: float) -> None:
    found = _map(_constant(constant), make_masks(16, FRAME_SIZE, seed=0), 0)
    assert found == pytest.approx(np.full_like(found, constant), abs=1e-6)


@pytest.mark.parametrize("count", [1, 3, 10, 40])
def test_a_constant_answer_leaves_no_pattern_of_rounding(count: int) -> None:
    masks = make_masks(count, FRAME_SIZE, seed=3)
    found = [_map(_constant(p), masks, 0) for p in (0.018, 0.1, 1 / 3)]
    assert [float(np.ptp(one)) for one in found] == [0, 0, 0]


def test_a_pixel_that_no_mask_kept_gets_the_mean() -> None:
    masks = make_masks(1, 8, seed=0, cells=1, keep_probability=0.0)
    frame = np.ones((1, 3, 8, 8), dtype=np.float32)
    assert rise_maps(_constant(0.4), frame, [0], MaskStock(masks))[0] == pytest.approx(np.full((8, 8), 0.4))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(bad: float) -> None:
    answer = probabilities(lambda _: np.array([[0.0, bad]], dtype=np.float32), where="m.onnx")
    with pytest.raises(EdgeboardError, match="cannot be explained"):
        answer(bright_frame())


def test_probabilities_are_softmax() -> None:
    answer = probabilities(lambda _: np.log(np.array([[1.0, 3.0]], dtype=np.float32)))
    assert answer(bright_frame())[0] == pytest.approx([0.25, 0.75])
