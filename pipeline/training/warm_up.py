"""Learning from the cheap to the dear: a detector's backbone on small crops, then the whole network on small frames.

Pretraining a detector's backbone as a classifier is as old as R-CNN (Girshick et al. 2014, arXiv:1311.2524). Where no
pretrained weights are given, the classifier is trained here, on the objects themselves: a crop of 64 px costs a
twenty-fifth of a frame of 320 px, and all of it is about its object.

Small frames: progressive resizing, as in Tan & Le 2021, EfficientNetV2 (arXiv:2104.00298), section 4. Anchors are
fractions of the frame, so that the weights of one size are a start for another; what a transformer has learnt of the
positions of patches is interpolated.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.clip_networks.checkpoints import is_of_one_frame_size, with_positions_of
from pipeline.data.frames import data_identity, load_frames
from pipeline.detectors import Detector
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, replacing_folder, sha256_json, write_json
from pipeline.networks import build_network
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.training.crops import crop_batches, fixed_crop_batches
from pipeline.training.fit import Schedule, fit
from pipeline.training.kinds import hardware_of
from pipeline.training.train import train_network
from pipeline.training.validation import ClassificationValidation

_BATCH_SIZE = 32


class CropClassifier(nn.Module):
    """The backbone of a detector, the mean of each of its maps, and one linear layer: `[N, 3, s, s]` to logits."""

    def __init__(self, detector: Detector, size: int) -> None:
        super().__init__()
        self.backbone = detector.model.backbone
        detector.eval()  # the frame of zeros must not move the statistics of batch normalisation
        with torch.no_grad():
            width = self._means(torch.zeros(2, 3, size, size)).shape[1]
        self.classifier = nn.Linear(width, detector.n_classes + 1)

    def forward(self, crops_nchw: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self._means(crops_nchw))
        return logits

    def _means(self, crops_nchw: Tensor) -> Tensor:
        return torch.cat([one.mean(dim=(2, 3)) for one in self.backbone(crops_nchw).values()], dim=1)


@dataclass(frozen=True)
class WarmUp:
    """history: of `crops` and `small_frames`, None for a part of 0 epochs; accuracies of crops are top-1.

    A kill during the training that follows must not cost it: the weights are kept until `forget` is called.
    """

    history: dict[str, Any]
    _kept: Path

    def forget(self) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)


def warm_up(
    network: nn.Module,
    architecture: str,
    class_names: list[str],
    task: Task,
    params: Params,
    data_folder: Path,
    checkpoints: Path,
    title: str,
    depends_on: Any,
) -> WarmUp | None:
    """Both parts, in place, of a network as build_network makes it. None, and nothing is done, for a classifier.

    What gives embeddings, or sees clips, has small frames only.
    """
    options = params.train.of(task.name)
    if not isinstance(network, Detector) and not getattr(options, "small_epochs", 0):
        return None
    identity = {
        "data": data_identity(data_folder),
        "architecture": architecture,
        "options": options.model_dump(mode="json"),
        "hardware": [params.train.accelerator, params.train.devices, params.train.precision],
        "seed": params.seed,
        "depends_on": depends_on,
    }
    name = f"warm-up-{sha256_json(identity)[:16]}"
    kept = checkpoints / name
    if (kept / "history.json").is_file():
        print(f"{title}: warmed up before", flush=True)
        network.load_state_dict(load_file(kept / "weights.safetensors"))
        return WarmUp(read_json(kept / "history.json"), kept)
    crops = small_frames = None
    if isinstance(network, Detector) and options.warm_up_epochs:
        train, val = (load_frames(data_folder, split, options.frame_size, class_names) for split in ("train", "val"))
        torch.manual_seed(params.seed)
        crops = fit(
            CropClassifier(network, options.warm_up_size),
            crop_batches(train, options.warm_up_size, _BATCH_SIZE, params.seed),
            fixed_crop_batches(val, options.warm_up_size, _BATCH_SIZE),
            lambda _crops, logits, labels: cross_entropy(logits, labels, label_smoothing=0.05),
            ClassificationValidation(),
            Schedule(options.warm_up_epochs, options.learning_rate, options.weight_decay, options.warm_up_epochs),
            hardware_of(task, params),
            params.seed,
            checkpoints / f"{name}-crops",
            f"{title}, crops",
        )
    if options.small_epochs:
        small = _for_small_frames(network, architecture, len(class_names), options)
        small_frames = train_network(
            small,
            class_names,
            task,
            params,
            data_folder,
            checkpoints,
            f"{title}, {options.small_size} px",
            epochs=options.small_epochs,
            learning_rate=options.learning_rate,
            depends_on=depends_on,
            frame_size=options.small_size,
        )
        network.load_state_dict(with_positions_of(network.state_dict(), small.state_dict()))
    history = {"crops": crops, "small_frames": small_frames}
    with replacing_folder(kept) as out:
        weights = {key: tensor.contiguous().clone() for key, tensor in network.state_dict().items()}
        save_file(weights, out / "weights.safetensors")
        write_json(out / "history.json", history)
    return WarmUp(history, kept)


def _for_small_frames(network: nn.Module, architecture: str, n_classes: int, options: Any) -> nn.Module:
    """The same weights; a detector's anchors, and positions of patches, depend on the size of the frames."""
    own = network.state_dict()
    if not isinstance(network, Detector) and not is_of_one_frame_size(own):
        return network
    try:
        small = build_network(architecture, n_classes, options.small_size, **options.network_form())
    except EdgeboardError as error:
        raise EdgeboardError(
            error.what,
            where="train.<task>.small_size",
            value=error.value,
            allowed=error.allowed,
            mend="change train.<task>.small_size, or go without small frames: train.<task>.small_epochs=0",
        ) from None
    small.load_state_dict(with_positions_of(small.state_dict(), own))
    return small
