"""What training does differently for each kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.answers import BoxAnswers
from pipeline.data.frames import Frames
from pipeline.options import DetectorTraining, Training
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.tasks.base import DetectionTask
from pipeline.training import batches, detection_batches
from pipeline.training.fit import Hardware
from pipeline.training.validation import ClassificationValidation, DetectionValidation, Validation


def batches_for_training(task: Task, frames: Frames, batch_size: int, seed: int, first_epoch: int = 0) -> DataLoader:
    """Augmented: frames `[B, 3, S, S]` and labels `[B]`, or objects `[B, M, 5]` of a detector."""
    make = detection_batches if task.kind == "detection" else batches
    return make.training_batches(frames, batch_size, seed, first_epoch)


def plain_batches_of(task: Task, frames: Frames, batch_size: int) -> DataLoader:
    """The same, as they are and in order."""
    make = detection_batches if task.kind == "detection" else batches
    return make.plain_batches(frames, batch_size)


def task_loss(task: Task, network: nn.Module, options: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """The task's own loss of the outputs of a batch and their truth. options: the section train.<task>."""
    if isinstance(task, DetectionTask):
        return lambda heads, objects: task.loss(network, heads, objects)
    return lambda logits, labels: task.loss(logits, labels, options.label_smoothing)


def head_of(task: Task, network: nn.Module, options: Training) -> dict[str, Any] | None:
    """How the outputs of a detector are to be read; None for a classifier."""
    if not isinstance(options, DetectorTraining) or task.kind != "detection":
        return None
    head: dict[str, Any] = network.head(options.score_threshold, options.nms_iou, options.max_detections)  # type: ignore[operator]
    return head


def hardware_of(task: Task, params: Params) -> Hardware:
    """Where and how exactly is computed. For detectors `auto` is 32-true: depthwise convolutions are no faster in
    bfloat16, and its 8 bits of mantissa are few for the corners of boxes.
    """
    section = params.train
    precision = section.precision
    if precision == "auto" and task.kind == "detection":
        precision = "32-true"
    return Hardware(section.accelerator, section.devices, precision)


def validation_of(task: Task, network: nn.Module, class_names: Sequence[str], options: Training) -> Validation:
    head = head_of(task, network, options)
    if head is None:
        return ClassificationValidation()
    return DetectionValidation(network, BoxAnswers(head, len(class_names)))
