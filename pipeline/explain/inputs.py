"""From which other variant each variant was made, and by which steps: so that a step's part in the drift is told."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.explain.explanation import ExplainedVariant


def inputs_of(variants: Sequence[ExplainedVariant]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Variant -> the variant whose recipe it goes on with the furthest, and the steps that it has more.

    The baseline has no input. Of a recipe whose steps between were not exported, the input is the baseline and the
    steps are several.
    """
    found = {}
    for one in variants:
        before = [
            other
            for other in variants
            if len(other.recipe) < len(one.recipe) and one.recipe[: len(other.recipe)] == other.recipe
        ]
        if before:
            nearest = max(before, key=lambda other: len(other.recipe))
            found[one.name] = (nearest.name, one.recipe[len(nearest.recipe) :])
    return found
