"""The network that a student learns from: the trained baseline, or another architecture that is trained here first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import pipeline
from pipeline.artifact import FORMAT, Meta, load_artifact, save_artifact, untrained_network
from pipeline.compress.step import StepContext
from pipeline.data.frames import data_identity
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, replacing_folder, sha256_file, sha256_json
from pipeline.networks import blank_frames, load_pretrained, require_kind
from pipeline.options import Training
from pipeline.training.kinds import hardware_of
from pipeline.training.train import describe, train_network
from pipeline.training.warm_up import warm_up

BASELINE = "baseline"
# What decides how a teacher comes out, beside params.yaml and the data: an edit here makes a new one.
_CODE = (
    "networks.py", "detectors.py", "small_detectors.py", "region_proposals.py", "embedders.py",
    "clip_networks/*.py", "data/frames.py", "tasks/*.py", "training/*.py",
)  # fmt: skip


@dataclass(frozen=True)
class Teacher:
    """network: in eval mode; weights_hash: SHA-256 of its file; report: what it is and how good, for report.json."""

    network: nn.Module
    weights_hash: str
    report: dict[str, Any]


def find_teacher(name: str, meta: Meta, context: StepContext) -> Teacher:
    """The teacher of the student that `meta` describes; trained now if nobody has trained the same one here before.

    name: `baseline`, or an architecture of the task's kind, torchvision's or of clips, which is trained as train.<task>
    says, from random weights or, if that section says so, from those of ImageNet or COCO, and kept under
    `context.checkpoints`.
    Raises EdgeboardError where the teacher knows other classes than the student.
    """
    is_baseline = name == BASELINE
    folder = context.baseline if is_baseline else _trained_teacher(name, meta, context)
    network, teacher_meta = load_artifact(folder)
    if teacher_meta.class_names != meta.class_names:
        raise EdgeboardError(
            "Teacher and student know different classes",
            where=folder,
            value=teacher_meta.class_names,
            allowed=meta.class_names,
        )
    made = read_json(folder / "report.json")
    report: dict[str, Any] = {
        "name": name,
        "architecture": teacher_meta.architecture,
        "trained_here": not is_baseline,
        "val_accuracy": _validation_accuracy(made),
        "params": made.get("params"),
        "macs": made.get("macs"),
    }
    return Teacher(network, sha256_file(folder / "weights.safetensors"), report)


def untrained_teacher(architecture: str, meta: Meta, context: StepContext) -> nn.Module:
    """The network that find_teacher trains, before that: to find out in time whether it can serve."""
    where = "compress.distill.teacher"
    return new_network(architecture, meta, context, where)


def new_network(architecture: str, meta: Meta, context: StepContext, where: str) -> nn.Module:
    """A network for the classes and frames of `meta` with the random weights of the seed; it accepts those frames.

    where: the option that names the architecture, for the message of the EdgeboardError if there is no such one or it
    cannot see frames of this size.
    """
    torch.manual_seed(context.params.seed)
    frame_size = meta.frame_size
    try:
        require_kind(architecture, context.task.kind)
        network = untrained_network(replace(meta, architecture=architecture))
    except EdgeboardError as error:
        raise EdgeboardError(
            error.what, where=where, value=error.value, allowed=error.allowed, mend=f"correct {where} in params.yaml"
        ) from None
    try:
        with torch.no_grad():
            network.eval()(blank_frames(network, frame_size))
    except (RuntimeError, AssertionError) as error:
        raise EdgeboardError(
            "The architecture cannot see frames of this size",
            where=where,
            value=f"{architecture} at {frame_size} px: {error}",
            mend=f"choose another architecture in {where}, or another train.<task>.frame_size",
        ) from error
    return network.train()


def _trained_teacher(architecture: str, meta: Meta, context: StepContext) -> Path:
    """The folder of its artifact."""
    params, task = context.params, context.task
    options: Training = params.train.of(task.name)
    # A file of weights is that of the baseline's architecture.
    pretrained = options.pretrained if options.pretrained in ("imagenet", "coco") else "none"
    hardware = hardware_of(task, params)
    identity = {
        "task": task.name,
        "architecture": architecture,
        "classes": meta.class_names,
        "pretrained": pretrained,
        "options": options.model_dump(mode="json", exclude={"architecture", "pretrained"}),
        "hardware": [hardware.accelerator, hardware.devices, hardware.resolved_precision()],
        "data": data_identity(context.data_folder),
        "seed": params.seed,
        "torch": torch.__version__,
        "code": _code_hash(),
        "format": FORMAT,
    }
    folder = context.checkpoints / "teachers" / sha256_json(identity)[:16]
    title = f"teacher {task.name} ({architecture})"
    if (folder / "report.json").is_file():
        print(f"{title}: has been trained before", flush=True)
        return folder
    network = untrained_teacher(architecture, meta, context)
    load_pretrained(network, architecture, pretrained)
    data, checkpoints = context.data_folder, context.checkpoints
    warmed_up = warm_up(network, architecture, meta.class_names, task, params, data, checkpoints, title, pretrained)
    history = train_network(
        network,
        meta.class_names,
        task,
        params,
        data,
        checkpoints,
        title,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        depends_on=pretrained,
    )
    warm_up_history = warmed_up.history if warmed_up else None
    report = {"step": "teacher", "warm_up": warm_up_history, "training": history, **describe(network, meta.frame_size)}
    with replacing_folder(folder) as out:
        form = options.network_form()
        teacher_meta = Meta(task.name, architecture, meta.class_names, meta.frame_size, recipe=[], **form)
        save_artifact(out, network, teacher_meta, report)
    if warmed_up:
        warmed_up.forget()
    return folder


def _code_hash() -> str:
    root = Path(pipeline.__file__).parent
    return sha256_json([sha256_file(file) for pattern in _CODE for file in sorted(root.glob(pattern))])


def _validation_accuracy(report: dict[str, Any]) -> float | None:
    """Of the weights that were kept; None where the report tells of no training."""
    training = report.get("training")
    return training["epochs"][training["kept_epoch"]]["val_accuracy"] if training else None
