"""What is explained in all variants, and one map of it with its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.faithfulness import Faithfulness
from pipeline.explain.hiding import COLOUR, Hiding


@dataclass(frozen=True, eq=False)
class Subject:
    """frame_nchw: `[1, 3, S, S]`, or a clip `[1, T, 3, S, S]`; indices: of the scores that are explained, a map for
    each; answers: by variant; hiding: what becomes of a hidden part of it.
    """

    frame_nchw: NDArray[np.float32]
    indices: tuple[int, ...]
    answers: Mapping[str, BatchScores]
    hiding: Hiding = COLOUR


@dataclass(frozen=True, eq=False)
class JudgedMap:
    """importance: `[S, S]` (`[T, S, S]`). The rest is None where it was not measured, or says nothing of this map.

    faithfulness: None of a constant map.
    correlation: faithfulness correlation; sensitivity: max sensitivity; fidelity: r2 of a surrogate.
    """

    importance: NDArray[np.float32]
    faithfulness: Faithfulness | None
    correlation: float | None = None
    sensitivity: float | None = None
    fidelity: float | None = None

    @property
    def is_constant(self) -> bool:
        """It tells no place from another."""
        return bool(np.ptp(self.importance) == 0)

    @property
    def areas(self) -> dict[str, float | None]:
        """`deletion_auc` and `insertion_auc`, for the report."""
        found = self.faithfulness
        return {
            "deletion_auc": None if found is None else found.deletion_auc,
            "insertion_auc": None if found is None else found.insertion_auc,
        }
