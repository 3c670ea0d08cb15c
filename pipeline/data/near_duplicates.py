"""Groups of photos that show the same thing: what must never be split between training and test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# 256 x 20,000 differences of 8 bytes are 40 MB at a time.
_CHUNK = 256


def group_near_duplicates(phashes: NDArray[np.uint64], max_bits: int) -> NDArray[np.int64]:
    """`[N]` 64-bit perceptual hashes to `[N]` group numbers 0..G-1 in the order of first appearance.

    Two photos are in one group when their hashes differ in at most `max_bits` bits, or when a chain of such
    photos links them.

    >>> group_near_duplicates(np.array([0, 255, 1], dtype=np.uint64), 1).tolist()
    [0, 1, 0]
    """
    if len(phashes) == 0:
        return np.empty(0, dtype=np.int64)
    different, inverse = np.unique(phashes, return_inverse=True)
    groups = np.arange(len(different))
    for start in range(0, len(different), _CHUNK):
        # Pairs to the right of the chunk's first hash are enough: nearness is mutual.
        distances = np.bitwise_count(different[start : start + _CHUNK, None] ^ different[None, start:])
        left, right = np.nonzero(distances <= max_bits)
        left, right = groups[left + start], groups[right + start]
        links = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(len(different),) * 2)
        groups = connected_components(links, directed=False)[1][groups]
    _, first, numbers = np.unique(groups[inverse], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[numbers]
