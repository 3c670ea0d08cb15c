from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.compress.recipes import artifact_folder, stage_of, variants, work_of_stage

DEFAULT = {
    "pruned": ["prune"],
    "distilled": ["prune", "distill"],
    "quantized": ["quantize"],
    "compact": ["prune", "distill", "quantize"],
}
OTHER_ORDER = {**DEFAULT, "other": ["distill", "prune", "quantize"]}


@pytest.mark.parametrize(
    ("recipes", "stage", "expected"),
    [
        ({}, "prune", []),
        (DEFAULT, "train", []),
        (DEFAULT, "prune", [("prune",)]),
        (DEFAULT, "distill", [("prune", "distill")]),
        (DEFAULT, "quantize", [("quantize",), ("prune", "distill", "quantize")]),
        (OTHER_ORDER, "prune", [("prune",)]),
        (OTHER_ORDER, "distill", [("distill",), ("distill", "prune"), ("prune", "distill")]),
    ],
)
def test_every_prefix_is_made_once_by_the_last_stage_it_needs(
    recipes: dict[str, list[str]], stage: str, expected: list[tuple[str, ...]]
) -> None:
    assert work_of_stage(stage, recipes) == expected


def test_a_parent_is_made_in_the_same_stage_before_or_in_an_earlier_one() -> None:
    order = ("train", "prune", "distill", "quantize")
    done: list[tuple[str, ...]] = [()]
    for stage in order[1:]:
        for steps in work_of_stage(stage, OTHER_ORDER):
            assert steps[:-1] in done
            assert order.index(stage_of(steps[:-1])) <= order.index(stage)
            done.append(steps)
    assert set(variants(OTHER_ORDER).values()) <= set(done)


def test_folders() -> None:
    assert artifact_folder("fire", ()) == Path("models/fire/train/baseline")
    assert artifact_folder("fire", ("prune", "distill")) == Path("models/fire/distill/prune+distill")
