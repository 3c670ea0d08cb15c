from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.data.near_duplicates import group_near_duplicates

TOP_BIT = 1 << 63


@pytest.mark.parametrize(
    ("phashes", "max_bits", "expected"),
    [
        ([], 6, []),
        ([5], 0, [0]),
        ([5, 5], 0, [0, 0]),
        ([0, 1], 0, [0, 1]),
        ([0, 1], 1, [0, 0]),
        ([0, TOP_BIT], 1, [0, 0]),  # the sign bit of a signed 64-bit number is a bit like any other
        ([0, 2**64 - 1], 32, [0, 1]),
        ([0b000, 0b111, 0b001, 0b011], 1, [0, 0, 0, 0]),  # a chain links its ends
        ([0xFF00, 7, 0xFF01, 0x70000], 1, [0, 1, 0, 2]),
    ],
)
def test_groups(phashes: list[int], max_bits: int, expected: list[int]) -> None:
    assert group_near_duplicates(np.array(phashes, dtype=np.uint64), max_bits).tolist() == expected


def test_chunks_see_pairs_across_their_borders() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, 700, dtype=np.uint64)
    hashes[350:] = hashes[:350] ^ np.uint64(TOP_BIT)  # the partner is far away in the sorted order
    groups = group_near_duplicates(hashes, 1)
    assert groups[:350].tolist() == groups[350:].tolist() == list(range(350))


def test_twenty_thousand_photos_are_grouped_in_seconds() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000, dtype=np.uint64)
    started = time.process_time()
    assert group_near_duplicates(hashes, 6).max() > 19_000
    assert time.process_time() - started < 20
