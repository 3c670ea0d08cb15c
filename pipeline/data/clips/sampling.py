"""Which T of the L frames of a clip a network sees. Places are int64 `[T]` in 0..L-1, in the order of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def segment_places(n_frames: int, n_taken: int) -> NDArray[np.int64]:
    """The middle of each of `n_taken` equal segments: the same for every clip, as validation and boards want it.

    Wang et al. 2016, Temporal segment networks, ECCV. Of fewer frames than segments some come several times.

    >>> segment_places(16, 8).tolist(), segment_places(2, 4).tolist()
    ([1, 3, 5, 7, 9, 11, 13, 15], [0, 0, 1, 1])
    """
    _check(n_frames, n_taken)
    # In whole numbers, for a product of fractions may fall just below a whole one.
    return (2 * np.arange(n_taken, dtype=np.int64) + 1) * n_frames // (2 * n_taken)


def random_segment_places(n_frames: int, n_taken: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """One frame of each of `n_taken` equal segments by chance: another sight of the clip in every epoch.

    Wang et al. 2016, as above. Each frame is as likely as any other; of fewer frames than segments some come several
    times.
    """
    _check(n_frames, n_taken)
    moments = (np.arange(n_taken) + generator.random(n_taken)) * (n_frames / n_taken)
    return np.minimum(moments.astype(np.int64), n_frames - 1)


def dense_places(n_frames: int, n_taken: int, stride: int, start: int = 0) -> NDArray[np.int64]:
    """Every `stride`-th frame from `start` on; where the clip ends before, its last frame is repeated.

    So do networks see a clip that look at short moments closely (Carreira & Zisserman 2017, Quo vadis, action
    recognition?, CVPR; Feichtenhofer et al. 2019, SlowFast networks, ICCV).

    >>> dense_places(16, 4, 2, start=3).tolist(), dense_places(4, 4, 2).tolist()
    ([3, 5, 7, 9], [0, 2, 3, 3])
    """
    _check(n_frames, n_taken)
    if stride < 1 or not 0 <= start < n_frames:
        raise ValueError(f"stride must be at least 1 and start a frame of the clip: {stride}, {start} of {n_frames}")
    return np.minimum(start + stride * np.arange(n_taken, dtype=np.int64), n_frames - 1)


def _check(n_frames: int, n_taken: int) -> None:
    if n_frames < 1 or n_taken < 1:
        raise ValueError(f"at least one frame must be there and be taken: {n_taken} of {n_frames}")
