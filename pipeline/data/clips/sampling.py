"""Which T of the L frames of a clip a network sees. Places are int64 `[T]` in 0..L-1, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class ClipSampling:
    """Either a frame of each of T equal segments of the clip, or T frames that are `stride` apart, whatever is left.

    stride is 1 for segments.
    """

    kind: Literal["segments", "dense"] = "segments"
    stride: int = 1

    def frames_needed(self, n_taken: int) -> int:
        """How long a clip must be for no frame to come twice."""
        return self.stride * (n_taken - 1) + 1

    def places(self, n_frames: int, n_taken: int) -> NDArray[np.int64]:
        """The same for every clip: the middle of each segment, or the frames around the middle of the clip."""
        if self.kind == "segments":
            return segment_places(n_frames, n_taken)
        return dense_places(n_frames, n_taken, self.stride, self._room(n_frames, n_taken) // 2)

    def random_places(self, n_frames: int, n_taken: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """For training: by chance in each segment, or from a beginning by chance."""
        if self.kind == "segments":
            return random_segment_places(n_frames, n_taken, generator)
        start = int(generator.integers(self._room(n_frames, n_taken) + 1))
        return dense_places(n_frames, n_taken, self.stride, start)

    def period(self, n_frames: int, n_taken: int) -> int:
        """After how many frames the next clip of a stream begins, whose frames are seen at the same rate."""
        return n_frames if self.kind == "segments" else self.stride * n_taken

    def _room(self, n_frames: int, n_taken: int) -> int:
        return max(0, n_frames - self.frames_needed(n_taken))


def _check(n_frames: int, n_taken: int) -> None:
    if n_frames < 1 or n_taken < 1:
        raise ValueError(f"at least one frame must be there and be taken: {n_taken} of {n_frames}")
