"""What training does differently for each kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.answers import BoxAnswers
from pipeline.data.frames import Frames
from pipeline.detectors import Detector
from pipeline.embedders import Embedder
from pipeline.options import ClipTraining, DetectorTraining, EmbedderTraining, Training
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.tasks.base import DetectionTask, IdentificationTask
from pipeline.training import batches, clip_batches, detection_batches
from pipeline.training.fit import Hardware
from pipeline.training.identification import embedding_loss
from pipeline.training.validation import (
    ClassificationValidation,
    DetectionValidation,
    EmbeddingValidation,
    Validation,
)


def batches_for_training(task: Task, frames: Frames, options: Training, seed: int, first_epoch: int = 0) -> DataLoader:
    """Augmented: frames `[B, 3, S, S]` and labels `[B]`, or objects `[B, M, 5]` of a detector.

    Clips, which come with all their moments, are `[B, T, 3, S, S]`.
    """
    if task.kind == "detection":
        return detection_batches.training_batches(frames, options.batch_size, seed, first_epoch)
    if isinstance(options, ClipTraining):
        return clip_batches.training_batches(frames, options.clip_frames, options.batch_size, seed, first_epoch)
    augmentation = batches.aligned_faces if task.kind == "identification" else batches.scenes
    return batches.training_batches(frames, options.batch_size, seed, first_epoch, augmentation)


def plain_batches_of(task: Task, frames: Frames, batch_size: int) -> DataLoader:
    """The same, as they are and in order."""
    make = detection_batches if task.kind == "detection" else batches
    return make.plain_batches(frames, batch_size)


def task_loss(task: Task, network: nn.Module, options: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """The task's own loss of the outputs of a batch and their truth. options: the section train.<task>."""
    if isinstance(task, DetectionTask):
        return lambda heads, objects: task.loss(network, heads, objects)
    if isinstance(task, IdentificationTask):
        assert isinstance(network, Embedder)
        return embedding_loss(network, options)
    return lambda logits, labels: task.loss(logits, labels, options.label_smoothing)


def head_of(network: nn.Module, options: Training) -> dict[str, Any] | None:
    """How the outputs of a detector, or of a network that gives embeddings, are to be read; None for a classifier."""
    if isinstance(options, EmbedderTraining) and isinstance(network, Embedder):
        return network.head()
    if isinstance(options, DetectorTraining) and isinstance(network, Detector):
        return network.head(options.score_threshold, options.nms_iou, options.max_detections)
    return None


def hardware_of(task: Task, params: Params) -> Hardware:
    """Where and how exactly is computed. For detectors and clips `auto` is 32-true: the depthwise convolutions of their
    MobileNets are no faster in bfloat16, and its 8 bits of mantissa are few for the corners of boxes.
    """
    section = params.train
    precision = section.precision
    if precision == "auto" and task.kind in ("detection", "action"):
        precision = "32-true"
    return Hardware(section.accelerator, section.devices, precision)


def validation_of(network: nn.Module, class_names: Sequence[str], options: Training) -> Validation:
    if isinstance(network, Embedder) and isinstance(options, EmbedderTraining):
        return EmbeddingValidation(network, options.scale)
    head = head_of(network, options)
    if head is None:
        return ClassificationValidation()
    return DetectionValidation(network, BoxAnswers(head, len(class_names)))
