"""RISE with the masks made once for all variants and frames, and the hidden frames once for all variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding
from pipeline.explain.rise import Masks

_KEPT_BYTES = 256_000_000
BATCH = 32


class MaskStock:
    """Full-size masks `[M, S, S]` (or `[M, T, S, S]`): kept where they fit into 256 MB, else made for every batch."""

    def __init__(self, masks: Masks, batch: int = BATCH) -> None:
        self.masks = masks
        self._batch = batch
        size = len(masks) * masks.coverage.size * 4
        self._full = self._made(0, len(masks)) if size <= _KEPT_BYTES else None

    def __len__(self) -> int:
        return len(self.masks)

    def batches(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Which masks, and those masks."""
        for start in range(0, len(self), self._batch):
            place = slice(start, min(start + self._batch, len(self)))
            yield place, self._made(place.start, place.stop) if self._full is None else self._full[place]

    def _made(self, start: int, stop: int) -> NDArray[np.float32]:
        return np.stack([self.masks.mask(i) for i in range(start, stop)])


def rise_maps(
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    indices: Sequence[int],
    stock: MaskStock,
    hiding: Hiding = COLOUR,
) -> NDArray[np.float32]:
    """`rise_maps_of_variants` for one of them."""
    return rise_maps_of_variants({"": answers}, frame_nchw, indices, stock, hiding)[""]


def rise_maps_of_variants(
    answers: Mapping[str, BatchScores],
    frame_nchw: NDArray[np.float32],
    indices: Sequence[int],
    stock: MaskStock,
    hiding: Hiding = COLOUR,
) -> dict[str, NDArray[np.float32]]:
    """Importance `[n, S, S]` of each pixel for n of the scores, by variant: their mean when it is kept, in [0, 1].

    frame_nchw: `[1, 3, S, S]`, normalised; hidden is as `hiding` says. Of a clip `[1, T, 3, S, S]` the maps are as
    the masks: `[n, T, S, S]`, or `[n, S, S]` where a mask hides the same place of all frames.
    The paper divides by the expected coverage; we divide by the coverage that these masks have, which estimates the
    same conditional mean (its eq. 4) without the noise of uneven coverage, the larger part of all noise at some hundred
    masks.
    """
    chosen, coverage, parts = list(indices), stock.masks.coverage, hiding.parts(frame_nchw)
    found = {name: np.empty((len(stock), len(chosen))) for name in answers}
    weighted = {name: np.zeros((len(chosen), coverage.size)) for name in answers}
    for place, full in stock.batches():
        hidden = hiding.frames(_hidden(parts, full), frame_nchw)
        flat = full.reshape(len(full), -1)
        for name, ask in answers.items():
            scores = ask(hidden)[:, chosen]
            found[name][place] = scores
            weighted[name] += scores.T.astype(np.float32) @ flat
    return {name: _conditional_mean(weighted[name], found[name], coverage) for name in answers}


def _hidden(parts: NDArray[np.float32], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[m, ...]`: the parts once under each mask."""
    over_channels = np.expand_dims(masks, -3)
    missing = parts.ndim - over_channels.ndim  # 1 where masks of a clip are of one frame
    return parts * over_channels.reshape(len(masks), *(1,) * missing, *over_channels.shape[1:])


def _conditional_mean(
    weighted: NDArray[np.float64], found: NDArray[np.float64], coverage: NDArray[np.float64]
) -> NDArray[np.float32]:
    # A pixel that no mask kept was never asked about: it gets the mean, which speaks neither for nor against it.
    asked, per_map = coverage > 0, (-1, *[1] * coverage.ndim)
    low, mean, high = (of_all(axis=0).reshape(per_map) for of_all in (found.min, found.mean, found.max))
    sums = weighted.reshape(-1, *coverage.shape)
    maps = np.where(asked, sums / np.where(asked, coverage, 1), mean)
    # A mean lies between the extremes: without this, rounding would make a pattern out of a score that never changes.
    return np.clip(maps, low, high).astype(np.float32)
