from __future__ import annotations

import numpy as np
import pytest

from pipeline.explain.hiding import CHANGE, COLOUR

SIZE = 12


def _clip(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(size=(1, frames, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 2, 8])
def test_where_all_change_is_kept_the_clip_is_itself(frames: int) -> None:
    clip = _clip(frames)
    assert CHANGE.frames(CHANGE.parts(clip), clip) == pytest.approx(clip, abs=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 8])
def test_where_all_change_is_hidden_the_first_frame_stands_still(frames: int) -> None:
    clip = _clip(frames)
    for parts in (CHANGE.parts(clip) * 0, CHANGE.bare(clip)):
        assert np.array_equal(CHANGE.frames(parts, clip), np.repeat(clip[:, :1], frames, axis=1))


def test_what_a_network_of_differences_sees_is_its_differences_times_the_mask() -> None:
    clip = _clip(8)
    masks = np.random.default_rng(0).random((5, 8, 1, SIZE, SIZE), dtype=np.float32)
    seen = CHANGE.frames(CHANGE.parts(clip) * masks, clip)
    assert seen.shape == (5, 8, 3, SIZE, SIZE)
    assert np.diff(seen, axis=1) == pytest.approx(np.diff(clip, axis=1) * masks[:, 1:], abs=1e-5)


@pytest.mark.parametrize("frames", [2, 8])
def test_no_mask_moves_a_clip_that_stands_still(frames: int) -> None:
    still = np.repeat(_clip(1), frames, axis=1)
    masks = np.random.default_rng(0).random((5, frames, 1, SIZE, SIZE), dtype=np.float32)
    assert np.ptp(CHANGE.frames(CHANGE.parts(still) * masks, still), axis=1).max() == 0
    assert np.ptp(COLOUR.frames(COLOUR.parts(still) * masks, still), axis=1).max() > 0.5


def test_a_picture_is_hidden_as_it_is() -> None:
    frame, other = _clip(1)[:, 0], _clip(2)[:, 0]
    assert COLOUR.parts(frame) is frame
    assert COLOUR.frames(other, frame) is other
    assert COLOUR.bare(frame).std() < 0.5 * frame.std()
