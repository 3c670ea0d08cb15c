"""What takes the place of a part that is hidden: whatever it is, it must not be evidence itself.

A mask multiplies parts: 0 is hidden, 1 is kept. What the parts of a picture are follows from what its network sees.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

# Of the frame's side. Seen on 12 real photos with an int8 ResNet-18: a random map then scores 0.05, near the 0 that
# it should, and 0.19 with the paper's kernel (sigma 5 on 224 px); a RISE map scores 0.47 and 0.44.
BLUR_SIGMA = 1 / 4


class Hiding(Protocol):
    """name: what is hidden, in one word; words: the same for people, with what is seen in its place."""

    @property
    def name(self) -> str: ...

    @property
    def words(self) -> str: ...

    def parts(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of a frame `[1, 3, S, S]` (or clip `[1, T, 3, S, S]`) what masks multiply, in its shape."""
        ...

    def frames(self, parts: NDArray[np.float32], frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a network is shown of `[N, ...]` parts of that frame, in their shape."""
        ...

    def bare(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The parts from which insertion starts."""
        ...


class _Colour:
    """For networks that see pictures: a hidden pixel has the mean colour (Petsiuk et al. 2018)."""

    name = "colour"
    words = "colour: what is hidden turns to the mean colour"

    def parts(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        return frame_nchw

    def frames(
        self,
        parts: NDArray[np.float32],
        frame_nchw: NDArray[np.float32],  # noqa: ARG002 - a picture is its parts
    ) -> NDArray[np.float32]:
        return parts

    def bare(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Without detail, for a grey frame that fills up has edges that are not its own."""
        return blurred(frame_nchw)


class _Change:
    """For networks of clips that see what differs from the frame before: a hidden pixel stays as it was.

    x'_t = x'_(t-1) + m_t (x_t - x_(t-1)), from the first frame on, so that the network sees its differences times the
    mask. Were the frames themselves masked, wherever the mask changes from one frame to the next something would move
    that does not: most clips that stand still were then taken for a walk or a fall. What changes later changes on top
    of what was held, so that a hidden trail stays behind as a shadow that does not move.
    """

    name = "change"
    words = "change: what is hidden does not move on from the frame before"

    def parts(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.diff(frame_nchw, axis=1, prepend=frame_nchw[:, :1])

    def frames(self, parts: NDArray[np.float32], frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        moved: NDArray[np.float32] = np.cumsum(parts, axis=1)
        return moved + frame_nchw[:, :1]

    def bare(self, frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first frame, standing still: it has no edge that could start to move."""
        return np.zeros_like(frame_nchw)


COLOUR: Hiding = _Colour()
CHANGE: Hiding = _Change()


def blurred(frame_nchw: NDArray[np.float32]) -> NDArray[np.float32]:
    """The frame `[1, 3, S, S]` without detail: Gaussian blur with a sigma of a quarter of the side.

    A clip `[1, T, 3, S, S]` is blurred along time too: in space alone it would still show how something large moves.
    """
    if frame_nchw.ndim == 5:
        from scipy.ndimage import gaussian_filter1d

        frames = np.concatenate([blurred(one[None]) for one in frame_nchw[0]])
        return gaussian_filter1d(frames, len(frames) * BLUR_SIGMA, axis=0, mode="mirror")[None]
    planes = frame_nchw[0].transpose(1, 2, 0)
    smooth = cv2.GaussianBlur(planes, (0, 0), sigmaX=frame_nchw.shape[-1] * BLUR_SIGMA)
    return np.ascontiguousarray(smooth.transpose(2, 0, 1)[None])
