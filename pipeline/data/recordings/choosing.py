"""The few frames of a video that are worth keeping: sharp, unlike each other, from all over it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.data.recordings.looks import look, sharpness
from pipeline.data.recordings.video import Frame
from pipeline.errors import EdgeboardError

_FIRST_SLOT_S = 1 / 64
_BITS = 64


@dataclass(frozen=True, eq=False)
class _Candidate:
    frame: Frame
    sharpness: float
    phash: int = 0


def choose_frames(
    frames: Iterable[Frame], max_frames: int, min_difference_bits: int, least_sharpness: float = 0.3
) -> list[Frame]:
    """At most `max_frames` of `frames`, in the order of time; at least one where there is any.

    Time is cut into slots, and of each slot the sharpest frame stays. Of these are dropped: those less sharp than
    `least_sharpness` times the median of the video, those whose perceptual hash differs from that of a sharper one
    in fewer than `min_difference_bits` of 64 bits and, while there are too many, the less sharp of the two that are
    nearest to each other in time and looks together.

    No more than some `2 * max_frames` frames are held at once, however long the video is: where the slots get too
    many, they get twice as long.
    """
    if max_frames < 1:
        raise EdgeboardError("max_frames must be at least 1", where="max_frames", value=max_frames, allowed="1 or more")
    best, sharpnesses = _best_of_slots(frames, 2 * max_frames)
    if not best:
        return []
    limit = least_sharpness * float(np.median(sharpnesses))
    ordered = sorted(best, key=lambda candidate: (-candidate.sharpness, candidate.frame.index))
    different: list[_Candidate] = []
    for found in ordered:
        if different and found.sharpness < limit:
            break
        seen = _Candidate(found.frame, found.sharpness, look(found.frame.rgb) or 0)
        if all((seen.phash ^ other.phash).bit_count() >= min_difference_bits for other in different):
            different.append(seen)
    kept = _thinned(sorted(different, key=lambda candidate: candidate.frame.index), max_frames)
    return [candidate.frame for candidate in kept]


def _best_of_slots(frames: Iterable[Frame], max_slots: int) -> tuple[list[_Candidate], list[float]]:
    """The sharpest frame of each slot, and the sharpness of every frame."""
    slots: dict[int, _Candidate] = {}
    sharpnesses: list[float] = []
    length_s = _FIRST_SLOT_S
    for frame in frames:
        candidate = _Candidate(frame, sharpness(frame.rgb))
        sharpnesses.append(candidate.sharpness)
        _keep_sharper(slots, int(frame.time_s // length_s), candidate)
        while len(slots) > max_slots:
            length_s *= 2
            wider: dict[int, _Candidate] = {}
            for number, other in slots.items():
                _keep_sharper(wider, number // 2, other)
            slots = wider
    return list(slots.values()), sharpnesses


def _keep_sharper(slots: dict[int, _Candidate], number: int, candidate: _Candidate) -> None:
    if number not in slots or candidate.sharpness > slots[number].sharpness:
        slots[number] = candidate


def _thinned(candidates: list[_Candidate], most: int) -> list[_Candidate]:
    kept = list(candidates)
    span = max(kept[-1].frame.time_s - kept[0].frame.time_s, 1e-9)

    def apart(earlier: _Candidate, later: _Candidate) -> float:
        bits = (earlier.phash ^ later.phash).bit_count()
        return bits / _BITS + (later.frame.time_s - earlier.frame.time_s) / span

    while len(kept) > most:
        nearest = min(combinations(kept, 2), key=lambda pair: apart(*pair))
        kept.remove(min(nearest, key=lambda candidate: candidate.sharpness))
    return kept
