"""Training a network of a task: the parts that the baseline, fine-tuning and distillation share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from pipeline.data.frames import data_identity
from pipeline.data.loading import load_every_moment, load_split
from pipeline.files import sha256_json
from pipeline.networks import count_macs, count_nonzero, count_parameters
from pipeline.options import ClipTraining, Training
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.training.fit import NO_EXTRAS, Extras, Objective, Schedule, fit
from pipeline.training.kinds import batches_for_training, hardware_of, plain_batches_of, task_loss, validation_of


def train_network(
    network: nn.Module,
    class_names: list[str],
    task: Task,
    params: Params,
    data_folder: Path,
    checkpoints: Path,
    title: str,
    *,
    epochs: int,
    learning_rate: float,
    objective: Objective | None = None,
    depends_on: Any = None,
    part: tuple[int, int] | None = None,
    extras: Extras = NO_EXTRAS,
    frame_size: int | None = None,
) -> dict[str, Any]:
    """Train `network` in place on the training split and return the history.

    objective: the loss, by default that of the task. depends_on: whatever else the outcome depends on, such
    as the hash of the weights that training starts from; it keeps a checkpoint from being resumed by another run.
    part: (first epoch, of how many) where this is a part of a longer training, see Schedule.
    frame_size: where it is not that of train.<task>, in pixels.
    """
    options: Training = params.train.of(task.name)
    size = frame_size or options.frame_size
    clip_frames = options.clip_frames if isinstance(options, ClipTraining) else None
    load_training = load_split if clip_frames is None else load_every_moment
    train_frames = load_training(data_folder, "train", size, class_names)
    val_frames = load_split(data_folder, "val", size, class_names, clip_frames)

    identity = {
        "title": title,
        "data": data_identity(data_folder),
        "options": options.model_dump(mode="json"),
        "hardware": [params.train.accelerator, params.train.devices, params.train.precision],
        "seed": params.seed,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "part": part,
        "frame_size": size,
        "depends_on": depends_on,
    }
    own_loss = task_loss(task, network, options)
    first_epoch, of_epochs = part or (0, None)
    return fit(
        network,
        batches_for_training(task, train_frames, options, params.seed, first_epoch),
        plain_batches_of(task, val_frames, options.batch_size),
        objective or (lambda _frames, outputs, truth: own_loss(outputs, truth)),
        validation_of(network, class_names, options),
        Schedule(epochs, learning_rate, options.weight_decay, options.patience, first_epoch, of_epochs),
        hardware_of(task, params),
        params.seed,
        checkpoints / sha256_json(identity)[:16],
        title,
        extras,
    )


def describe(network: nn.Module, frame_size: int) -> dict[str, int]:
    """params, nonzero and macs of a network, for its report."""
    return {
        "params": count_parameters(network),
        "nonzero": count_nonzero(network),
        "macs": count_macs(network, frame_size),
    }
