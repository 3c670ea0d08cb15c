"""Training a student with the help of a teacher, as distill and separable do it.

The loss is alpha · (soft targets) + (1 − alpha) · (the task's own loss) + feature_weight · (difference of inner maps);
see pipeline.compress.distillation.objectives for the papers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.artifact import Meta
from pipeline.compress.distillation.features import MapRecorder, Pair, pair_stages
from pipeline.compress.distillation.objectives import attention_transfer, hint_distance, soft_targets
from pipeline.compress.distillation.teachers import BASELINE, Teacher, find_teacher, untrained_teacher
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill
from pipeline.options import ClassifierTraining
from pipeline.tasks import Task
from pipeline.training.classifier import train_classifier
from pipeline.training.fit import Extras, Objective


def teach(
    student: nn.Module, meta: Meta, lesson: Distill, context: StepContext, title: str, depends_on: Any
) -> dict[str, Any]:
    """Train `student`, which `meta` describes, in place by `lesson`; returns the part of the report that tells of it.

    With alpha 0 and no features it learns from the labels alone, and no teacher is loaded, trained or run: the control
    that tells what a teacher is worth. depends_on: what the student's weights at the start depend on.
    """
    compares = lesson.features != "none" and lesson.feature_weight > 0
    teacher: Teacher | None = None
    pairs: list[Pair] = []
    if compares and lesson.teacher != BASELINE:
        # Before the teacher is trained: it would be for nothing where no maps can be compared.
        pair_stages(student, untrained_teacher(lesson.teacher, meta, context), meta.frame_size)
    if compares or lesson.alpha > 0:
        teacher = find_teacher(lesson.teacher, meta, context)
    if compares and teacher:
        pairs = pair_stages(student, teacher.network, meta.frame_size)

    training: ClassifierTraining = context.params.train.of(context.task.name)
    helper = _regressors(pairs, context.params.seed) if lesson.features == "hint" and pairs else None
    with contextlib.ExitStack() as hooks:
        compare: Callable[[], Tensor] | None = None
        if teacher and pairs:
            compare = _comparison(
                hooks.enter_context(MapRecorder(student, [pair.student for pair in pairs])),
                hooks.enter_context(MapRecorder(teacher.network, [pair.teacher for pair in pairs])),
                helper,
            )
        history = train_classifier(
            student,
            meta.class_names,
            context.task,
            context.params,
            context.data_folder,
            context.checkpoints,
            title,
            epochs=lesson.epochs,
            learning_rate=lesson.learning_rate,
            objective=distillation_objective(
                teacher.network if teacher else None, context.task, lesson, training.label_smoothing, compare
            ),
            depends_on=[depends_on, teacher.weights_hash if teacher else None, lesson.model_dump()],
            extras=Extras(keep_zeros=meta.sparse, helper=helper),
        )
    return {
        "teacher": teacher.report if teacher else None,
        "feature_pairs": [asdict(pair) for pair in pairs],
        "training": history,
    }


def distillation_objective(
    teacher: nn.Module | None,
    task: Task,
    lesson: Distill,
    label_smoothing: float,
    compare: Callable[[], Tensor] | None = None,
) -> Objective:
    """The loss of a batch. The teacher is frozen and moves to the student's device by itself.

    teacher: None learns from the labels alone. compare: the difference of the inner maps of both networks in the
    forward passes that have just been made; needs a teacher.
    """
    if teacher is None:
        return lambda _frames, logits, labels: task.loss(logits, labels, label_smoothing)
    teacher.eval().requires_grad_(False)

    def objective(frames: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            teacher_logits = teacher.to(frames.device)(frames)
        soft = soft_targets(logits, teacher_logits, lesson.temperature)
        loss = lesson.alpha * soft + (1 - lesson.alpha) * task.loss(logits, labels, label_smoothing)
        return loss if compare is None else loss + lesson.feature_weight * compare()

    return objective


def _comparison(student: MapRecorder, teacher: MapRecorder, helper: nn.ModuleList | None) -> Callable[[], Tensor]:
    def compare() -> Tensor:
        if helper is None:
            return attention_transfer(student.take(), teacher.take())
        return hint_distance(student.take(), teacher.take(), list(helper))

    return compare


def _regressors(pairs: list[Pair], seed: int) -> nn.ModuleList:
    """A 1x1 convolution for each pair, from the student's channels to the teacher's."""
    torch.manual_seed(seed)
    return nn.ModuleList([nn.Conv2d(pair.student.channels, pair.teacher.channels, 1) for pair in pairs])
