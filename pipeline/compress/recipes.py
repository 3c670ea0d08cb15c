"""From recipes to work: which artifacts there are, and which stage makes each.

Recipes that begin alike share their first steps, so a prefix of steps is made once. An artifact belongs to
the last of the stages prune, distill, quantize that any of its steps needs: `prune > distill` is made in
stage distill from the artifact of stage prune, `distill > prune` wholly in stage distill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.artifact import Meta

STAGE_ORDER = ("train", "prune", "distill", "quantize")
# A step that is no stage of its own joins one here.
STAGE_OF_STEP = {"prune": "prune", "distill": "distill", "quantize": "quantize"}

Steps = tuple[str, ...]


def stage_of(steps: Steps) -> str:
    """The stage that makes the artifact of these steps; the empty tuple is the trained baseline."""
    return max((STAGE_OF_STEP[step] for step in steps), key=STAGE_ORDER.index, default="train")


def artifact_name(steps: Steps) -> str:
    return "+".join(steps) or "baseline"


def artifact_folder(task: str, steps: Steps) -> Path:
    """Where the artifact lies, relative to the repository."""
    return Path("models") / task / stage_of(steps) / artifact_name(steps)


def meta_after(meta: Meta, step: str, **changes: Any) -> Meta:
    """The meta of the artifact that `step` makes from the one that `meta` describes."""
    parent = artifact_folder(meta.task, tuple(meta.recipe)).as_posix()
    return replace(meta, recipe=[*meta.recipe, step], parent=parent, **changes)


def work_of_stage(stage: str, recipes: Mapping[str, Sequence[str]]) -> list[Steps]:
    """The artifacts that `stage` makes, each after the one it is made from, none twice."""
    prefixes = {tuple(steps[:n]) for steps in recipes.values() for n in range(1, len(steps) + 1)}
    return sorted((steps for steps in prefixes if stage_of(steps) == stage), key=lambda steps: (len(steps), steps))


def variants(recipes: Mapping[str, Sequence[str]]) -> dict[str, Steps]:
    """Variant name to its steps, the baseline first."""
    return {"baseline": (), **{name: tuple(steps) for name, steps in recipes.items()}}
