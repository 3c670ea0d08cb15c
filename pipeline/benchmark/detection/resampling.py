"""Average precision of thousands of resampled test sets, from one matching: pictures only get weights.

A resample draws as many pictures as there are, with replacement. Matching is within a picture, so a picture drawn twice
brings the same hits twice; only the accumulation over the whole set is done again, for all resamples at once. The
outcome is what pycocotools says of the resampled set written out, its pictures in order and copies beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.metrics.matching import IOU_THRESHOLDS, RECALLS, ClassMatches, Matches

_BLOCK_ELEMENTS = 1_000_000  # bounds the memory at some 50 MB however large the test set


@dataclass(frozen=True)
class Resampling:
    """The same resamples for whatever is measured with an equal one.

    group_of_picture: what is drawn are groups of pictures. Frames of one clip look alike: drawn one by one they would
    claim an interval that is too narrow (a cluster bootstrap, as for the rounds of a timing).
    """

    seed: int
    resamples: int
    group_of_picture: tuple[int, ...]

    @classmethod
    def over(cls, n_pictures: int, seed: int, resamples: int, sources: Sequence[str] | None = None) -> Resampling:
        """Over single pictures, or over those of equal `sources`, which are `n_pictures` names.

        Raises EdgeboardError for another number of names and for no resamples.
        """
        if resamples < 1:
            raise EdgeboardError("A bootstrap needs resamples", value=resamples, allowed="1 or more")
        if sources is None:
            return cls(seed, resamples, tuple(range(n_pictures)))
        if len(sources) != n_pictures:
            raise EdgeboardError(
                "Every frame needs the name of its source", value=f"{len(sources)} names, {n_pictures} frames"
            )
        numbers = {name: i for i, name in enumerate(dict.fromkeys(sources))}
        return cls(seed, resamples, tuple(numbers[name] for name in sources))

    def weights(self, widest: int = 1) -> Iterator[NDArray[np.int64]]:
        """How often each picture is there, `[b, N]` by blocks of resamples; the blocks' size changes no number.

        widest: how many columns the caller makes of them.
        """
        generator = np.random.default_rng(self.seed)
        groups = np.array(self.group_of_picture)
        n_groups = int(groups.max()) + 1
        block = max(1, _BLOCK_ELEMENTS // max(len(groups), widest))
        for start in range(0, self.resamples, block):
            size = min(block, self.resamples - start)
            yield generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=size)[:, groups]

    def n_groups(self, is_in: NDArray[np.bool_] | None = None) -> int:
        """How many groups there are, or have a picture of the chosen ones, bool `[N]`."""
        groups = np.array(self.group_of_picture)
        return len(np.unique(groups if is_in is None else groups[is_in]))


def resampled_ap(matches: Matches, resampling: Resampling) -> NDArray[np.float64]:
    """`[resamples, C, 10]` average precision by class and IoU threshold; NaN where a resample has no box of a class."""
    widest = max(one.scores.size for one in matches.classes)
    return np.concatenate(
        [
            np.stack([weighted_ap(one, weights) for one in matches.classes], axis=1)
            for weights in resampling.weights(widest)
        ]
    )


def weighted_ap(one: ClassMatches, weights_bn: NDArray[np.int64]) -> NDArray[np.float64]:
    """`[b, 10]` average precision of one class in test sets that hold picture n `weights_bn[b, n]` times."""
    n_boxes = weights_bn @ one.n_boxes
    ap = np.zeros((len(weights_bn), len(IOU_THRESHOLDS)))
    ap[n_boxes == 0] = np.nan
    detection, copies = _in_order(one, weights_bn)
    is_hit = one.is_hit[:, detection]
    n_detections = np.cumsum(copies, axis=1)
    some = np.maximum(n_boxes, 1)[:, None]
    for t, columns in enumerate(is_hit):
        if not columns.any():
            continue
        hits = np.cumsum(copies[:, columns], axis=1)
        # Between two hits precision only falls, so that the envelope is decided at the hits alone.
        precision = hits / np.maximum(n_detections[:, columns], 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        reached = np.searchsorted(RECALLS, hits / some, side="right")
        ap[:, t] += (envelope * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)
    return ap


def _in_order(one: ClassMatches, weights_bn: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Detections by falling score, int64 `[E]`, and how often each is there, int64 `[b, E]`.

    Two detections of one picture with the same score, one a hit and the other not, stand in a written-out resample as
    a, b, a, b and not as a, a, b, b. These alone (int8 networks have them) are listed once per copy, each 0 or 1 times.
    """
    order = np.argsort(-one.scores, kind="stable")
    scores, picture, is_hit = one.scores[order], one.picture[order], one.is_hit[:, order]
    starts = np.flatnonzero(np.r_[True, (scores[1:] != scores[:-1]) | (picture[1:] != picture[:-1])][: len(order)])
    run = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    any_hit = np.asarray(np.logical_or.reduceat(is_hit, starts, axis=1)) if len(starts) else is_hit
    all_hit = np.asarray(np.logical_and.reduceat(is_hit, starts, axis=1)) if len(starts) else is_hit
    last_run = int(np.nonzero(any_hit)[1].max(initial=-1))
    order = order[: np.searchsorted(run, last_run, side="right")]  # what follows the last hit changes nothing
    picture, run = one.picture[order], run[: len(order)]
    is_mixed = np.isin(run, np.nonzero(any_hit & ~all_hit)[1])
    most = int(weights_bn[:, picture[is_mixed]].max(initial=1))
    place = np.repeat(np.arange(len(order)), np.where(is_mixed, most, 1))
    copy = np.arange(len(place)) - np.searchsorted(place, place, side="left")
    sorting = np.lexsort((place, copy, run[place]))
    place, copy = place[sorting], copy[sorting]
    copies = weights_bn[:, picture[place]]
    return order[place], np.where(is_mixed[place], copies > copy, copies)
