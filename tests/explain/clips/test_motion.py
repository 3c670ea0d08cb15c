from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.explain.clips.motion import moving_pixels

SIZE = 64


def _ground(side: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.float32)
    return np.clip((soft - soft.mean()) * 4 + 128, 0, 255).astype(np.uint8)


def _clip(frames: int, pan: int, step: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a ground that moves by `pan` pixels a frame, and where a white square is that moves by `step`."""
    ground = _ground(SIZE + 8 * abs(pan) + 8)
    clip = np.stack([ground[:SIZE, pan * t : pan * t + SIZE] for t in range(frames)])
    square = np.zeros((frames, SIZE, SIZE), dtype=bool)
    if step is not None:
        for t in range(frames):
            square[t, 24:36, 2 + step * t : 14 + step * t] = True
        clip[square] = 255
    return clip, square


@pytest.mark.parametrize("frames", [1, 2, 3, 8])
@pytest.mark.parametrize("pan", [0, 3])
def test_nothing_moves_where_only_the_camera_does(frames: int, pan: int) -> None:
    clip, _ = _clip(frames, pan, None)
    assert moving_pixels(clip).shape == (frames, SIZE, SIZE)
    assert moving_pixels(clip).mean() < 0.06  # what comes in at the edge was not seen before


@pytest.mark.parametrize("pan", [0, 2])
def test_what_moves_is_found_without_the_place_that_it_left(pan: int) -> None:
    clip, square = _clip(4, pan, 14)
    found = moving_pixels(clip)[:, 8:-8, 8:-8]
    square = square[:, 8:-8, 8:-8]
    overlap = (found & square).sum() / (found | square).sum()
    assert overlap > 0.6


def test_a_still_square_does_not_move() -> None:
    clip, square = _clip(5, 0, 0)
    assert square.any()
    assert not moving_pixels(clip).any()


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize(("frames", "side"), [(1, 1), (2, 1), (3, 9), (2, 16)])
def test_one_colour_does_not_move(value: int, frames: int, side: int) -> None:
    assert not moving_pixels(np.full((frames, side, side, 3), value, dtype=np.uint8)).any()


def test_noise_of_a_camera_does_not_move() -> None:
    rng = np.random.default_rng(1)
    clip = _clip(6, 0, None)[0].astype(np.int64) + rng.normal(0, 6, (6, SIZE, SIZE, 3)).round().astype(np.int64)
    assert moving_pixels(clip.clip(0, 255).astype(np.uint8)).mean() < 0.001


@pytest.mark.parametrize("pan", [0, 2])
def test_the_middle_of_something_slow_and_plain_moves(pan: int) -> None:
    clip, square = _clip(8, pan, 4)
    found = moving_pixels(clip)
    assert found[square].mean() > 0.7
    assert (found & square).sum() / (found | square).sum() > 0.4


def test_who_passes_a_plain_wall_moves_though_all_corners_go_along() -> None:
    frames = np.full((8, SIZE, SIZE, 3), 90, dtype=np.uint8)
    square = np.zeros((8, SIZE, SIZE), dtype=bool)
    pattern = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    for t in range(8):
        frames[t, 20:36, 2 + 5 * t : 18 + 5 * t] = pattern
        square[t, 20:36, 2 + 5 * t : 18 + 5 * t] = True
    found = moving_pixels(frames)
    assert (found & square).sum() / (found | square).sum() > 0.5
