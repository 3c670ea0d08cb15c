"""What is measured on the validation frames after every epoch: a loss, and the metric of the task."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.answers import Answers
from pipeline.embedders import Embedder
from pipeline.training.identification import cosines_to_classes


class Validation(Protocol):
    """Sums that can be added over several devices."""

    def begin(self) -> None: ...

    def add(self, outputs: Tensor, truth: Tensor) -> None: ...

    def sums(self) -> Tensor:
        """float64 `[3]`: loss, metric and number of frames, the first two summed over the frames."""
        ...


class ClassificationValidation:
    """Cross-entropy and top-1."""

    def begin(self) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64)

    def add(self, outputs: Tensor, truth: Tensor) -> None:
        loss = nn.functional.cross_entropy(outputs, truth, reduction="sum")
        self._sums += torch.tensor([float(loss), float((outputs.argmax(1) == truth).sum()), len(truth)]).double()

    def sums(self) -> Tensor:
        return self._sums


class EmbeddingValidation:
    """Cross-entropy of the cosines to the directions of the known people, and how often the nearest is the right one.

    Strangers, whose label is below 0, count for nothing.
    """

    def __init__(self, network: Embedder, scale: float) -> None:
        self._network = network
        self._scale = scale

    def begin(self) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64)

    def add(self, outputs: Tensor, truth: Tensor) -> None:
        known = truth >= 0
        cosines = cosines_to_classes(outputs[known], self._network.class_weights)
        loss = nn.functional.cross_entropy(self._scale * cosines, truth[known], reduction="sum")
        right = (cosines.argmax(1) == truth[known]).sum()
        self._sums += torch.tensor([float(loss), float(right), int(known.sum())]).double()

    def sums(self) -> Tensor:
        return self._sums


class DetectionValidation:
    """The detector's own loss, and mAP@50 of the boxes; of several devices, each measures its share of the frames."""

    def __init__(self, network: Any, answers: Answers) -> None:
        self._network = network
        self._answers = answers

    def begin(self) -> None:
        self._loss = 0.0
        self._heads: list[Any] = []
        self._objects: list[Any] = []

    def add(self, outputs: Tensor, truth: Tensor) -> None:
        self._loss += float(self._network.loss(outputs, truth)) * len(truth)
        self._heads.append(outputs.float().cpu().numpy())
        self._objects += [one[one[:, 0] >= 0] for one in truth.float().cpu().numpy()]

    def sums(self) -> Tensor:
        n = len(self._objects)
        score = self._answers.score(np.concatenate(self._heads), self._objects)
        return torch.tensor([self._loss, score * n, n], dtype=torch.float64)
