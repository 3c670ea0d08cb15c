"""Knowledge distillation with soft targets: a student learns the teacher's probabilities beside the labels.

Method: Hinton et al., Distilling the Knowledge in a Neural Network, 2015 (arXiv:1503.02531). The loss is
alpha * T^2 * KL(teacher || student, both softened by T) + (1 - alpha) * the task's own loss.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from pipeline.artifact import load_artifact, save_artifact
from pipeline.compress.recipes import meta_after
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill, PlannedStep
from pipeline.errors import EdgeboardError
from pipeline.files import sha256_file
from pipeline.options import ClassifierTraining
from pipeline.tasks import Task
from pipeline.training.classifier import describe, train_classifier
from pipeline.training.fit import Objective


def run(source: Path, destination: Path, step: PlannedStep, context: StepContext) -> None:
    """Teach the network in `source` by the trained baseline."""
    options: Distill = step.options
    training: ClassifierTraining = context.params.train.of(context.task.name)
    student, meta = load_artifact(source)
    teacher, teacher_meta = load_artifact(context.baseline)
    if teacher_meta.class_names != meta.class_names:
        raise EdgeboardError(
            "Teacher and student know different classes",
            where=context.baseline,
            value=teacher_meta.class_names,
            allowed=meta.class_names,
        )
    history = train_classifier(
        student,
        meta.class_names,
        context.task,
        context.params,
        context.data_folder,
        context.checkpoints,
        f"distill {context.task.name} ({'+'.join([*meta.recipe, step.label])})",
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        objective=soft_target_objective(
            teacher, context.task, options.temperature, options.alpha, training.label_smoothing
        ),
        depends_on=[
            sha256_file(source / "weights.safetensors"),
            sha256_file(context.baseline / "weights.safetensors"),
            options.model_dump(),
        ],
    )
    report = {"step": "distill", "options": options.model_dump(), "teacher": "baseline", "training": history}
    new_meta = meta_after(meta, step)
    save_artifact(destination, student, new_meta, {**report, **describe(student, meta.frame_size)})


def soft_target_objective(
    teacher: nn.Module, task: Task, temperature: float, alpha: float, label_smoothing: float
) -> Objective:
    """The distillation loss of a batch; the teacher is frozen and moves to the student's device by itself."""
    teacher.eval().requires_grad_(False)

    def objective(frames: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            teacher_logits = teacher.to(frames.device)(frames)
        soft = kl_div(
            log_softmax(logits / temperature, dim=1),
            log_softmax(teacher_logits / temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return alpha * temperature**2 * soft + (1 - alpha) * task.loss(logits, labels, label_smoothing)

    return objective
