"""What is explained and what comes out of it, for one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EdgeboardError
from pipeline.explain.subject import JudgedMap

BASELINE = "baseline"


@dataclass(frozen=True)
class ExplainedVariant:
    """file: what ships; float_artifact: folder of the float network that it was made from; recipe: the labels of its
    steps.
    """

    name: str
    file: Path
    float_artifact: Path
    recipe: tuple[str, ...] = ()


def require_baseline_first(variants: Sequence[ExplainedVariant]) -> None:
    """Raises EdgeboardError unless the first is the baseline, whose decisions all others are asked about."""
    if not variants or variants[0].name != BASELINE:
        raise EdgeboardError(
            "The baseline must be the first of the exported variants", value=[one.name for one in variants]
        )


@dataclass(frozen=True, eq=False)
class FrameExplanation:
    """What one variant says of one frame, explained for the class `explained` that the baseline decides.

    decision: index of the variant's own class, probability: of that class; judged: its RISE map with its scores.
    """

    explained: int
    decision: int
    probability: float
    judged: JudgedMap
