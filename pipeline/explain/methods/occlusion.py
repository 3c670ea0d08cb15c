"""Occlusion (Zeiler and Fergus 2014, arXiv:1311.2901), by captum: what a score loses when a square is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 1 / 6  # of the frame's side
BATCH = 32


def occlusion(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    window: float = WINDOW,
    batch: int = BATCH,
    hiding: Hiding = COLOUR,
) -> NDArray[np.float32]:
    """Map `[S, S]`: the mean loss of the score over the squares that hide a pixel; below 0 speaks against the class.

    frame_nchw: `[1, 3, S, S]`, or a clip `[1, T, 3, S, S]`, whose map is `[T, S, S]` and whose squares hide a quarter
    of the frames. window: side of the square over that of the frame; it moves by half of itself.
    """
    if not 0 < window <= 1:
        raise EdgeboardError("The window of an occlusion is a part of the frame", value=window, allowed="0..1")
    import torch
    from captum.attr import Occlusion

    def score(parts: Tensor) -> Tensor:
        return torch.from_numpy(answers(hiding.frames(parts.numpy(), frame_nchw))[:, index].copy())

    side = max(1, round(frame_nchw.shape[-1] * window))
    times = [max(1, round(n / 4)) for n in frame_nchw.shape[1:-3]]
    half = max(1, side // 2)
    found = Occlusion(score).attribute(
        torch.from_numpy(np.ascontiguousarray(hiding.parts(frame_nchw))),
        sliding_window_shapes=(*times, 3, side, side),
        strides=(*times, 3, half, half),
        baselines=0,
        perturbations_per_eval=batch,
    )
    # All channels of a place are hidden together and have one value.
    return found[0].select(-3, 0).float().numpy()
