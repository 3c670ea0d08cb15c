"""Does a map point at what the decision depends on? Deletion and insertion (Petsiuk et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores

# Of the frame's side. Seen on 12 real photos with an int8 ResNet-18: a random map then scores 0.05, near the 0 that
# it should, and 0.19 with the paper's kernel (sigma 5 on 224 px); a RISE map scores 0.47 and 0.44.
BLUR_SIGMA = 1 / 4
_BATCH = 32


@dataclass(frozen=True)
class Faithfulness:
    """Areas under the curve of the explained score, such as a class probability, in [0, 1].

    deletion_auc: pixels removed, most important first; lower is better. insertion_auc: pixels put
    into a blurred frame, most important first; higher is better.
    """

    deletion_auc: float
    insertion_auc: float

    @property
    def score(self) -> float:
        """Insertion minus deletion, in [-1, 1]; higher is better."""
        return self.insertion_auc - self.deletion_auc


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


def faithfulness(
    answers: BatchScores, frame_nchw: NDArray[np.float32], index: int, importance: NDArray[np.float32], steps: int
) -> Faithfulness:
    """Deletion and insertion of the map `[S, S]` of one of the scores of its frame `[1, 3, S, S]`.

    Of a clip `[1, T, 3, S, S]` the map is `[T, S, S]`, or `[S, S]` where it is the same for all its frames. steps:
    points of a curve, 2 or more.
    """
    places = frame_nchw.shape[1:-3] + frame_nchw.shape[-2:]
    order = np.argsort(-np.broadcast_to(importance, places).ravel(), kind="stable")
    grey = np.zeros_like(frame_nchw)  # the mean colour, as RISE hides
    curves = [
        np.concatenate([answers(frames)[:, index] for frames in _turning(start, end, order, steps)])
        for start, end in ((frame_nchw, grey), (blurred(frame_nchw), frame_nchw))
    ]
    areas = [float(np.trapezoid(curve, np.linspace(0, 1, steps))) for curve in curves]
    return Faithfulness(*areas)


def _turning(
    start_nchw: NDArray[np.float32], end_nchw: NDArray[np.float32], order: NDArray[np.int64], steps: int
) -> Iterator[NDArray[np.float32]]:
    """Batches of frames: `start` turns into `end` in `steps` frames, pixel after pixel in `order`."""
    # Channels first, so that a pixel is a column; of a clip, a pixel of one of its frames.
    channels = -3 % start_nchw.ndim
    now, final = (np.moveaxis(one, channels, 1)[0].copy() for one in (start_nchw, end_nchw))
    columns, goal = now.reshape(3, -1), final.reshape(3, -1)
    bounds = np.linspace(0, order.size, steps).round().astype(int)
    frames, done = [], 0
    for bound in bounds:
        columns[:, order[done:bound]] = goal[:, order[done:bound]]
        done = bound
        frames.append(np.moveaxis(now, 0, channels - 1).copy())
        if len(frames) == _BATCH:
            yield np.stack(frames)
            frames = []
    if frames:
        yield np.stack(frames)
