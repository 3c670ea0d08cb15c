"""A detector's backbone learns to tell objects apart on small crops first, before the detector learns to find them.

Pretraining a detector's backbone as a classifier is as old as R-CNN (Girshick et al. 2014, arXiv:1311.2524). Where no
pretrained weights are given, the classifier is trained here, on the objects themselves: a crop of 64 px costs a
twenty-fifth of a frame of 320 px, and all of it is about its object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.data.frames import data_identity, load_frames
from pipeline.detectors import Detector
from pipeline.files import sha256_json
from pipeline.options import DetectorTraining
from pipeline.params import Params
from pipeline.tasks import Task
from pipeline.training.crops import crop_batches, fixed_crop_batches
from pipeline.training.fit import Schedule, fit
from pipeline.training.kinds import hardware_of
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


def warm_up(
    network: nn.Module,
    class_names: list[str],
    task: Task,
    params: Params,
    data_folder: Path,
    checkpoints: Path,
    title: str,
    depends_on: Any,
) -> dict[str, Any] | None:
    """Train the backbone of a detector in place; gives the history, whose accuracy is top-1 of the crops.

    None, and nothing is done, for a classifier and where train.<task>.warm_up_epochs is 0.
    """
    options = params.train.of(task.name)
    if not isinstance(network, Detector) or not isinstance(options, DetectorTraining) or not options.warm_up_epochs:
        return None
    train, val = (load_frames(data_folder, split, options.frame_size, class_names) for split in ("train", "val"))
    torch.manual_seed(params.seed)
    identity = {
        "data": data_identity(data_folder),
        "options": options.model_dump(mode="json"),
        "hardware": [params.train.accelerator, params.train.devices, params.train.precision],
        "seed": params.seed,
        "depends_on": depends_on,
    }
    return fit(
        CropClassifier(network, options.warm_up_size),
        crop_batches(train, options.warm_up_size, _BATCH_SIZE, params.seed),
        fixed_crop_batches(val, options.warm_up_size, _BATCH_SIZE),
        lambda _crops, logits, labels: cross_entropy(logits, labels, label_smoothing=0.05),
        ClassificationValidation(),
        Schedule(options.warm_up_epochs, options.learning_rate, options.weight_decay, options.warm_up_epochs),
        hardware_of(task, params),
        params.seed,
        checkpoints / f"warm-up-{sha256_json(identity)[:16]}",
        title,
    )
