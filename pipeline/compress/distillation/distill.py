"""Knowledge distillation: a student learns from a teacher's answers, and perhaps its inner maps, beside the labels.

Methods: soft targets, Hinton et al. 2015 (arXiv:1503.02531); attention transfer, Zagoruyko & Komodakis 2017
(arXiv:1612.03928); hints, Romero et al. 2015 (arXiv:1412.6550).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.distillation.separable import separable_meta
from pipeline.compress.distillation.teachers import new_network
from pipeline.compress.distillation.teaching import teach
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill, PlannedStep
from pipeline.files import sha256_file
from pipeline.separable_convolutions import Replaced, make_separable
from pipeline.training.train import describe


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Teach the student that step.options name: the network in `source`, its separable form, or a new one."""
    options: Distill = step.options
    student, meta = load_artifact(source)
    replaced: list[Replaced] = []
    changes: dict[str, Any] = {}
    if options.student == "separable":
        replaced = make_separable(student, context.params.compress.separable.rank)
        changes = separable_meta(student, meta, replaced)
    elif options.student != "same":
        student = _new_student(options.student, len(meta.class_names), meta.frame_size, context)
        changes = {
            "architecture": options.student,
            "layers": {},
            "separable": {},
            "minimalistic": False,
            "sparse": False,
        }
    new_meta = meta_after(meta, step, **changes)
    taught = teach(
        student,
        new_meta,
        options,
        context,
        f"distill {context.task.name} ({'+'.join(new_meta.recipe)})",
        depends_on=[sha256_file(source / "weights.safetensors"), new_meta.separable],
    )
    report = {
        "step": "distill",
        "options": options.model_dump(),
        "separable": [asdict(one) for one in replaced],
        **taught,
    }
    save_artifact(destination, student, new_meta, {**report, **describe(student, meta.frame_size)})


def _new_student(architecture: str, n_classes: int, frame_size: int, context: StepContext) -> nn.Module:
    where = "compress.distill.student"
    return new_network(architecture, context.task, n_classes, frame_size, context.params.seed, where)
