"""Knowledge distillation: a student learns from a teacher's answers, and perhaps its inner maps, beside the labels.

Methods: soft targets, Hinton et al. 2015 (arXiv:1503.02531); attention transfer, Zagoruyko & Komodakis 2017
(arXiv:1612.03928); hints, Romero et al. 2015 (arXiv:1412.6550).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.distillation.separable import separable_meta
from pipeline.compress.distillation.teachers import new_network
from pipeline.compress.distillation.teaching import teach
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill, PlannedStep
from pipeline.files import sha256_file
from pipeline.separable_convolutions import Replaced, make_separable
from pipeline.training.train import describe
from pipeline.training.warm_up import WarmUp, warm_up


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Teach the student that step.options name: the network in `source`, its separable form, or a new one."""
    options: Distill = step.options
    student, meta = load_artifact(source)
    title = f"distill {context.task.name} ({'+'.join([*meta.recipe, step.label])})"
    replaced: list[Replaced] = []
    warmed_up: WarmUp | None = None
    changes: dict[str, Any] = {}
    if options.student == "separable":
        replaced = make_separable(student, context.params.compress.separable.rank)
        changes = separable_meta(student, meta, replaced)
    elif options.student != "same":
        student, warmed_up = _new_student(options.student, meta, context, title)
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
        title,
        depends_on=[sha256_file(source / "weights.safetensors"), new_meta.separable],
    )
    report = {
        "step": "distill",
        "options": options.model_dump(),
        "separable": [asdict(one) for one in replaced],
        "warm_up": warmed_up.history if warmed_up else None,
        **taught,
    }
    save_artifact(destination, student, new_meta, {**report, **describe(student, meta.frame_size)})
    if warmed_up:
        warmed_up.forget()


def _new_student(architecture: str, meta: Meta, context: StepContext, title: str) -> tuple[nn.Module, WarmUp | None]:
    """From random weights; a detector has had its warm-up, for a teacher's answers on whole frames say little to it."""
    where = "compress.distill.student"
    task = context.task
    student = new_network(architecture, meta, context, where)
    warmed_up = warm_up(
        student,
        architecture,
        meta.class_names,
        task,
        context.params,
        context.data_folder,
        context.checkpoints,
        title,
        None,
    )
    return student, warmed_up
