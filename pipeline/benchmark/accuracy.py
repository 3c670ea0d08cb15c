"""Accuracy of the exported file itself, frame by frame through its engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmark.statistics import Estimate, wilson
from pipeline.data.frames import normalise
from pipeline.errors import EdgeboardError


@dataclass(frozen=True)
class Accuracy:
    """top1: fraction in [0, 1]. per_class: name -> recall, low, high, n (all but n None for a class without frames).

    confusion: `[C, C]` counts, rows are the true class, columns the decision.
    """

    top1: Estimate
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]


def predict(
    network: Callable[[NDArray[np.float32]], NDArray[np.float32]], frames_nhwc: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Logits `[N, C]` for resized frames `[N, S, S, 3]`, one frame at a time as on the board."""
    if len(frames_nhwc) == 0:
        raise EdgeboardError(
            "The test split has no frames, so that nothing can be measured", mend="see data.<task>.split"
        )
    return np.concatenate([network(normalise(frames_nhwc[i : i + 1])) for i in range(len(frames_nhwc))])


def measure_accuracy(
    logits_nc: NDArray[np.float32], labels: NDArray[np.int64], class_names: Sequence[str], where: object = None
) -> Accuracy:
    """Top-1, recall per class and confusion of `[N, C]` logits against `[N]` labels.

    Raises EdgeboardError for a network whose answers are not numbers: argmax would call them class 0.
    """
    if not np.isfinite(logits_nc).all():
        bad = int((~np.isfinite(logits_nc)).any(axis=1).sum())
        raise EdgeboardError(
            "The exported file answers NaN or infinity", where=where, value=f"{bad} of {len(labels)} frames"
        )
    decisions = logits_nc.argmax(axis=1)
    confusion = np.zeros((len(class_names), len(class_names)), dtype=np.int64)
    np.add.at(confusion, (labels, decisions), 1)
    per_class: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(class_names):
        n = int(confusion[i].sum())
        recall = wilson(int(confusion[i, i]), n) if n else None
        per_class[name] = {
            "recall": recall.value if recall else None,
            "low": recall.low if recall else None,
            "high": recall.high if recall else None,
            "n": n,
        }
    return Accuracy(wilson(int((decisions == labels).sum()), len(labels)), per_class, confusion.tolist())
