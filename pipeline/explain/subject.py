"""What is explained in all variants, and one map of it with its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.answers import BatchScores
from pipeline.explain.faithfulness import Faithfulness


@dataclass(frozen=True, eq=False)
class Subject:
    """frame_nchw: `[1, 3, S, S]`, or a clip `[1, T, 3, S, S]`; indices: of the scores that are explained, a map for
    each; answers: by variant.
    """

    frame_nchw: NDArray[np.float32]
    indices: tuple[int, ...]
    answers: Mapping[str, BatchScores]


@dataclass(frozen=True, eq=False)
class JudgedMap:
    """importance: `[S, S]` (`[T, S, S]`). The rest is None where it was not measured, or says nothing of this map.

    correlation: faithfulness correlation; sensitivity: max sensitivity; fidelity: r2 of a surrogate.
    """

    importance: NDArray[np.float32]
    faithfulness: Faithfulness
    correlation: float | None = None
    sensitivity: float | None = None
    fidelity: float | None = None
