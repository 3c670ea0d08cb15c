"""Does a map point at what the decision depends on? Deletion and insertion (Petsiuk et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding

_BATCH = 32


@dataclass(frozen=True)
class Faithfulness:
    """Areas under the curve of the explained score, such as a class probability, in [0, 1].

    deletion_auc: pixels removed, most important first; lower is better. insertion_auc: pixels put
    into a blurred frame, most important first; higher is better. Where change is hidden (see hiding.py), pixels stop,
    and pixels of the first frame, which stands still, start to move.
    """

    deletion_auc: float
    insertion_auc: float

    @property
    def score(self) -> float:
        """Insertion minus deletion, in [-1, 1]; higher is better."""
        return self.insertion_auc - self.deletion_auc


def faithfulness(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    importance: NDArray[np.float32],
    steps: int,
    hiding: Hiding = COLOUR,
    seed: int = 0,
) -> Faithfulness | None:
    """Deletion and insertion of the map `[S, S]` of one of the scores of its frame `[1, 3, S, S]`.

    Of a clip `[1, T, 3, S, S]` the map is `[T, S, S]`, or `[S, S]` where it is the same for all its frames. steps:
    points of a curve, 2 or more. seed: of the order of pixels that matter alike. None for a constant map, which names
    no order. Raises EdgeboardError for NaN.
    """
    if not np.isfinite(importance).all():
        raise EdgeboardError("A map holds NaN or infinity, so that it names no order of pixels")
    if np.ptp(importance) == 0:
        return None
    places = frame_nchw.shape[1:-3] + frame_nchw.shape[-2:]
    order = _order(np.broadcast_to(importance, places).ravel(), seed)
    whole = hiding.parts(frame_nchw)
    curves = [
        np.concatenate(
            [answers(hiding.frames(parts, frame_nchw))[:, index] for parts in _turning(start, end, order, steps)]
        )
        for start, end in ((whole, np.zeros_like(whole)), (hiding.bare(frame_nchw), whole))
    ]
    areas = [float(np.trapezoid(curve, np.linspace(0, 1, steps))) for curve in curves]
    return Faithfulness(*areas)


def _order(importance: NDArray[np.float32], seed: int) -> NDArray[np.int64]:
    """Places, most important first.

    Those that matter alike at random, the same for all maps: row by row, a plateau of zeros would be worth as much as
    the place where the object happens to be.
    """
    shuffled = np.random.default_rng(seed).permutation(importance.size)
    return shuffled[np.argsort(-importance[shuffled], kind="stable")]


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
