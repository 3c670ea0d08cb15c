"""Does a map point at what the decision depends on? Deletion and insertion (Petsiuk et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.explain.probabilities import Scores

# Of the frame's side. Seen on 12 real photos with an int8 ResNet-18: a random map then scores 0.05, near the 0 that
# it should, and 0.19 with the paper's kernel (sigma 5 on 224 px); a RISE map scores 0.47 and 0.44.
BLUR_SIGMA = 1 / 4


Blur = Callable[[NDArray[np.float32]], NDArray[np.float32]]


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
    """The frame `[1, 3, S, S]` without detail: Gaussian blur with a sigma of a quarter of the side."""
    planes = frame_nchw[0].transpose(1, 2, 0)
    smooth = cv2.GaussianBlur(planes, (0, 0), sigmaX=frame_nchw.shape[-1] * BLUR_SIGMA)
    return np.ascontiguousarray(smooth.transpose(2, 0, 1)[None])


def faithfulness(
    scores: Scores,
    frame_nchw: NDArray[np.float32],
    index: int,
    importance: NDArray[np.float32],
    steps: int,
    blur: Blur = blurred,
) -> Faithfulness:
    """Deletion and insertion of the map `[S, S]` of `scores(frame)[index]` on its frame `[1, 3, S, S]`.

    Of T frames `[1, 3, T, S, S]` the map is `[T, S, S]`. steps: points of a curve, 2 or more. blur: what takes
    detail away.
    """
    order = np.argsort(-importance.ravel(), kind="stable")
    grey = np.zeros_like(frame_nchw)  # the mean colour, as RISE hides
    deletion = _curve(scores, frame_nchw, grey, order, index, steps)
    insertion = _curve(scores, blur(frame_nchw), frame_nchw, order, index, steps)
    fractions = np.linspace(0, 1, steps)
    return Faithfulness(float(np.trapezoid(deletion, fractions)), float(np.trapezoid(insertion, fractions)))


def _curve(
    scores: Scores,
    start_nchw: NDArray[np.float32],
    end_nchw: NDArray[np.float32],
    order: NDArray[np.int64],
    index: int,
    steps: int,
) -> list[float]:
    """The score while `start` turns into `end`, pixel after pixel in `order`."""
    frame = start_nchw.copy()
    now, final = frame.reshape(3, -1), end_nchw.reshape(3, -1)
    bounds = np.linspace(0, order.size, steps).round().astype(int)
    curve = [float(scores(frame)[index])]
    for before, after in pairwise(bounds):
        changed = order[before:after]
        now[:, changed] = final[:, changed]
        curve.append(float(scores(frame)[index]))
    return curve
