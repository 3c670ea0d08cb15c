"""Which recordings show the same, in whole or in part: a still of a video, or the video without its first seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256
# Of the looks of one of two recordings, that the other must have too. A title that all videos begin with is less.
_SHARE = 0.5


def sharing_pairs(looks: Sequence[tuple[int, ...]], max_bits: int) -> list[tuple[int, int]]:
    """Pairs `(i, j)`, i < j, where half of the hashes of one, or more, are near to any of the other.

    looks: 64-bit perceptual hashes; near are two that differ in at most `max_bits` bits.

    >>> sharing_pairs([(0, 7, 56), (56,), (7, 448), (), (9, 511, 7)], 0)
    [(0, 1), (0, 2), (2, 4)]
    """
    seen = [i for i, hashes in enumerate(looks) if hashes]
    if not seen:
        return []
    counts = np.array([len(looks[i]) for i in seen])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    owners = np.repeat(np.arange(len(seen)), counts)
    hashes = np.array([one for i in seen for one in looks[i]], dtype=np.uint64)
    found = [
        _found(hashes[first : first + _CHUNK], owners[first : first + _CHUNK], hashes, starts, max_bits)
        for first in range(0, len(hashes), _CHUNK)
    ]
    (of, within), shared = np.unique(np.concatenate(found, axis=1), axis=1, return_counts=True)
    is_part = (shared >= _SHARE * counts[of]) & (of != within)
    return sorted({(seen[min(pair)], seen[max(pair)]) for pair in zip(of[is_part], within[is_part], strict=True)})


def _found(
    some_k: NDArray[np.uint64], owners_k: NDArray[np.int64], all_n: NDArray[np.uint64], starts: NDArray[np.int64],
    max_bits: int,
) -> NDArray[np.int64]:  # fmt: skip
    """`[2, m]`: for each of some hashes its owner, and every owner with a hash near to it, once."""
    is_near = np.bitwise_count(some_k[:, None] ^ all_n[None, :]) <= max_bits
    one, within = np.nonzero(np.logical_or.reduceat(is_near, starts, axis=1))
    return np.stack([owners_k[one], within])
