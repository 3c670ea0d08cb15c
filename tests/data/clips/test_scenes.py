"""When two videos show the same scene."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.clips.scenes import same_scenes

FAR = 0xFFFF_0000_FFFF_0000
OTHER = 0x00FF_00FF_00FF_00FF


@pytest.mark.parametrize(
    ("one", "other", "max_bits", "bits"),
    [
        ((), (), 32, None),
        ((), (0,), 32, None),
        ((0,), (0,), 0, 0),
        ((0,), (1,), 0, None),
        ((0,), (1,), 1, 1),
        ((0, 0b1111), (0b1, 0b111111), 2, 2),
        # Somebody has walked in meanwhile.
        ((0, 0b1111), (0, 0), 2, 0),
        ((0, 0b1111), (0, 0b1111 << 8), 2, 4),
        ((0, 0b11111), (0, 0b11111 << 8), 2, None),
        # The moments need not be the same ones.
        ((0, FAR, OTHER), (OTHER, 0, FAR), 0, 0),
        # A title or one dark second that many videos have.
        ((0, FAR, FAR), (0, OTHER, OTHER), 10, None),
        ((0, FAR), (0, OTHER), 10, None),
        # A part of a longer one.
        ((0, FAR, OTHER), (FAR,), 0, 0),
        ((FAR,), (0, OTHER), 10, None),
    ],
)
def test_the_same_scene(one: tuple[int, ...], other: tuple[int, ...], max_bits: int, bits: int | None) -> None:
    expected = [] if bits is None else [[0, 1, bits]]
    assert same_scenes([one, other], max_bits).tolist() == expected
    assert same_scenes([other, one], max_bits).tolist() == expected


def test_among_many_videos_all_pairs_are_found() -> None:
    rng = np.random.default_rng(3)
    looks = [tuple(rng.integers(2**64, size=rng.integers(1, 4), dtype=np.uint64).tolist()) for _ in range(600)]
    # Copies on both sides of the blocks in which distances are worked out.
    twins = [(3, 299), (255, 256), (256, 599), (0, 1)]
    for i, j in twins:
        looks[j] = looks[i]
    found = [(one, other) for one, other, _ in same_scenes(looks, 6).tolist()]
    assert found == sorted([*twins, (255, 599)])
