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
from pipeline.compress.distillation.objectives import (
    attention_transfer,
    detection_distance,
    embedding_distance,
    hint_distance,
    object_probability,
    soft_targets,
)
from pipeline.compress.distillation.teachers import BASELINE, Teacher, find_teacher, untrained_teacher
from pipeline.compress.step import StepContext
from pipeline.compress_options import Distill
from pipeline.errors import EdgeboardError
from pipeline.options import Training
from pipeline.tasks import Task
from pipeline.training.fit import Extras, Objective
from pipeline.training.kinds import task_loss
from pipeline.training.train import train_network

# A cosine is some tenths away at first, a loss with a margin and a scale some ten.
_EMBEDDING_WEIGHT = 20.0
# (outputs [N, ...], what they should be) -> scalar
Loss = Callable[[Tensor, Tensor], Tensor]


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
    if context.task.kind == "detection" and lesson.alpha > 0 and lesson.teacher != BASELINE:
        _require_same_anchors(student, untrained_teacher(lesson.teacher, meta, context), lesson.teacher)
    if compares or lesson.alpha > 0:
        teacher = find_teacher(lesson.teacher, meta, context)
    if context.task.kind == "detection" and lesson.alpha > 0 and teacher:
        _require_same_anchors(student, teacher.network, lesson.teacher)
    if compares and teacher:
        pairs = pair_stages(student, teacher.network, meta.frame_size)

    training: Training = context.params.train.of(context.task.name)
    helper = _regressors(pairs, context.params.seed) if lesson.features == "hint" and pairs else None
    with contextlib.ExitStack() as hooks:
        compare: Callable[[], Tensor] | None = None
        if teacher and pairs:
            compare = _comparison(
                hooks.enter_context(MapRecorder(student, [pair.student for pair in pairs])),
                hooks.enter_context(MapRecorder(teacher.network, [pair.teacher for pair in pairs])),
                helper,
            )
        history = train_network(
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
                teacher.network if teacher else None,
                lesson,
                task_loss(context.task, student, training),
                _soft_loss(context.task, student, lesson.temperature),
                compare,
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
    lesson: Distill,
    own_loss: Loss,
    soft_loss: Loss,
    compare: Callable[[], Tensor] | None = None,
) -> Objective:
    """The loss of a batch. The teacher is frozen and moves to the student's device by itself.

    teacher: None learns from the labels alone. own_loss: of the student's outputs and the truth; soft_loss: of its
    outputs and the teacher's. compare: the difference of the inner maps of both networks in the
    forward passes that have just been made; needs a teacher.
    """
    if teacher is None:
        return lambda _frames, outputs, truth: own_loss(outputs, truth)
    teacher.eval().requires_grad_(False)

    def objective(frames: Tensor, outputs: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            taught = teacher.to(frames.device)(frames)
        loss = (1 - lesson.alpha) * own_loss(outputs, truth)
        if lesson.alpha > 0:  # without, only maps are compared, and the heads of two detectors may not be comparable
            loss = loss + lesson.alpha * soft_loss(outputs, taught)
        return loss if compare is None else loss + lesson.feature_weight * compare()

    return objective


def _soft_loss(task: Task, student: nn.Module, temperature: float) -> Loss:
    if task.kind == "detection":
        detector: Any = student

        def of_boxes(heads: Tensor, taught: Tensor) -> Tensor:
            own, beside = detector.beside(heads, taught)
            return boxes_of_teacher(own, beside, detector, temperature)

        return of_boxes
    if task.kind == "identification":
        return lambda embeddings, taught: _EMBEDDING_WEIGHT * embedding_distance(embeddings, taught)
    return lambda logits, taught: soft_targets(logits, taught, temperature)


def boxes_of_teacher(heads_nak: Tensor, taught_nak: Tensor, student: Any, temperature: float) -> Tensor:
    """Class and box term per object that the teacher sees, as the losses of detectors are per true object.

    A mean over all anchors would be a thousand times smaller, for nearly all of them see background.
    """
    n_logits = student.n_logits
    logits, taught_logits = heads_nak[..., :n_logits], taught_nak[..., :n_logits]
    boxes, taught_boxes = (heads[..., n_logits : n_logits + 4] for heads in (heads_nak, taught_nak))
    background = 0 if n_logits > student.n_classes else None
    seen = object_probability(taught_logits, background).sum().clamp_min(1)
    class_term, box_term = detection_distance(
        logits, taught_logits, boxes, taught_boxes, temperature, background=background
    )
    return class_term * taught_logits.shape[:2].numel() / seen + box_term


def _require_same_anchors(student: Any, teacher: Any, name: str) -> None:
    if not student.can_be_beside(teacher):
        raise EdgeboardError(
            "The teacher's heads cannot be compared with the student's, for they belong to other anchors",
            where="compress.distill.teacher",
            value=f"{name} with {len(teacher.anchors_xyxy)} anchors, the student has {len(student.anchors_xyxy)}",
            mend="use teacher: baseline with a student of its kind, or alpha: 0 with features: attention, "
            "which compares inner maps only",
        )


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
