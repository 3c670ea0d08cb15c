from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.inputs import inputs_of


@pytest.mark.parametrize(
    ("recipes", "expected"),
    [
        ({}, {}),
        ({"quantized": ("quantize",)}, {"quantized": ("baseline", ("quantize",))}),
        (
            {"compact": ("prune", "distill", "quantize"), "pruned": ("prune",), "distilled": ("prune", "distill")},
            {
                "compact": ("distilled", ("quantize",)),
                "pruned": ("baseline", ("prune",)),
                "distilled": ("pruned", ("distill",)),
            },
        ),
        # Options of its own make it another step: what lies between was not exported.
        (
            {"pruned": ("prune",), "compact": ("prune@ratio=0.87", "quantize")},
            {"pruned": ("baseline", ("prune",)), "compact": ("baseline", ("prune@ratio=0.87", "quantize"))},
        ),
    ],
)
def test_each_variant_goes_on_from_the_nearest(
    recipes: dict[str, tuple[str, ...]], expected: dict[str, tuple[str, tuple[str, ...]]]
) -> None:
    variants = [
        ExplainedVariant(name, Path(name), Path(name), recipe) for name, recipe in {"baseline": (), **recipes}.items()
    ]
    assert inputs_of(variants) == expected
