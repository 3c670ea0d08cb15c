from __future__ import annotations

import numpy as np
import pytest

from pipeline.explain.answers import BatchScores
from pipeline.explain.clips.temporal import SHUFFLES, frame_importance, make_shuffles, time_dependence
from tests.explain.planted import one_by_one


def _ramp(clip_frames: int) -> np.ndarray:
    """A clip `[1, T, 3, 4, 4]` that grows brighter: frame t is t + 1 everywhere."""
    levels = np.arange(1, clip_frames + 1, dtype=np.float32)
    return np.broadcast_to(levels[None, :, None, None, None], (1, clip_frames, 3, 4, 4)).copy()


def _levels(clip_ntchw: np.ndarray) -> np.ndarray:
    assert clip_ntchw.ndim == 5
    assert clip_ntchw.flags.c_contiguous  # as an engine wants it
    return clip_ntchw.mean(axis=(0, 2, 3, 4))


def _sees_one_frame(t: int) -> BatchScores:
    return one_by_one(lambda clip: np.array([abs(float(_levels(clip)[t])) / 10]))


def _compares(first: int, second: int) -> BatchScores:
    return one_by_one(lambda clip: np.array([float(_levels(clip)[second] > _levels(clip)[first])]))


def _averages(clips: np.ndarray) -> np.ndarray:
    return one_by_one(lambda clip: np.array([float(_levels(clip).mean()) / 10]))(clips)


@pytest.mark.parametrize("t", [0, 3, 7])
def test_only_the_frame_that_is_seen_matters(t: int) -> None:
    found = frame_importance(_sees_one_frame(t), _ramp(8), 0)
    # What stands in its place is the frame before, one level darker; for the first the second, one level brighter.
    expected = np.zeros(8)
    expected[t] = -0.1 if t == 0 else 0.1
    assert found == pytest.approx(expected)


def test_a_frame_that_shows_nothing_new_does_not_matter() -> None:
    clip = _ramp(4)
    clip[:, 2] = clip[:, 1]
    assert frame_importance(_averages, clip, 0)[2] == 0
    assert frame_importance(_averages, clip, 0)[3] > 0


@pytest.mark.parametrize("frames", [1, 2, 8])
def test_a_constant_answer_has_no_frame_and_no_order(frames: int) -> None:
    def constant(clips: np.ndarray) -> np.ndarray:
        return np.full((len(clips), 1), 0.4)

    assert frame_importance(constant, _ramp(frames), 0).tolist() == [0] * frames
    found = time_dependence(constant, _ramp(frames), 0, make_shuffles(frames, seed=0))
    assert (found.order, found.direction, found.motion) == (0, 0, 0)


def test_a_single_frame_is_hidden_by_the_mean_colour() -> None:
    assert frame_importance(_sees_one_frame(0), _ramp(1), 0) == pytest.approx([0.1])
    found = time_dependence(_sees_one_frame(0), _ramp(1), 0, make_shuffles(1, seed=0))
    assert (found.order, found.direction, found.motion) == (0, 0, 0)


def test_who_compares_frames_needs_their_order() -> None:
    found = time_dependence(_compares(2, 6), _ramp(8), 0, make_shuffles(8, seed=0))
    assert found.order >= 1 / SHUFFLES
    assert found.direction == 1
    assert found.motion == 1  # neither of two equal frames is brighter


def test_who_averages_frames_needs_no_order() -> None:
    found = time_dependence(_averages, _ramp(8), 0, make_shuffles(8, seed=0))
    assert found.order == pytest.approx(0, abs=1e-7)
    assert found.direction == pytest.approx(0, abs=1e-7)


def test_order_is_the_mean_over_the_shuffles() -> None:
    shuffles = np.array([[0, 2, 1], [2, 1, 0], [1, 2, 0], [0, 1, 2]])
    found = time_dependence(_compares(0, 1), _ramp(3), 0, shuffles)
    assert found.order == pytest.approx(1 / 4)  # of the four, only the second shows the second place darker


@pytest.mark.parametrize(("frames", "expected"), [(1, 0), (2, SHUFFLES), (3, SHUFFLES), (8, SHUFFLES)])
def test_no_shuffle_is_the_true_order(frames: int, expected: int) -> None:
    found = make_shuffles(frames, seed=0)
    assert found.shape == (expected, frames)
    assert all(sorted(order) == list(range(frames)) != order for order in found.tolist())
    assert np.array_equal(found, make_shuffles(frames, seed=0))


def test_the_clip_stays_as_it_was() -> None:
    clip = _ramp(4)
    frame_importance(_averages, clip, 0)
    time_dependence(_averages, clip, 0, make_shuffles(4, seed=0))
    assert np.array_equal(clip, _ramp(4))
