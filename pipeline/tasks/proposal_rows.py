"""Which rows of two heads of a two-stage detector are of the same proposal.

A network ranks its proposals by logits. In two engines, which round otherwise, neighbours in that order change places,
and the last of them may be another one: row for row, two equal answers look wholly different.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def has_own_proposals(head: dict[str, Any] | None) -> bool:
    return head is not None and head.get("kind") == "two_stage"


def rows_of_the_same(
    heads_kd: NDArray[np.float32], reference_kd: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of the K rows of the reference the row of `heads_kd` with the nearest proposal, and its distance.

    The distance is the largest of the four corners', in fractions of the frame's side.
    """
    corners, wanted = heads_kd[:, -4:], reference_kd[:, -4:]
    distances_kk = np.abs(corners[None] - wanted[:, None]).max(axis=2)
    places = distances_kk.argmin(axis=1)
    return places, distances_kk[np.arange(len(places)), places]
