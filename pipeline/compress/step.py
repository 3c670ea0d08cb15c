"""The one signature of every compression step, and where the steps are found by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.compress_options import PlannedStep
from pipeline.params import Params
from pipeline.tasks import Task


@dataclass(frozen=True)
class StepContext:
    """What a step may need besides its artifact and its options.

    data_folder: pictures of the task; baseline: folder of the trained network, the default teacher;
    checkpoints: folder for the state of a training that may be killed.
    """

    task: Task
    params: Params
    data_folder: Path
    baseline: Path
    checkpoints: Path


# (artifact, where to write the new one, the step with its options, context). The new folder exists and is empty.
Step = Callable[[Path, Path, PlannedStep, StepContext], None]

_MODULES = {
    "minimalistic": "pipeline.compress.distillation.minimalistic",
    "prune": "pipeline.compress.pruning.prune",
    "distill": "pipeline.compress.distillation.distill",
    "separable": "pipeline.compress.distillation.separable",
    "share_weights": "pipeline.compress.share_weights",
    "quantize": "pipeline.compress.quantization.quantize",
}


def find_step(name: str) -> Step:
    """The step of that name. Its module is imported here, so that nobody pays for a step that is not used."""
    step: Step = importlib.import_module(_MODULES[name]).run
    return step
