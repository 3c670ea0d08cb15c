"""RISE with the masks of a batch made once for all variants and frames, and run together.

The same masks and the same conditional mean as `pipeline.explain.rise.rise_maps`; only the order of sums differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.methods.answers import BatchScores
from pipeline.explain.rise import RiseMasks

_KEPT_BYTES = 256_000_000
BATCH = 32


class MaskStock:
    """Full-size masks `[M, S, S]` of a RiseMasks: kept where they fit into 256 MB, else made anew for every batch."""

    def __init__(self, masks: RiseMasks, batch: int = BATCH) -> None:
        self.masks = masks
        self._batch = batch
        size = len(masks) * masks.frame_size**2 * 4
        self._full = self._made(0, len(masks)) if size <= _KEPT_BYTES else None

    def __len__(self) -> int:
        return len(self.masks)

    def batches(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Which masks, and those masks `[m, S, S]`."""
        for start in range(0, len(self), self._batch):
            place = slice(start, min(start + self._batch, len(self)))
            yield place, self._made(place.start, place.stop) if self._full is None else self._full[place]

    def _made(self, start: int, stop: int) -> NDArray[np.float32]:
        return np.stack([self.masks.mask(i) for i in range(start, stop)])


def rise_maps_in_batches(
    answers: BatchScores, frame_nchw: NDArray[np.float32], indices: Sequence[int], stock: MaskStock
) -> NDArray[np.float32]:
    """Importance `[n, S, S]` of each pixel for n of the scores: their mean when the pixel is kept, in [0, 1].

    frame_nchw: `[1, 3, S, S]`, or a clip `[1, T, 3, S, S]`, in which a mask hides the same place of all frames.
    """
    masks = stock.masks
    found = np.empty((len(masks), len(indices)))
    weighted = np.zeros((len(indices), masks.frame_size**2))
    for place, full in stock.batches():
        hidden = full.reshape(len(full), *(1,) * (frame_nchw.ndim - 3), *full.shape[-2:])
        scores = answers(frame_nchw * hidden)[:, list(indices)]
        found[place] = scores
        weighted += scores.T.astype(np.float32) @ full.reshape(len(full), -1)
    asked = masks.coverage > 0
    low, mean, high = (of_all(axis=0)[:, None, None] for of_all in (found.min, found.mean, found.max))
    sums = weighted.reshape(len(indices), *masks.coverage.shape)
    maps = np.where(asked, sums / np.where(asked, masks.coverage, 1), mean)
    # As in rise_maps: a mean lies between the extremes, rounding must not make a pattern.
    return np.clip(maps, low, high).astype(np.float32)
