"""From recipes to work: which artifacts there are, and which stage makes each.

Recipes that begin alike share their first steps, so a prefix of steps is made once. An artifact belongs to
the last of the stages prune, distill, quantize that any of its steps needs: `prune > distill` is made in
stage distill from the artifact of stage prune, `distill > prune` wholly in stage distill.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.artifact import Meta
from pipeline.compress_options import Compress, PlannedStep, step_name

STAGE_ORDER = ("train", "prune", "distill", "quantize")
# A step that is no stage of its own joins one here.
STAGE_OF_STEP = {
    "minimalistic": "prune",
    "prune": "prune",
    "distill": "distill",
    "separable": "distill",
    "share_weights": "quantize",
    "quantize": "quantize",
}

# The labels of steps: `prune`, or `prune@ratio=0.5` where a recipe gives options of its own.
Steps = tuple[str, ...]


def stage_of(steps: Steps) -> str:
    """The stage that makes the artifact of these steps; the empty tuple is the trained baseline."""
    return max((STAGE_OF_STEP[step_name(step)] for step in steps), key=STAGE_ORDER.index, default="train")


def artifact_name(steps: Steps) -> str:
    return "+".join(steps) or "baseline"


def artifact_folder(task: str, steps: Steps) -> Path:
    """Where the artifact lies, relative to the repository."""
    return Path("models") / task / stage_of(steps) / artifact_name(steps)


def meta_after(meta: Meta, step: PlannedStep, **changes: Any) -> Meta:
    """The meta of the artifact that `step` makes from the one that `meta` describes."""
    parent = artifact_folder(meta.task, tuple(meta.recipe)).as_posix()
    return replace(meta, recipe=[*meta.recipe, step.label], parent=parent, **changes)


def work_of_stage(stage: str, compress: Compress) -> dict[Steps, PlannedStep]:
    """The artifacts that `stage` makes, each after the one it is made from, none twice; with their last steps."""
    prefixes = {
        tuple(step.label for step in steps[:n]): steps[n - 1]
        for steps in compress.plan().values()
        for n in range(1, len(steps) + 1)
    }
    mine = [steps for steps in prefixes if stage_of(steps) == stage]
    return {steps: prefixes[steps] for steps in sorted(mine, key=lambda steps: (len(steps), steps))}


def variants(compress: Compress) -> dict[str, Steps]:
    """Variant name to the labels of its steps, the baseline first."""
    recipes = {name: tuple(step.label for step in steps) for name, steps in compress.plan().items()}
    return {"baseline": (), **recipes}


def work_description(stage: str, compress: Compress, host: str) -> list[dict[str, Any]]:
    """What `stage` makes and with which options, as JSON: it reruns when this changes, and only then.

    host: this machine's id, which belongs to the work where times decide what is made.
    """
    return [
        {
            "steps": list(steps),
            "name": step.name,
            "options": step.options.model_dump(mode="json"),
            "borrowed": _borrowed(step, compress),
            "host": host if step.name == "prune" and step.options.speedup else None,
        }
        for steps, step in work_of_stage(stage, compress).items()
    ]


def _borrowed(step: PlannedStep, compress: Compress) -> dict[str, Any]:
    """The options that a step takes from the section of another one."""
    if step.name in ("separable", "minimalistic"):
        return {"temperature": compress.distill.temperature, "alpha": compress.distill.alpha}
    if step.name == "distill" and step.options.student == "separable":
        return {"rank": compress.separable.rank}
    return {}
