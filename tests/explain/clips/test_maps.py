"""Space-time RISE and what judges its maps, where the place and the moment that decide are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.explain.answers import BatchScores
from pipeline.explain.clips.masks import make_clip_masks
from pipeline.explain.drift import drift
from pipeline.explain.faithfulness import faithfulness
from pipeline.explain.hiding import blurred
from pipeline.explain.localisation import energy_in_mask, pointing_game
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.rise import Masks, make_masks
from tests.explain.clips.planted_clips import FRAMES, SIZE, bright_clip, patch_probabilities, patch_voxels
from tests.explain.planted import one_by_one

CLIP = bright_clip()
ANSWERS = one_by_one(patch_probabilities)


def _map(answers: BatchScores, frame: np.ndarray, index: int, masks: Masks) -> np.ndarray:
    return rise_maps(answers, frame, [index], MaskStock(masks))[0]


def test_the_map_finds_both_place_and_moment() -> None:
    found = _map(ANSWERS, CLIP, 1, make_clip_masks(300, FRAMES, SIZE, seed=0))
    voxels = patch_voxels()
    assert found.shape == (FRAMES, SIZE, SIZE)
    assert pointing_game(found, voxels)
    assert energy_in_mask(found, voxels) > 2 * voxels.mean()
    in_place = found[:, voxels.any(axis=0)].mean(axis=1)
    assert set(np.argsort(-in_place)[:2].tolist()) == {3, 4}
    at_moment = found[3:5].mean(axis=0)
    assert at_moment[voxels[3]].mean() > at_moment[~voxels[3]].mean() + 0.03


@pytest.mark.parametrize("constant", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("frames", [1, 2, 8])
def test_a_constant_answer_gives_a_flat_map(constant: float, frames: int) -> None:
    clip, answers = bright_clip(frames, 14), one_by_one(lambda _: np.array([constant]))
    found = _map(answers, clip, 0, make_clip_masks(7, frames, 14, seed=0))
    assert found.shape == (frames, 14, 14)
    assert np.unique(found).tolist() == [np.float32(constant)]
    assert drift(found, found) == 0


def test_a_clip_of_one_frame_has_the_map_of_a_picture() -> None:
    def answer(values: np.ndarray) -> np.ndarray:
        return np.array([values[..., 4:20, 4:20].mean() / 3])

    clip = np.random.default_rng(0).random((1, 1, 3, 28, 28), dtype=np.float32)
    of_clip = _map(one_by_one(answer), clip, 0, make_clip_masks(20, 1, 28, seed=5))
    assert np.array_equal(of_clip[0], _map(one_by_one(answer), clip[0], 0, make_masks(20, 28, seed=5)))


def test_the_true_map_beats_a_random_and_a_reversed_one() -> None:
    true_map = patch_voxels().astype(np.float32)
    random_map = np.random.default_rng(0).random(true_map.shape, dtype=np.float32)
    true, random, reversed_ = (faithfulness(ANSWERS, CLIP, 1, one, 16) for one in (true_map, random_map, -true_map))
    assert true.deletion_auc < random.deletion_auc < reversed_.deletion_auc
    assert true.insertion_auc > random.insertion_auc > reversed_.insertion_auc


def test_the_right_place_at_the_wrong_moment_is_less_faithful() -> None:
    right = patch_voxels().astype(np.float32)
    wrong = np.roll(right, 3, axis=0)
    scores = [faithfulness(ANSWERS, CLIP, 1, one, 16).score for one in (right, wrong)]
    assert scores[0] > scores[1] + 0.5


@pytest.mark.parametrize("frames", [1, 2, 8])
def test_blur_takes_the_detail_and_the_motion_and_keeps_the_mean(frames: int) -> None:
    clip = bright_clip(frames)
    clip += np.linspace(-1, 1, frames, dtype=np.float32)[None, :, None, None, None] if frames > 1 else 0
    smooth = blurred(clip)
    assert smooth.shape == (1, frames, 3, SIZE, SIZE)
    assert smooth.std(axis=(3, 4)).max() < 0.05
    assert smooth.mean() == pytest.approx(2, abs=0.05)
    moves, moved = np.ptp(smooth.mean(axis=(0, 2, 3, 4))), np.ptp(clip.mean(axis=(0, 2, 3, 4)))
    assert moves <= 0.6 * moved


def test_a_still_clip_is_blurred_like_its_frame() -> None:
    clip = bright_clip()
    assert blurred(clip)[:, 2] == pytest.approx(blurred(clip[:, 2]), abs=1e-5)
