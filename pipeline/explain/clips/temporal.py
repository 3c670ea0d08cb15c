"""Which frames a decision depends on, and whether it depends on their order: what no map of a frame shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores

SHUFFLES = 6


@dataclass(frozen=True)
class TimeDependence:
    """How far the score falls, in [-1, 1], when the clip keeps its frames and loses its motion; 0: not needed.

    order: the frames are shuffled (the mean over the shuffles; Sevilla-Lara et al. 2021, Only time can tell,
    arXiv:1907.08340). direction: they run backwards. motion: the middle frame is all that is shown (Huang et al. 2018,
    What makes a video a video, CVPR). A clip of one frame has no order: all three are 0.
    """

    order: float
    direction: float
    motion: float


def make_shuffles(clip_frames: int, seed: int, count: int = SHUFFLES) -> NDArray[np.int64]:
    """`[count, T]` orders of T frames, none of them the true one; no order at all for one frame, which has no other."""
    rng, true_order = np.random.default_rng(seed), np.arange(clip_frames)
    found: list[NDArray[np.int64]] = []
    while clip_frames > 1 and len(found) < count:
        order = rng.permutation(clip_frames)
        if not np.array_equal(order, true_order):
            found.append(order)
    return np.array(found, dtype=np.int64).reshape(-1, clip_frames)


def time_dependence(
    answers: BatchScores, clip_ntchw: NDArray[np.float32], index: int, shuffles: NDArray[np.int64]
) -> TimeDependence:
    """Of one of the scores of a clip `[1, T, 3, S, S]`; shuffles: see `make_shuffles`."""
    n_frames = clip_ntchw.shape[1]
    if n_frames == 1:
        return TimeDependence(0.0, 0.0, 0.0)
    forwards = np.arange(n_frames)
    orders = [forwards, forwards[::-1], np.full(n_frames, n_frames // 2), *shuffles]
    whole, *others = answers(np.concatenate([clip_ntchw[:, order] for order in orders]))[:, index]
    direction, motion, *shuffled = (float(whole - other) for other in others)
    return TimeDependence(float(np.mean(shuffled)), direction, motion)


def frame_importance(answers: BatchScores, clip_ntchw: NDArray[np.float32], index: int) -> NDArray[np.float64]:
    """`[T]`, in [-1, 1]: how far one of the scores falls when a frame of `[1, T, 3, S, S]` is left out.

    In its place the frame before stands still, for the first the second: occlusion along time (Zeiler and Fergus 2014,
    arXiv:1311.2901) by what a dropped frame looks like, so that only what is new in a frame counts. A clip of one frame
    has none to put there and becomes the mean colour.
    """
    n_frames = clip_ntchw.shape[1]
    without = np.repeat(clip_ntchw, n_frames, axis=0)
    for t in range(n_frames):
        without[t, t] = 0 if n_frames == 1 else clip_ntchw[0, t - 1 if t else 1]
    whole, *others = answers(np.concatenate([clip_ntchw, without]))[:, index]
    return np.asarray([whole - other for other in others])
