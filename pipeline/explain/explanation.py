"""What is explained and what comes out of it, for one frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.explain.faithfulness import Faithfulness

BASELINE = "baseline"


@dataclass(frozen=True)
class ExplainedVariant:
    """file: what ships; float_artifact: folder of the float network that it was made from."""

    name: str
    file: Path
    float_artifact: Path


@dataclass(frozen=True)
class FrameExplanation:
    """What one variant says of one frame, explained for the class `explained` that the baseline decides.

    decision: index of the variant's own class, probability: of that class; rise: `[S, S]`.
    """

    explained: int
    decision: int
    probability: float
    rise: NDArray[np.float32]
    faithfulness: Faithfulness
