"""What every surrogate gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Surrogate:
    """importance: float32 `[S, S]` (`[T, S, S]`), above 0 for the class and below 0 against it; fidelity: how well the
    surrogate tells the network's answers, by measure; a map of low fidelity explains nothing.
    """

    importance: NDArray[np.float32]
    fidelity: dict[str, float | int | None]


def held_out(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of three quarters to learn from, and of one quarter to be judged on; samples are random already."""
    places = np.arange(count)
    is_test = places % 4 == 3
    return places[~is_test], places[is_test]
